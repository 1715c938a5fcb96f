import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { type Actor, actor, completeWorkflow, ms, scheduleTimer } from "../support/actor.js";
import {
  type CommandInit,
  kindsOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let server: TestServer;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

beforeEach(async () => {
  it = actor(server, await makeNamespace(server));
});

afterAll(() => cluster.close());

const startChild: CommandInit = {
  seq: 1,
  kind: {
    case: "startChildWorkflow",
    value: { spec: { workflowId: "child", workflowType: "order" } },
  },
};

/** Takes the next task, which must be of this workflow id. */
async function runTaskOf(workflowId: string, ...commands: CommandInit[]): Promise<WorkflowTask> {
  let found: WorkflowTask | undefined;
  await until(`${workflowId} has a task`, async () => {
    const [task] = await it.poll({ wait: ms(50) });
    if (task?.workflowId === workflowId) found = task;
    else if (task !== undefined) await it.complete(task, []);
    return found !== undefined;
  });
  if (found === undefined) throw new Error("it was found");
  await it.complete(found, commands);
  return found;
}

/** A parent whose child has started, with a task behind that. */
async function parent(): Promise<WorkflowTask> {
  await it.start("parent");
  await runTaskOf("parent", startChild);
  await until("the child has started", async () =>
    kindsOf(await it.history("parent")).includes("childWorkflowStarted"),
  );
  return runTaskOf("parent");
}

async function eventOf(kind: HistoryEvent["kind"]["case"]): Promise<HistoryEvent[]> {
  return (await it.history("parent")).filter((event) => event.kind.case === kind);
}

/** The child ends. */
async function endChild(): Promise<WorkflowTask> {
  await it.signal("child");
  return runTaskOf("child", completeWorkflow);
}

describe("a child that was pending at the task", () => {
  test("is told whose it is now if it is a child, and its end is heard once", async () => {
    const task = await parent();
    const made = await it.reset("parent", task.startedEventId);
    await until("the child knows", async () => {
      const { workflow } = await it.get("child");
      return workflow?.parent?.runId === made.runId;
    });
    await endChild();
    await until("the parent knows", async () => (await eventOf("childWorkflowCompleted")).length > 0);
    expect((await it.get("parent")).pendingChildren).toEqual([]);
    expect(await eventOf("childWorkflowCompleted")).toHaveLength(1);
  });

  test("is asked how it ended if it is a child of a run that had closed", async () => {
    const task = await parent();
    await it.terminate("parent");
    await until("the child has ended", async () => (await it.get("child")).outcome !== undefined);
    await it.reset("parent", task.startedEventId);
    await until("the parent knows", async () => (await eventOf("childWorkflowTerminated")).length > 0);
    expect(await eventOf("childWorkflowTerminated")).toHaveLength(1);
    expect(await cluster.run("select * from messages")).toEqual([]);
  });

  test("has ended in the new run as well if it is a child whose end was heard", async () => {
    const task = await parent();
    await endChild();
    await until("the parent knows", async () => (await eventOf("childWorkflowCompleted")).length > 0);
    await it.reset("parent", task.startedEventId);
    expect(await eventOf("childWorkflowCompleted")).toHaveLength(1);
    expect(await eventOf("childWorkflowAdopted")).toEqual([]);
  });

  test("is heard of by the parent once, though the child is reset after its end", async () => {
    await parent();
    const ended = await endChild();
    await until("the parent knows", async () => (await eventOf("childWorkflowCompleted")).length > 0);
    await it.reset("child", ended.startedEventId);
    await endChild();
    await until("all is told", async () => (await cluster.run("select * from messages")).length === 0);
    expect(await eventOf("childWorkflowCompleted")).toHaveLength(1);
  });

  test("goes on for its parent if the child is reset while it is open", async () => {
    await parent();
    await it.signal("child");
    const child = await runTaskOf("child", scheduleTimer(1, 3_600));
    await it.reset("child", child.startedEventId);
    await endChild();
    await until("the parent knows", async () => (await eventOf("childWorkflowCompleted")).length > 0);
    expect(kindsOf(await it.history("parent"))).not.toContain("childWorkflowTerminated");
  });
});
