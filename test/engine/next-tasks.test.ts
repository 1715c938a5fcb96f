import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import { type Actor, actor, completeWorkflow, scheduleActivity, tokenOf } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});
beforeEach(async () => {
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
});
afterAll(() => cluster.close());

const eager = (seq: number, value: object = {}) =>
  scheduleActivity(seq, { requestEagerStart: true, ...value });

/** Completes tasks, asking for the next ones. */
async function finish(
  tasks: readonly (Pick<WorkflowTask, "taskToken"> | undefined)[],
  commands: CommandInit[],
  rest: object = {},
  at = server,
  signal?: AbortSignal,
) {
  const request = create(wk.CompleteWorkflowTasksRequestSchema, {
    namespace,
    returnNextTasks: true,
    completions: tasks.map((task) => ({ taskToken: tokenOf(task), commands })),
    ...rest,
  });
  return create(
    wk.CompleteWorkflowTasksResponseSchema,
    await at.operations.completeWorkflowTasks(request, callOf(signal)),
  );
}

describe("a completion that asks for the next tasks", () => {
  test("has the one that is there at once, with what came meanwhile", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.signal("wf");
    const { outcomes, nextTasks } = await finish([task], []);
    expect(outcomes[0]?.outcome.case).toBe("accepted");
    expect(nextTasks).toHaveLength(1);
    expect(nextTasks[0]?.history.some(({ kind }) => kind.case === "signalReceived")).toBe(true);
    const done = await finish([nextTasks[0]], [completeWorkflow]);
    expect(done).toMatchObject({ outcomes: [{ outcome: { case: "accepted" } }], nextTasks: [] });
  });

  test("has none where none is there", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    expect((await finish([task], [])).nextTasks).toEqual([]);
    await it.signal("wf");
    expect(await it.poll()).toHaveLength(1);
  });

  test("repeated after a lost answer has the same, at another server too, as long as it is held", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.signal("wf");
    const { nextTasks: first } = await finish([task], []);
    const other = await cluster.open();
    const again = await finish([task], [], {}, other);
    expect(again.outcomes[0]?.outcome).toMatchObject({ value: { alreadyApplied: true } });
    expect(again.nextTasks.map(({ startedEventId }) => startedEventId)).toEqual([first[0]?.startedEventId]);
    await it.complete(again.nextTasks[0], []);
    expect((await finish([task], [])).nextTasks).toEqual([]);
    await other.stop();
  });

  test("sends a caching worker the new events alone", async () => {
    await it.register("w", { taskQueues: ["default"] });
    await it.start("wf");
    const [task] = await it.poll({ workerId: "w", isCaching: true });
    await it.signal("wf");
    const { nextTasks } = await finish([task], [], { workerId: "w" });
    expect(nextTasks[0]?.historyAfterEventId).toBe(task?.startedEventId);
  });

  test("of a worker that drains has none: others get them", async () => {
    await it.register("w", { taskQueues: ["default"] });
    await it.start("wf");
    const [task] = await it.poll({ workerId: "w" });
    await it.signal("wf");
    await it.drain("w");
    expect((await finish([task], [], { workerId: "w" })).nextTasks).toEqual([]);
    expect(await it.poll()).toHaveLength(1);
  });

  test("whose caller has gone gives them back", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    await it.signal("wf");
    const gone = new AbortController();
    gone.abort();
    expect((await finish([task], [], {}, server, gone.signal)).nextTasks).toEqual([]);
    expect(await it.poll()).toHaveLength(1);
  });
});

describe("an activity that asks for an eager start", () => {
  test("comes with the answer, with its lease", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    const { activityTasks } = await finish([task], [eager(1), scheduleActivity(2)]);
    expect(activityTasks).toMatchObject([{ seq: 1, activityType: "charge", attempt: 1 }]);
    expect((await it.completeActivity(activityTasks[0]))?.outcome?.case).toBe("accepted");
    const [other] = await it.pollActivities();
    expect(other?.seq).toBe(2);
  });

  test("of an anonymous worker comes three times a call at most, and the others as usual", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    const { activityTasks } = await finish(
      [task],
      [1, 2, 3, 4, 5].map((seq) => eager(seq)),
    );
    expect(activityTasks.map(({ seq }) => seq).sort()).toEqual([1, 2, 3]);
    expect(await it.pollActivities({ maxTasks: 10 })).toHaveLength(2);
  });

  test("comes to a registered worker for what it handles, as far as it has slots", async () => {
    await it.register("w", { taskQueues: ["default"], activityTypes: ["charge"], activitySlots: 1 });
    await it.start("wf");
    const [task] = await it.poll({ workerId: "w" });
    const commands = [eager(1, { activityType: "ship" }), eager(2, { taskQueue: "far" }), eager(3), eager(4)];
    const { activityTasks } = await finish([task], commands, { workerId: "w" });
    expect(activityTasks.map(({ seq }) => seq)).toEqual([3]);
  });

  test("is the same one for a repeat of the completion", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    const first = await finish([task], [eager(1)]);
    const again = await finish([task], [eager(1)]);
    expect(again.activityTasks.map(({ seq, attempt }) => [seq, attempt])).toEqual([[1, 1]]);
    expect((await it.completeActivity(first.activityTasks[0]))?.outcome?.case).toBe("accepted");
  });

  test("of a completion that is refused does not come", async () => {
    await it.start("wf");
    const [task] = await it.poll();
    const { outcomes, activityTasks } = await finish([task], [eager(1), eager(1)]);
    expect(outcomes[0]?.outcome.case).toBe("error");
    expect(activityTasks).toEqual([]);
  });
});
