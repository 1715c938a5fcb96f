import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { type Actor, actor, completeWorkflow, scheduleActivity } from "../support/actor.js";
import {
  type CommandInit,
  kindsOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

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

/** Takes the next workflow task of the queue. */
async function take(): Promise<WorkflowTask> {
  const [task] = await it.poll();
  if (task === undefined) throw new Error("there is no workflow task");
  return task;
}

/** Takes the next workflow task and completes it. */
async function runTask(...commands: CommandInit[]): Promise<WorkflowTask> {
  const task = await take();
  await it.complete(task, commands);
  return task;
}

/** Takes the next activity and completes it. */
async function runActivity(): Promise<number> {
  const [task] = await it.pollActivities();
  if (task === undefined) throw new Error("there is no activity");
  await it.completeActivity(task);
  return task.seq;
}

/** The id of the n-th event of a kind. */
function idOf(history: readonly HistoryEvent[], kind: HistoryEvent["kind"]["case"], n = 1): number {
  const event = history.filter((candidate) => candidate.kind.case === kind)[n - 1];
  if (event === undefined) throw new Error(`there is no ${kind}`);
  return event.eventId;
}

describe("a reset", () => {
  test("of a closed run makes one that has what came before the task, and makes the task again", async () => {
    const { runId } = await it.start("wf", { spec: { input: { body: { case: "json", value: "1" } } } });
    await runTask(scheduleActivity(1));
    await runActivity();
    await runTask(scheduleActivity(2));
    await runActivity();
    await runTask(completeWorkflow);
    const before = await it.history("wf");
    const eventId = idOf(before, "workflowTaskCompleted", 2);
    const made = await it.reset("wf", eventId);
    const after = await it.history("wf");
    expect(after.slice(0, eventId - 1)).toEqual(before.slice(0, eventId - 1));
    expect(kindsOf(after.slice(eventId - 1))).toEqual(["workflowTaskFailed", "workflowTaskScheduled"]);
    expect(after[eventId - 1]?.kind.value).toMatchObject({
      startedEventId: eventId - 1,
      cause: WorkflowTaskFailureCause.RESET,
      failure: { message: "a bug" },
      baseRunId: runId,
      newRunId: made.runId,
    });
    const { workflow } = await it.get("wf");
    expect(workflow).toMatchObject({
      runId: made.runId,
      status: WorkflowStatus.RUNNING,
      previousRunId: runId,
      resetFromRunId: runId,
      firstRunId: runId,
      historyLength: eventId + 1,
    });
    expect(await it.history("wf", runId)).toEqual(before);
    const task = await runTask(completeWorkflow);
    expect(task).toMatchObject({ runId: made.runId, startedEventId: eventId + 2 });
    expect(await it.pollActivities({ wait: { seconds: 0n, nanos: 0 } })).toEqual([]);
    expect((await it.result("wf")).outcome).toMatchObject({ status: WorkflowStatus.COMPLETED });
    expect(await cluster.run("select * from history_copies")).toEqual([]);
  });
});
