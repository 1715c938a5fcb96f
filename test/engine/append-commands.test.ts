import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import { type Actor, actor, completeWorkflow, scheduleTimer, tokenOf } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;
let task: WorkflowTask | undefined;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});
beforeEach(async () => {
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
  await it.start("wf");
  [task] = await it.poll();
});
afterAll(() => cluster.close());

async function append(
  offset: number,
  commands: CommandInit[],
  rest: object = {},
  at = server,
): Promise<number> {
  const request = create(wk.AppendCommandsRequestSchema, {
    namespace,
    taskToken: tokenOf(task),
    offset,
    commands: commands.map((command) => create(CommandSchema, command)),
    ...rest,
  });
  return (await at.operations.appendCommands(request, callOf())).count ?? 0;
}

const timers = async () => kindsOf(await it.history("wf")).filter((kind) => kind === "timerScheduled").length;

describe("AppendCommands", () => {
  test("keeps commands with the task: they come before those of its completion, at any server", async () => {
    expect(await append(0, [scheduleTimer(1, 60), scheduleTimer(2, 60)])).toBe(2);
    const other = await cluster.open();
    expect(await append(2, [scheduleTimer(3, 60)], {}, other)).toBe(3);
    await actor(other, namespace).complete(task, [scheduleTimer(4, 60), completeWorkflow]);
    expect(kindsOf(await it.history("wf")).slice(3)).toEqual([
      "workflowTaskCompleted",
      ...Array.from({ length: 4 }, () => "timerScheduled"),
      "workflowCompleted",
    ]);
    expect(await cluster.run("select * from pawl.appended_commands")).toEqual([]);
    await other.stop();
  });

  test("sent again changes nothing", async () => {
    expect(await append(0, [scheduleTimer(1, 60)])).toBe(1);
    expect(await append(0, [scheduleTimer(1, 60)])).toBe(1);
    expect(await append(1, [scheduleTimer(2, 60)])).toBe(2);
    expect(await append(0, [scheduleTimer(1, 60)])).toBe(2);
    await it.complete(task, []);
    expect(await timers()).toBe(2);
  });

  test("refuses a gap, and a lease that is over", async () => {
    expect(await reasonOf(append(1, [scheduleTimer(1, 60)]))).toBe("INVALID_FIELD");
    await it.complete(task, []);
    expect(await reasonOf(append(0, [scheduleTimer(1, 60)]))).toBe("STALE_LEASE");
    expect(await reasonOf(append(0, [scheduleTimer(1, 60)], { namespace: "main" }))).toBe("INVALID_TOKEN");
  });

  test("does not outlive the task: the next holder begins anew", async () => {
    await append(0, [scheduleTimer(1, 60)]);
    await it.fail(task);
    cluster.moveTime(2_000);
    await server.upkeep.wakeDueRuns();
    [task] = await it.poll();
    await append(0, [scheduleTimer(1, 60)]);
    await it.complete(task, []);
    expect(await timers()).toBe(1);
  });

  test("an invalid command refuses the whole completion, counted from the first that was sent", async () => {
    await append(0, [scheduleTimer(1, 60), { seq: 2, kind: { case: "scheduleTimer", value: {} } }]);
    const outcome = await it.complete(task, [scheduleTimer(3, 60)]);
    expect(outcome?.outcome?.value).toMatchObject({ metadata: { command_index: "1" } });
    expect(await timers()).toBe(0);
  });

  test("refuses more than a task may have", async () => {
    await cluster.run(
      `update pawl.runs set workflow_task = jsonb_set(workflow_task::jsonb, '{appended}', '{"count": 1, "bytes": 67108864}')::json, version = version + 1
       where workflow_id = 'wf' and namespace_id = (select namespace_id from pawl.namespaces where name = $1)`,
      [namespace],
    );
    expect(await reasonOf(append(1, [scheduleTimer(1, 60)]))).toBe("CALL_LIMIT");
  });
});
