import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import { failActivity } from "../../src/core/activity-retry.js";
import { cancelWorkflow } from "../../src/core/cancel.js";
import { addMs } from "../../src/core/time.js";
import { needsWorker, readWaiting, type TaskNeed } from "../../src/core/waiting.js";
import { wake } from "../../src/core/wake.js";
import { failWorkflowTask } from "../../src/core/workflow-task.js";
import { caller, commands, explanationsOf, newScenario, type Scenario, startTime } from "./scenario.js";

const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const { NON_DETERMINISM, WORKFLOW_ERROR } = WorkflowTaskFailureCause;

/** What the run waits for now: the reason, the sentence and since how many milliseconds after the start. */
function waitsOf(run: Scenario, isPolled: (need: TaskNeed) => boolean = () => false) {
  return readWaiting(run.state, { now: run.now, isPolled }).map(({ reason, explanation, since }) => ({
    reason: WaitingReason[reason],
    explanation,
    since: (since - startTime) / 1_000,
  }));
}

const reasonsOf = (run: Scenario, isPolled?: (need: TaskNeed) => boolean) =>
  waitsOf(run, isPolled).map(({ reason }) => reason);

function failTask(run: Scenario, cause: WorkflowTaskFailureCause, message?: string): void {
  const failure = message === undefined ? undefined : create(FailureSchema, { message });
  const input = { fence: run.takeTask(), cause, failure, caller, workerId: "", buildId: "" };
  run.apply((state, context) => failWorkflowTask(state, input, context));
}

/** Lets time pass, and what is due happen. */
function pass(run: Scenario, ms: number): void {
  run.pass(ms);
  run.apply(wake);
}

describe("a pending workflow task leads", () => {
  it("to a worker that is not there, or is busy", () => {
    const run = newScenario();
    run.pass(5_000);
    expect(waitsOf(run)).toEqual([
      {
        reason: "NO_WORKER",
        explanation:
          'No worker polls queue "default" for workflow tasks of type "Order"; its task waits since 2023-11-14T22:13:20.000Z.',
        since: 0,
      },
    ]);
    const asked: TaskNeed[] = [];
    const [busy] = waitsOf(run, (need) => {
      asked.push(need);
      return true;
    });
    expect(asked).toEqual([{ kind: "workflow", taskQueue: "default", type: "Order" }]);
    expect(busy).toEqual({
      reason: "WORKERS_BUSY",
      explanation:
        'Waits since 2023-11-14T22:13:20.000Z for one of the workers that poll queue "default" for workflow tasks of type "Order": all are busy.',
      since: 0,
    });
    expect(needsWorker(run.state)).toBe(true);
  });

  it("to the worker that has it, by the best name that it gave", () => {
    const run = newScenario();
    run.pass(1_000);
    run.takeTask("p", { identity: "", workerId: "" });
    expect(waitsOf(run)).toEqual([
      {
        reason: "WORKFLOW_TASK",
        explanation:
          'Worker "anonymous" has its workflow task since 2023-11-14T22:13:21.000Z, until 2023-11-14T22:13:31.000Z unless it renews it.',
        since: 1_000,
      },
    ]);
    expect(needsWorker(run.state)).toBe(false);
    run.complete([]);
    run.signal();
    run.takeTask("q", { identity: "", workerId: "id" });
    expect(explanationsOf(run.state)[0]).toContain('Worker "id" has');
  });

  it("to the time before which it is not given out", () => {
    const run = newScenario({ startDelay: seconds(60) });
    expect(waitsOf(run)).toEqual([
      {
        reason: "TIMER",
        explanation: "Its workflow task is given out at 2023-11-14T22:14:20.000Z, not before.",
        since: 0,
      },
    ]);
  });

  it("to an error of the code, until it is completed", () => {
    const run = newScenario();
    failTask(run, WORKFLOW_ERROR, "boom");
    run.pass(500);
    expect(waitsOf(run)).toEqual([
      {
        reason: "WORKFLOW_ERROR",
        explanation:
          "Its code failed: boom. The workflow task is given out again at 2023-11-14T22:13:21.000Z (attempt 2).",
        since: 0,
      },
    ]);
    pass(run, 500);
    expect(reasonsOf(run, () => true)).toEqual(["WORKFLOW_ERROR"]);
    failTask(run, WORKFLOW_ERROR);
    expect(explanationsOf(run.state)[0]).toContain("Its code failed, 2 times in a row. The workflow task");
    pass(run, 2_000);
    run.takeTask();
    expect(waitsOf(run)[0]).toMatchObject({
      reason: "WORKFLOW_ERROR",
      explanation: expect.stringContaining(
        'Its code failed, 2 times in a row. Worker "w" has its workflow task',
      ),
    });
    run.complete([]);
    expect(reasonsOf(run)).toEqual(["SIGNAL"]);
  });

  it("to what the code does not replay, with both sides, even once something has come in since", () => {
    const run = newScenario();
    const difference = 'recorded is event 5: activity 1 "charge", but the code made timer 1';
    failTask(run, NON_DETERMINISM, difference);
    expect(waitsOf(run)[0]?.reason).toBe("NON_DETERMINISM");
    run.signal();
    expect(waitsOf(run, () => true)).toMatchObject([
      {
        reason: "NON_DETERMINISM",
        explanation: expect.stringContaining(
          `Its code does not replay what history records: ${difference}. Waits since`,
        ),
      },
    ]);
    expect(waitsOf(run)).toMatchObject([
      { reason: "NO_WORKER", explanation: expect.stringContaining(`${difference}. No worker polls`) },
    ]);
  });

  it("to workers that do not complete it in time", () => {
    const run = newScenario();
    run.takeTask();
    pass(run, 10_000);
    expect(explanationsOf(run.state)[0]).toContain("Its workflow task was not completed in time. ");
    expect(reasonsOf(run, () => true)).toEqual(["WORKFLOW_ERROR"]);
  });

  it("and comes before all that is pending beside it", () => {
    const run = newScenario();
    run.runTask(commands.activity(1));
    run.signal();
    run.takeTask();
    expect(reasonsOf(run)).toEqual(["WORKFLOW_TASK", "NO_WORKER"]);
  });
});

describe("activities", () => {
  it("wait for a worker that handles their type, or for one that is not busy", () => {
    const run = newScenario();
    run.runTask(commands.activity(1), commands.activity(2, { activityType: "ship", taskQueue: "far" }));
    run.pass(2_000);
    const isPolled = ({ taskQueue, type, kind }: TaskNeed) =>
      kind === "activity" && taskQueue === "far" && type === "ship";
    expect(waitsOf(run, isPolled)).toEqual([
      {
        reason: "NO_WORKER",
        explanation:
          'No worker that handles its type polls queue "default": activity "1" of type "charge" waits since 2023-11-14T22:13:20.000Z (attempt 1 of 3).',
        since: 0,
      },
      {
        reason: "WORKERS_BUSY",
        explanation:
          'Waits since 2023-11-14T22:13:20.000Z for one of the workers that poll queue "far" to take activity "2" of type "ship": all are busy (attempt 1 of 3).',
        since: 0,
      },
    ]);
    expect(needsWorker(run.state)).toBe(true);
  });

  it("run at a worker, with their last heartbeat", () => {
    const run = newScenario();
    run.runTask(commands.activity(1, { retryPolicy: { maximumAttempts: 0 } }), commands.activity(2));
    expect(waitsOf(run)[0]?.explanation).toContain("(attempt 1).");
    run.pass(1_000);
    const { epoch } = run.takeActivity(2);
    expect(waitsOf(run).at(-1)).toEqual({
      reason: "ACTIVITY",
      explanation:
        'Worker "w" runs activity "2" of type "charge" since 2023-11-14T22:13:21.000Z (attempt 1 of 3), no heartbeat yet.',
      since: 1_000,
    });
    const beating = run.state.activities.get(2);
    if (beating === undefined) throw new Error("no activity");
    const heartbeat = { epoch, at: addMs(run.now, 500), details: undefined };
    run.state = { ...run.state, activities: new Map([[2, { ...beating, heartbeat }]]) };
    expect(waitsOf(run).at(-1)?.explanation).toContain(", last heartbeat at 2023-11-14T22:13:21.500Z.");
    const rest = { requestId: "", contentHash: "", caller, reason: "", cancelPending: true };
    run.apply((state, context) => cancelWorkflow(state, rest, context));
    expect(waitsOf(run).at(-1)?.explanation).toContain("was asked to cancel, last heartbeat");
  });

  it("back off after a failure, and tell of it in later attempts", () => {
    const run = newScenario();
    run.runTask(commands.activity(1), commands.activity(2));
    const failure = create(FailureSchema, { message: "x".repeat(600) });
    const target = { kind: "fence" as const, fence: run.takeActivity(1) };
    run.apply((state, context) =>
      failActivity(state, { target, failure, heartbeatDetails: undefined, caller, workerId: "" }, context),
    );
    run.pass(500);
    const [nobody, backingOff] = waitsOf(run);
    expect(nobody?.reason).toBe("NO_WORKER");
    expect(backingOff).toEqual({
      reason: "ACTIVITY_BACK_OFF",
      explanation: `The next try of activity "1" of type "charge" comes at 2023-11-14T22:13:21.000Z (attempt 2 of 3); the last failure: ${"x".repeat(500)}….`,
      since: 0,
    });
    pass(run, 700);
    expect(waitsOf(run)[0]?.explanation).toContain("(attempt 2 of 3); the last failure: xxx");
  });

  it("are named in a bounded number, those that tell most first", () => {
    const run = newScenario();
    run.runTask(
      ...Array.from({ length: 13 }, (_, index) =>
        commands.activity(index + 1, { taskQueue: index === 12 ? "nobody" : "default" }),
      ),
    );
    for (const seq of [1, 2]) run.takeActivity(seq);
    const found = waitsOf(run, ({ taskQueue }) => taskQueue === "default");
    expect(found).toHaveLength(11);
    expect(found[0]?.explanation).toContain('activity "13"');
    expect(found.at(-1)).toMatchObject({
      reason: "WORKERS_BUSY",
      explanation: "Waits for 3 more activities.",
    });
  });
});

describe("without tasks a run waits", () => {
  it("for a signal if nothing is pending", () => {
    const run = newScenario();
    run.pass(1_000);
    run.runTask();
    expect(waitsOf(run)).toEqual([
      { reason: "SIGNAL", explanation: "Waits for a signal: nothing else is pending.", since: 1_000 },
    ]);
    expect(needsWorker(run.state)).toBe(false);
  });

  it("for timers, behind activities", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 60));
    expect(waitsOf(run)).toEqual([
      {
        reason: "TIMER",
        explanation: "Waits for a timer that fires at 2023-11-14T22:14:20.000Z.",
        since: 0,
      },
    ]);
    run.signal();
    run.runTask(commands.timer(2, 5), commands.activity(3));
    expect(waitsOf(run).map(({ explanation }) => explanation)[1]).toBe(
      "Waits for 2 timers; the next fires at 2023-11-14T22:13:25.000Z.",
    );
    expect(reasonsOf(run, () => true)).toEqual(["WORKERS_BUSY", "TIMER"]);
  });

  it("for nothing once it is closed", () => {
    const run = newScenario();
    run.runTask(commands.done());
    expect(waitsOf(run)).toEqual([]);
  });

  it("and is told so in a thousand characters at most", () => {
    const run = newScenario({ workflowType: "x".repeat(256), taskQueue: "q".repeat(256) });
    failTask(run, NON_DETERMINISM, "y".repeat(2_000));
    pass(run, 1_000);
    expect(waitsOf(run)[0]?.explanation).toHaveLength(1_000);
  });
});
