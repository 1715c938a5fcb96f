import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import {
  type Actor,
  actor,
  completeWorkflow,
  ms,
  scheduleActivity,
  scheduleTimer,
} from "../support/actor.js";
import {
  idOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { miscounted } from "../support/miscounted.js";

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

afterAll(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  await cluster.close();
});

/** Takes the next activity and completes it. */
async function runActivity(): Promise<number> {
  const [task] = await it.pollActivities();
  if (task === undefined) throw new Error("there is no activity");
  await it.completeActivity(task);
  return task.seq;
}

describe("a reset", () => {
  test("of a closed run makes one that has what came before the task, and makes the task again", async () => {
    const { runId } = await it.start("wf", { spec: { input: { body: { case: "json", value: "1" } } } });
    await it.runTask(scheduleActivity(1));
    await runActivity();
    await it.runTask(scheduleActivity(2));
    await runActivity();
    await it.runTask(completeWorkflow);
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
    const task = await it.runTask(completeWorkflow);
    expect(task).toMatchObject({ runId: made.runId, startedEventId: eventId + 2 });
    expect(await it.pollActivities({ wait: { seconds: 0n, nanos: 0 } })).toEqual([]);
    expect((await it.result("wf")).outcome).toMatchObject({ status: WorkflowStatus.COMPLETED });
    expect(await cluster.run("select * from history_copies")).toEqual([]);
  });

  test("of an open run ends it at once, and runs again what came behind the task", async () => {
    const { runId } = await it.start("wf");
    await it.runTask(scheduleActivity(1));
    await runActivity();
    const second = await it.runTask(scheduleActivity(2));
    await runActivity();
    const [waiting] = [it.result("wf", { runId: runId ?? "", wait: ms(20_000) })];
    const made = await it.reset("wf", second.startedEventId);
    expect((await it.history("wf", runId)).at(-1)?.kind).toMatchObject({
      case: "workflowTerminated",
      value: { reason: "reset: a bug", nextRunId: made.runId, isReset: true },
    });
    expect((await it.get("wf", runId)).workflow?.nextRunId).toBe(made.runId);
    await it.runTask(scheduleActivity(2));
    expect(await runActivity()).toBe(2);
    await it.runTask(completeWorkflow);
    expect(await waiting).toMatchObject({
      runId: made.runId,
      outcome: { runId: made.runId, status: WorkflowStatus.COMPLETED },
    });
  });

  test("of an older run ends the one that is open, though that is another", async () => {
    const { runId } = await it.start("wf");
    const task = await it.runTask(completeWorkflow);
    const other = await it.start("wf");
    const made = await it.reset("wf", task.startedEventId + 1, { runId: runId ?? "" });
    expect((await it.history("wf", other.runId)).at(-1)?.kind).toMatchObject({
      case: "workflowTerminated",
      value: { nextRunId: made.runId, isReset: false },
    });
    expect((await it.result("wf", { runId: other.runId ?? "" })).outcome?.status).toBe(
      WorkflowStatus.TERMINATED,
    );
    expect((await it.get("wf")).workflow).toMatchObject({ runId: made.runId, previousRunId: runId });
  });

  test("of a run that a reset made goes back into what was copied", async () => {
    const { runId } = await it.start("wf");
    const first = await it.runTask(scheduleActivity(1));
    await runActivity();
    const second = await it.runTask(scheduleTimer(2, 60));
    const again = await it.reset("wf", second.startedEventId);
    const made = await it.reset("wf", first.startedEventId);
    expect((await it.get("wf")).workflow).toMatchObject({
      runId: made.runId,
      firstRunId: runId,
      resetFromRunId: again.runId,
    });
    expect(await it.runTask(completeWorkflow)).toMatchObject({ runId: made.runId });
  });

  test("begins in the midst of a stored row: what was stored with the task's start stays behind", async () => {
    await it.start("wf");
    await it.runTask();
    await it.signal("wf");
    const task = await it.take();
    await it.sideEffect("wf", {
      ...{ seq: 1, taskToken: task.taskToken },
      command: { value: { body: { case: "json", value: "1" } } },
    });
    const rows = await cluster.run<{ first: number; last: number }>(
      "select first_event_id as first, last_event_id as last from history where run_id = $1 order by 1",
      [task.runId],
    );
    const row = rows.at(-1);
    const started = (await it.history("wf")).findLast(({ kind }) => kind.case === "workflowTaskStarted");
    expect(started?.eventId).toBe(row?.last);
    const made = await it.reset("wf", task.startedEventId);
    expect(kindsOf(await it.history("wf", made.runId)).slice(-3)).toEqual([
      "workflowTaskStarted",
      "workflowTaskFailed",
      "workflowTaskScheduled",
    ]);
  });
});

describe("what is pending at the task", () => {
  test("is tried again from its first attempt if it is an activity, and keeps its time if it is a timer", async () => {
    await it.start("wf");
    await it.runTask(scheduleActivity(1), scheduleTimer(2, 5), scheduleTimer(3, 3_600));
    const [attempt] = await it.pollActivities();
    await it.failActivity(attempt);
    await it.signal("wf");
    const task = await it.runTask();
    cluster.moveTime(1_500);
    await server.upkeep.wakeDueRuns();
    await runActivity();
    cluster.moveTime(5_000);
    await server.upkeep.wakeDueRuns();
    const base = await it.get("wf");
    expect(base.pendingTimers.map(({ seq }) => seq)).toEqual([3]);
    const made = await it.reset("wf", task.startedEventId);
    const { pendingTimers, pendingActivities } = await it.get("wf");
    expect(pendingTimers.at(-1)).toEqual(base.pendingTimers[0]);
    expect(pendingActivities).toMatchObject([{ seq: 1, attempt: 1 }]);
    await server.upkeep.wakeDueRuns();
    expect(kindsOf(await it.history("wf")).slice(-1)).toEqual(["timerFired"]);
    const [again] = await it.pollActivities();
    expect(again).toMatchObject({ runId: made.runId, seq: 1, attempt: 1 });
    await it.completeActivity(again);
    expect(kindsOf(await it.history("wf")).slice(-2)).toEqual(["activityStarted", "activityCompleted"]);
  });
});

describe("a call to reset", () => {
  test("has one effect under its request id", async () => {
    await it.start("wf");
    const { startedEventId } = await it.runTask(scheduleTimer(1, 60));
    const request = { requestId: "r" };
    const [first, second] = await Promise.all([
      it.reset("wf", startedEventId, request),
      it.reset("wf", startedEventId, request),
    ]);
    expect(second).toEqual(first);
    expect(await it.reset("wf", startedEventId, request)).toEqual(first);
    expect(await reasonOf(it.reset("wf", startedEventId, { ...request, reason: "another" }))).toBe(
      "REQUEST_ID_REUSED",
    );
    expect(await reasonOf(it.start("wf", request))).toBe("REQUEST_ID_REUSED");
    expect((await it.get("wf")).workflow?.runId).toBe(first.runId);
    expect(await cluster.run("select * from history_copies")).toEqual([]);
    const [left] = await cluster.run<{ runs: number }>(
      "select count(distinct run_id)::int as runs from history h where not exists (select from runs r where r.run_id = h.run_id)",
    );
    expect(left?.runs).toBe(0);
  });

  test("is refused for what is no end of a workflow task, and leaves nothing", async () => {
    const { runId } = await it.start("wf");
    await it.signal("wf");
    const { startedEventId } = await it.runTask(scheduleTimer(1, 60));
    const invalid = [1, 2, 3, startedEventId + 2, startedEventId + 3, 2_147_483_647];
    for (const eventId of invalid)
      expect([eventId, await reasonOf(it.reset("wf", eventId))]).toEqual([eventId, "RESET_POINT_INVALID"]);
    await it.signal("wf");
    const task = await it.take();
    expect(await reasonOf(it.reset("wf", task.startedEventId))).toBe("RESET_POINT_INVALID");
    expect((await it.get("wf")).workflow).toMatchObject({ runId, status: WorkflowStatus.RUNNING });
  });

  test("finds no run that is not there, nor one of another namespace", async () => {
    const { runId } = await it.start("wf");
    const { startedEventId } = await it.runTask();
    expect(await reasonOf(it.reset("none", startedEventId))).toBe("WORKFLOW_NOT_FOUND");
    const other = "01990000-0000-7000-8000-000000000001";
    expect(await reasonOf(it.reset("wf", startedEventId, { runId: other }))).toBe("WORKFLOW_NOT_FOUND");
    const elsewhere = actor(server, await makeNamespace(server));
    expect(await reasonOf(elsewhere.reset("wf", startedEventId, { runId: runId ?? "" }))).toBe(
      "WORKFLOW_NOT_FOUND",
    );
  });

  test("is refused when the time of all runs is over, and leaves no copy", async () => {
    const { runId } = await it.start("wf", { spec: { executionTimeout: ms(60_000) } });
    const { startedEventId } = await it.runTask(completeWorkflow);
    const { runId: second } = await it.reset("wf", startedEventId);
    const { runId: third } = await it.reset("wf", startedEventId);
    cluster.moveTime(61_000);
    expect(await reasonOf(it.reset("wf", startedEventId))).toBe("RESET_POINT_INVALID");
    expect(await cluster.run("select * from history_copies")).toEqual([]);
    const runs = await cluster.run<{ run_id: string }>("select distinct run_id from history");
    const ours = runs.map((row) => row.run_id).filter((id) => [runId, second, third].includes(id));
    expect(ours).toHaveLength(3);
    const [left] = await cluster.run<{ runs: number }>(
      "select count(distinct run_id)::int as runs from history h where not exists (select from runs r where r.run_id = h.run_id)",
    );
    expect(left?.runs).toBe(0);
  });

  test("loses no signal that is acknowledged while it is under way", async () => {
    const other = await cluster.open();
    await it.start("wf");
    const { startedEventId } = await it.runTask();
    const there = actor(other, (await it.get("wf")).workflow?.namespace ?? "");
    const acknowledged: string[] = [];
    const signalling = [it, there].map(async (who, index) => {
      for (let n = 0; n < 40; n++) {
        const name = `${index}-${n}`;
        if ((await reasonOf(who.signal("wf", { name }))) === undefined) acknowledged.push(name);
      }
    });
    const resetting = [it, there].map(async (who) => {
      for (let n = 0; n < 3; n++) await who.reset("wf", startedEventId);
    });
    await Promise.all([...signalling, ...resetting]);
    const names = (await it.history("wf")).flatMap(({ kind }) =>
      kind.case === "signalReceived" ? [kind.value.name] : [],
    );
    expect(names.toSorted()).toEqual(acknowledged.toSorted());
    const open = await cluster.run(
      "select run_id from runs where workflow_id = 'wf' and status <= 2 and namespace_id = (select namespace_id from namespaces where name = $1)",
      [(await it.get("wf")).workflow?.namespace],
    );
    expect(open).toHaveLength(1);
    expect(await cluster.run("select * from history_copies")).toEqual([]);
    await other.stop();
  });
});
