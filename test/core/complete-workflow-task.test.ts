import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { wake } from "../../src/core/wake.js";
import { type CommandInit, commands, newScenario, reasonOf, refusalOf } from "./scenario.js";

const notThere = (): number => {
  throw new TypeError("broken");
};
const notJson = { body: { case: "json", value: "{" } } as const;

const withTexts: CommandInit = {
  seq: 1,
  kind: { case: "scheduleTimer", value: { duration: { seconds: 1n, nanos: 0 } } },
  userMetadata: { summary: notJson },
};

describe("completing a workflow task", () => {
  it("puts the events of commands behind Completed, and what came meanwhile behind them", () => {
    const run = newScenario();
    run.takeTask();
    run.signal("a");
    run.complete([commands.timer(1, 1), commands.sideEffect(2)]);
    expect(run.kinds().slice(3)).toEqual([
      "workflowTaskCompleted",
      "timerScheduled",
      "sideEffectRecorded",
      "signalReceived",
      "workflowTaskScheduled",
    ]);
    expect(run.state.buffered).toEqual([]);
  });

  it("knows a repeat, even one that closed the run", () => {
    const run = newScenario();
    const fence = run.takeTask();
    run.complete([commands.done()]);
    expect(run.complete([commands.done()], { fence })).toMatchObject({
      alreadyApplied: true,
      refusal: undefined,
    });
    expect(run.state.status).toBe(WorkflowStatus.COMPLETED);
  });

  it("refuses to close over news, and makes the task again", () => {
    const run = newScenario();
    const fence = run.takeTask();
    run.signal("a");
    const { refusal } = run.complete([commands.timer(1, 1), commands.done()]);
    expect(refusal?.reason).toBe(ErrorReason.UNHANDLED_COMMAND);
    expect(run.kinds().slice(3)).toEqual(["workflowTaskFailed", "signalReceived", "workflowTaskScheduled"]);
    expect(run.state).toMatchObject({ status: WorkflowStatus.RUNNING, lastSeq: 0 });
    expect(reasonOf(() => run.complete([commands.done()], { fence }))).toBe("STALE_LEASE");
    run.runTask(commands.done());
    expect(run.state.status).toBe(WorkflowStatus.COMPLETED);
  });

  it("lets a run close that a flood of signals holds open", () => {
    const run = newScenario();
    for (let i = 0; i < 10; i++) {
      run.takeTask();
      run.signal(`s${i}`);
      run.complete([commands.done()]);
    }
    run.signal("before it is taken");
    run.takeTask();
    expect(reasonOf(() => run.signal("during"))).toBe("SERVER_BUSY");
    run.pass(10_000);
    run.apply(wake);
    run.takeTask();
    expect(run.state.workflowTask?.refusedCloses).toBe(10);
    expect(reasonOf(() => run.signal("during"))).toBe("SERVER_BUSY");
    run.complete([commands.done()]);
    expect(run.state.status).toBe(WorkflowStatus.COMPLETED);
  });

  it("remembers refused closings through a task that is made anew", () => {
    const run = newScenario();
    run.takeTask();
    run.signal("a");
    run.complete([commands.done()]);
    run.takeTask();
    run.signal("b");
    run.pass(10_000);
    run.apply(wake);
    expect(run.state.workflowTask).toMatchObject({ attempt: 1, refusedCloses: 1 });
  });

  it("makes a new task if asked to", () => {
    const run = newScenario();
    run.takeTask();
    run.complete([commands.timer(1, 1)], { requestNewTask: true });
    expect(run.kinds().at(-1)).toBe("workflowTaskScheduled");
    expect(run.state.workflowTask?.heartbeatSince).toBeUndefined();
  });

  it("keeps a task alive without commands for 30 minutes and no longer", () => {
    const run = newScenario();
    const since = run.now;
    run.takeTask();
    run.complete([], { requestNewTask: true });
    expect(run.state.workflowTask?.heartbeatSince).toBe(since);
    run.takeTask();
    run.pass(30 * 60_000);
    run.complete([], { requestNewTask: true });
    expect(run.state.workflowTask).toMatchObject({ attempt: 1, heartbeatSince: since });
    run.pass(1);
    run.takeTask();
    const { refusal } = run.complete([], { requestNewTask: true });
    expect(refusal?.reason).toBe(ErrorReason.STALE_LEASE);
    expect(run.kinds().at(-1)).toBe("workflowTaskTimedOut");
  });

  it("keeps a wish for a new task from a run that has closed", () => {
    const run = newScenario();
    run.takeTask();
    run.complete([commands.done()], { requestNewTask: true });
    expect(run.state.workflowTask).toBeUndefined();
  });

  it.each<[string, CommandInit[], string | undefined]>([
    ["no kind", [{}], "INVALID_COMMAND"],
    ["a closing one that is not the last", [commands.done(), commands.timer(1, 1)], "INVALID_COMMAND"],
    ["a seq of zero", [commands.timer(0, 1)], "INVALID_COMMAND"],
    ["a seq twice", [commands.timer(1, 1), commands.activity(1)], "INVALID_COMMAND"],
    ["seqs with gaps", [commands.timer(3, 1), commands.activity(7)], undefined],
    ["no duration", [{ seq: 1, kind: { case: "scheduleTimer", value: {} } }], "INVALID_COMMAND"],
    ["a negative duration", [commands.timer(1, -1)], "INVALID_COMMAND"],
    ["no value", [{ seq: 1, kind: { case: "recordSideEffect", value: {} } }], "INVALID_COMMAND"],
    ["a timer of the future", [commands.cancelTimer(1)], "INVALID_COMMAND"],
    ["timer zero", [commands.cancelTimer(0)], "INVALID_COMMAND"],
    ["an activity of the future", [commands.cancelActivity(1)], "INVALID_COMMAND"],
    ["activity zero", [commands.cancelActivity(0)], "INVALID_COMMAND"],
    ["no type", [commands.activity(1, { activityType: "" })], "INVALID_COMMAND"],
    ["a priority of 6", [commands.activity(1, { priority: 6 })], "INVALID_COMMAND"],
    ["a priority of -1", [commands.activity(1, { priority: -1 })], "INVALID_COMMAND"],
    [
      "an activity id twice",
      [commands.activity(1), commands.activity(2, { activityId: "1" })],
      "INVALID_COMMAND",
    ],
    ["two activity ids", [commands.activity(1), commands.activity(2, { activityId: "x" })], undefined],
    ["a queue of U+0000", [commands.activity(1, { taskQueue: "\0" })], "INVALID_COMMAND"],
    ["a bad payload", [commands.activity(1, { input: notJson })], "INVALID_PAYLOAD"],
    ["a bad header", [commands.activity(1, { header: { fields: { a: notJson } } })], "INVALID_PAYLOAD"],
    ["bad texts", [withTexts], "INVALID_PAYLOAD"],
    ["no failure", [{ kind: { case: "failWorkflow", value: {} } }], "INVALID_COMMAND"],
    ["a cancellation nobody asked for", [commands.cancelled()], "CANCEL_NOT_REQUESTED"],
  ])("checks commands: %s", (_what, inits, reason) => {
    const run = newScenario();
    run.takeTask();
    const before = run.state;
    const refusal = refusalOf(() => run.complete(inits));
    expect(refusal && ErrorReason[refusal.reason]).toBe(reason);
    if (refusal === undefined) return;
    expect(run.state).toBe(before);
    expect(refusal.metadata).toMatchObject({
      command_index: String(
        inits.length === 2 && reason === "INVALID_COMMAND" && inits[0]?.kind?.case !== "completeWorkflow"
          ? 1
          : 0,
      ),
    });
    expect(refusal.metadata.command).toMatch(/^[a-z_]+$/);
  });

  it("passes a fault that is no refusal on as it is", () => {
    const run = newScenario();
    run.takeTask();
    Object.defineProperty(run.limits, "maxPendingPerKind", { get: () => notThere() });
    expect(() => run.complete([commands.timer(1, 1)])).toThrow(TypeError);
  });

  it("bounds what is pending", () => {
    const run = newScenario({}, { maxPendingPerKind: 1 });
    run.takeTask();
    const timers = refusalOf(() => run.complete([commands.timer(1, 1), commands.timer(2, 1)]));
    expect(timers?.metadata).toEqual({
      kind: "timers",
      limit: "1",
      command_index: "1",
      command: "schedule_timer",
    });
    expect(reasonOf(() => run.complete([commands.activity(1), commands.activity(2)]))).toBe("PENDING_LIMIT");
    run.complete([commands.timer(1, 1), commands.activity(2)]);
  });

  it("takes an end without a value", () => {
    const run = newScenario();
    run.runTask({ kind: { case: "completeWorkflow", value: {} } });
    expect(run.last("workflowCompleted").result).toBeUndefined();
  });

  it("fails a run", () => {
    const run = newScenario();
    run.runTask(commands.activity(1), commands.fail("declined"));
    expect(run.state).toMatchObject({ status: WorkflowStatus.FAILED, activities: new Map() });
    expect(run.last("workflowFailed")).toMatchObject({
      failure: { message: "declined" },
      taskCompletedEventId: 4,
    });
    expect(run.offers.map(({ kind }) => kind)).toEqual(["workflow"]);
  });

  it("terminates a run whose history is at its limit", () => {
    const events = newScenario({}, { maxHistoryEvents: 6 });
    events.runTask(commands.timer(1, 60));
    events.signal();
    expect(events.state.status).toBe(WorkflowStatus.TERMINATED);
    expect(events.last("workflowTerminated").reason).toBe("the history has reached its limit of 6 events");
    expect(events.kinds().slice(-2)).toEqual(["signalReceived", "workflowTerminated"]);
    const starting = newScenario({}, { maxHistoryEvents: 3 });
    expect(() => starting.takeTask()).toThrow("no workflow task is ready");
    expect(starting.handed).toEqual([]);
    expect(starting.kinds().slice(2)).toEqual([
      "workflowTaskStarted",
      "workflowTaskFailed",
      "workflowTerminated",
    ]);
    const bytes = newScenario({}, { maxHistoryBytes: 300 });
    bytes.signal("x".repeat(200));
    expect(bytes.last("workflowTerminated").reason).toBe("the history has reached its limit of 300 bytes");
  });

  it("cancels timers, and leaves those that are gone", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 5), commands.timer(2, 60));
    run.pass(5_000);
    run.apply(wake);
    run.runTask(commands.cancelTimer(1), commands.cancelTimer(2), commands.cancelTimer(2));
    expect(run.kinds().slice(-2)).toEqual(["workflowTaskCompleted", "timerCancelled"]);
    expect(run.last("timerCancelled")).toMatchObject({
      seq: 2,
      taskCompletedEventId: run.history.length - 1,
    });
    expect(run.state.timers.size).toBe(0);
  });

  describe("by a worker that takes tasks in the answer", () => {
    const worker = { workerId: "worker", identity: "w", principal: "", isCaching: false, pollId: "answer" };
    const taker = (takesNextTask: boolean, eagerSeqs: number[]) => ({
      taker: { poller: worker, takesNextTask, eagerSeqs: new Set(eagerSeqs) },
    });

    it("gives it the next task and the activities that it starts, and the same again for a repeat", () => {
      const run = newScenario();
      const fence = run.takeTask();
      run.signal();
      const made = [commands.activity(1), commands.activity(2)];
      const { given } = run.complete(made, taker(true, [2]));
      expect(given.map(({ kind, seq }) => [kind, seq])).toEqual([
        ["activity", 2],
        ["workflow", 0],
      ]);
      expect(run.state.workflowTask?.lease?.workerId).toBe("worker");
      expect(run.state.activities.get(1)?.lease).toBeUndefined();
      const again = run.complete(made, { fence, ...taker(true, [2]) });
      expect(again).toMatchObject({ alreadyApplied: true });
      expect(again.given.map(({ kind }) => kind)).toEqual(["workflow", "activity"]);
      const elsewhere = { taker: { ...taker(true, []).taker, poller: { ...worker, pollId: "another" } } };
      expect(run.complete(made, { fence, ...elsewhere }).given).toEqual([]);
    });

    it("gives it no task where none is made", () => {
      const run = newScenario();
      run.takeTask();
      expect(run.complete([commands.activity(1)], taker(true, [])).given).toEqual([]);
      expect(run.state.workflowTask).toBeUndefined();
    });
  });
});
