import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { type ApplicationFailureSchema, FailureSchema, RetryState } from "../../gen/pawl/v1/failure_pb.js";
import { type Payload, PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { ActivityCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import { checkHeartbeat, completeActivity, returnActivity, startActivity } from "../../src/core/activity.js";
import { failActivity } from "../../src/core/activity-retry.js";
import type { ActivityTarget } from "../../src/core/activity-target.js";
import { wake } from "../../src/core/wake.js";
import { caller, commands, newScenario, poller, reasonOf, type Scenario } from "./scenario.js";

type Outcome = NonNullable<MessageInitShape<typeof ActivityCompletionSchema>["outcome"]>;

function withActivity(rest: object = {}): Scenario {
  const run = newScenario();
  run.runTask(commands.activity(1, rest));
  return run;
}

function running(rest: object = {}): { run: Scenario; target: ActivityTarget } {
  const run = withActivity(rest);
  return { run, target: { kind: "fence", fence: run.takeActivity(1) } };
}

function complete(run: Scenario, target: ActivityTarget, outcome: Outcome = { case: undefined }) {
  const completion = create(ActivityCompletionSchema, { outcome });
  return run.apply((state, context) =>
    completeActivity(state, { target, completion, caller, workerId: "" }, context),
  );
}

function fail(
  run: Scenario,
  target: ActivityTarget,
  value: MessageInitShape<typeof ApplicationFailureSchema> = {},
  heartbeatDetails?: Payload,
) {
  const failure = create(FailureSchema, { message: "no", kind: { case: "application", value } });
  const input = { target, failure, heartbeatDetails, caller, workerId: "" };
  return run.apply((state, context) => failActivity(state, input, context));
}

function start(run: Scenario, pollId: string, seq = 1) {
  return run.apply((state, context) => startActivity(state, { seq, poller: poller(pollId) }, context));
}

describe("an activity", () => {
  it("is scheduled with all that is not given filled in", () => {
    const run = withActivity();
    expect(run.state.activities.get(1)).toEqual({
      seq: 1,
      activityId: "1",
      activityType: "charge",
      taskQueue: "default",
      priority: 3,
      scheduledEventId: 5,
      scheduledAt: run.now,
      startToCloseMs: 300_000,
      scheduleToStartMs: undefined,
      heartbeatMs: undefined,
      expiresAt: undefined,
      retry: {
        initialMs: 1_000,
        coefficient: 2,
        maximumMs: 100_000,
        maximumAttempts: 3,
        nonRetryableTypes: [],
        jitter: 0.1,
      },
      attempt: 1,
      readyAt: run.now,
      readyPosition: run.now,
      epoch: 0,
      lease: undefined,
      cancelRequestedEventId: undefined,
      lastFailure: undefined,
      heartbeat: undefined,
    });
    expect(run.last("activityScheduled")).toMatchObject({
      activityId: "1",
      startToCloseTimeout: { seconds: 300n },
      retryPolicy: { maximumAttempts: 3, backoffCoefficient: 2 },
      taskCompletedEventId: 4,
    });
  });

  it("keeps what is given, its timeouts clamped to the time of all attempts and of the run", () => {
    const seconds = (value: number) => ({ seconds: BigInt(value), nanos: 0 });
    const run = newScenario();
    run.state = { ...run.state, settings: { ...run.state.settings, expiresAt: run.now + 20_000_000 } };
    run.runTask(
      commands.activity(1, {
        activityId: "pay",
        taskQueue: "q",
        priority: 5,
        input: { body: { case: "json", value: "1" } },
        header: { fields: {} },
        startToCloseTimeout: seconds(5),
        scheduleToCloseTimeout: seconds(10),
        scheduleToStartTimeout: seconds(60),
        heartbeatTimeout: seconds(60),
        retryPolicy: { maximumAttempts: 0, jitter: 0, backoffCoefficient: 1, nonRetryableTypes: ["x"] },
      }),
      commands.activity(2),
    );
    expect(run.state.activities.get(1)).toMatchObject({
      activityId: "pay",
      startToCloseMs: 5_000,
      scheduleToStartMs: 10_000,
      heartbeatMs: 10_000,
      expiresAt: run.now + 10_000_000,
    });
    expect(run.state.activities.get(2)).toMatchObject({
      startToCloseMs: 20_000,
      expiresAt: run.now + 20_000_000,
    });
  });

  it("goes to one poll, and to that poll again", () => {
    const run = withActivity();
    const handed = start(run, "a");
    expect(handed).toEqual({ kind: "activity", pollId: "a", runId: "run", seq: 1, epoch: 1 });
    expect(start(run, "a")).toEqual(handed);
    expect(start(run, "b")).toBeUndefined();
    expect(start(run, "b", 9)).toBeUndefined();
    expect(run.kinds()).toHaveLength(5);
  });

  it("is not given twice to polls without an id", () => {
    const run = withActivity();
    start(run, "");
    expect(start(run, "")).toBeUndefined();
  });

  it("is not started any more when its time is over", () => {
    const run = withActivity({ scheduleToStartTimeout: { seconds: 1n, nanos: 0 } });
    run.pass(1_000);
    expect(start(run, "a")).toBeUndefined();
  });

  it("is not started before its back-off is over", () => {
    const { run, target } = running();
    fail(run, target);
    expect(start(run, "a")).toBeUndefined();
    run.pass(1_000);
    expect(start(run, "a")?.epoch).toBe(2);
  });

  it.each<[Outcome, string]>([
    [{ case: "result", value: { body: { case: "json", value: "1" } } }, "activityCompleted"],
    [{ case: "failed", value: { message: "no" } }, "activityFailed"],
    [{ case: undefined }, "activityCompleted"],
  ])("ends as its worker says: %o", (outcome, kind) => {
    const { run, target } = running();
    expect(complete(run, target, outcome)).toEqual({ alreadyApplied: false });
    expect(run.kinds().slice(5)).toEqual(["activityStarted", kind, "workflowTaskScheduled"]);
    expect(run.last("activityStarted")).toMatchObject({
      attempt: 1,
      requestId: "activity-1",
      scheduledEventId: 5,
    });
    expect(run.state.activities.size).toBe(0);
    expect(complete(run, target, outcome)).toEqual({ alreadyApplied: true });
  });

  it("is stale to another call than the one that ended it", () => {
    const completed = running();
    complete(completed.run, completed.target);
    expect(() => fail(completed.run, completed.target)).toThrow("the lease of activity");
    const failed = running();
    fail(failed.run, failed.target, { nonRetryable: true });
    expect(fail(failed.run, failed.target)).toEqual({ alreadyApplied: true, nextAttemptAt: undefined });
    expect(() => complete(failed.run, failed.target)).toThrow("the lease of activity");
  });

  it("refers to its start when both were buffered", () => {
    const { run, target } = running();
    run.signal();
    run.takeTask();
    complete(run, target);
    expect(run.state.keys.get("activity:1")).toMatchObject({ eventId: 0, contentHash: "completion 1" });
    run.complete([]);
    const { eventId, startedEventId } = run.last("activityCompleted");
    expect([eventId, startedEventId]).toEqual([11, 10]);
    expect(run.state.keys.get("activity:1")?.eventId).toBe(11);
  });

  it("ends as cancelled only if it was asked to cancel", () => {
    const { run, target } = running();
    const cancelled = {
      case: "cancelled",
      value: { details: { body: { case: "json", value: "1" } } },
    } as const;
    expect(reasonOf(() => complete(run, target, cancelled))).toBe("CANCEL_NOT_REQUESTED");
    run.signal();
    run.runTask(commands.cancelActivity(1), commands.cancelActivity(1));
    expect(run.kinds().filter((kind) => kind === "activityCancelRequested")).toHaveLength(1);
    expect(checkHeartbeat(run.state, target)).toEqual({ seq: 1, epoch: 1, isCancelRequested: true });
    complete(run, target, cancelled);
    const requested = run.last("activityCancelRequested").eventId;
    expect(run.last("activityCancelled")).toMatchObject({ cancelRequestedEventId: requested, details: {} });
  });

  it("that is asked to cancel while it runs makes no workflow task: code knows what it asked for", () => {
    const { run } = running();
    run.signal();
    run.runTask(commands.cancelActivity(1));
    expect(run.kinds().slice(-2)).toEqual(["workflowTaskCompleted", "activityCancelRequested"]);
    expect(run.state.workflowTask).toBeUndefined();
  });

  it("is cancelled at once if nobody runs it", () => {
    const run = withActivity();
    run.signal();
    run.runTask(commands.cancelActivity(1), commands.timer(2, 1), commands.cancelActivity(1));
    expect(run.kinds().slice(-5)).toEqual([
      "workflowTaskCompleted",
      "activityCancelRequested",
      "activityCancelled",
      "timerScheduled",
      "workflowTaskScheduled",
    ]);
  });

  it("is tried again after initial x coefficient^(attempt - 1), without an event, until its attempts are used up", () => {
    const { run, target } = running();
    expect(fail(run, target)).toEqual({ alreadyApplied: false, nextAttemptAt: run.now + 1_000_000 });
    expect(fail(run, target)).toEqual({ alreadyApplied: true, nextAttemptAt: run.now + 1_000_000 });
    expect(run.state.activities.get(1)).toMatchObject({
      attempt: 2,
      lastFailure: { message: "no" },
      lease: undefined,
    });
    expect(run.state.wakeupAt).toBe(run.now + 1_000_000);
    run.pass(1_000);
    run.apply(wake);
    expect(run.state.activities.get(1)?.readyPosition).toBe(run.now);
    run.random = 1;
    const second = { kind: "fence", fence: run.takeActivity(1, "second") } as const;
    expect(fail(run, second).nextAttemptAt).toBe(run.now + 2_200_000);
    run.pass(2_200);
    const third = { kind: "fence", fence: run.takeActivity(1, "third") } as const;
    expect(run.kinds()).toHaveLength(5);
    expect(fail(run, third).nextAttemptAt).toBeUndefined();
    expect(run.last("activityStarted")).toMatchObject({ attempt: 3, lastFailure: { message: "no" } });
    const retryState = RetryState.MAXIMUM_ATTEMPTS_REACHED;
    expect(run.last("activityFailed")).toMatchObject({ attempts: 3, retryState });
    expect(fail(run, third).alreadyApplied).toBe(true);
    expect(reasonOf(() => fail(run, second))).toBe("STALE_LEASE");
  });

  it("hands heartbeat details of a failure to the next attempt", () => {
    const { run, target } = running();
    const details = create(PayloadSchema, { body: { case: "json", value: "7" } });
    const large = create(PayloadSchema, { body: { case: "data", value: new Uint8Array(300_000) } });
    expect(reasonOf(() => fail(run, target, {}, large))).toBe("SIZE_LIMIT");
    fail(run, target, {}, details);
    expect(run.state.activities.get(1)?.heartbeat).toEqual({ epoch: 1, at: run.now, details });
  });

  it("is not tried again once it was asked to cancel", () => {
    const { run, target } = running();
    run.signal();
    run.runTask(commands.cancelActivity(1));
    fail(run, target);
    expect(run.last("activityFailed").retryState).toBe(RetryState.CANCEL_REQUESTED);
  });

  it("goes back with the same attempt when it is returned", () => {
    const run = withActivity();
    const fence = run.takeActivity(1);
    run.pass(5);
    const giveBack = (epoch: number) =>
      run.apply((state, context) => returnActivity(state, { fence: { ...fence, epoch } }, context));
    expect(giveBack(9)).toEqual({ returned: false });
    expect(giveBack(1)).toEqual({ returned: true });
    expect(run.state.activities.get(1)).toMatchObject({
      attempt: 1,
      lease: undefined,
      readyPosition: run.now - 5_000,
    });
    expect(giveBack(1)).toEqual({ returned: false });
    const other = { fence: { ...fence, seq: 9 } };
    expect(run.apply((state, context) => returnActivity(state, other, context))).toEqual({ returned: false });
  });

  it("can be completed from outside, by its id or seq", () => {
    const byId = withActivity({ activityId: "pay" });
    expect(reasonOf(() => complete(byId, { kind: "id", activityId: "pay" }))).toBe("STALE_LEASE");
    expect(reasonOf(() => complete(byId, { kind: "id", activityId: "x" }))).toBe("ACTIVITY_NOT_FOUND");
    const fence = byId.takeActivity(1);
    complete(byId, { kind: "id", activityId: "pay" });
    expect(reasonOf(() => complete(byId, { kind: "fence", fence }))).toBe("STALE_LEASE");
    expect(reasonOf(() => complete(byId, { kind: "seq", seq: 1 }))).toBe("ACTIVITY_NOT_FOUND");
    const { run } = running();
    expect(fail(run, { kind: "seq", seq: 1 }).nextAttemptAt).toBeDefined();
  });

  it("is stale, or closed, once the run has ended", () => {
    const { run, target } = running();
    run.signal();
    run.runTask(commands.done());
    expect(reasonOf(() => complete(run, target))).toBe("STALE_LEASE");
    expect(reasonOf(() => complete(run, { kind: "seq", seq: 1 }))).toBe("WORKFLOW_CLOSED");
    expect(reasonOf(() => checkHeartbeat(run.state, target))).toBe("STALE_LEASE");
  });

  it("is refused to the token of another run", () => {
    const { run } = running();
    const fence = { runId: "other", seq: 1, epoch: 1 };
    expect(reasonOf(() => complete(run, { kind: "fence", fence }))).toBe("STALE_LEASE");
    expect(reasonOf(() => fail(run, { kind: "fence", fence }))).toBe("STALE_LEASE");
  });

  it.each<Outcome>([
    { case: "result", value: { body: { case: "json", value: "{" } } },
    { case: "failed", value: { encodedAttributes: { body: { case: "json", value: "{" } } } },
    { case: "cancelled", value: { details: { body: { case: "json", value: "{" } } } },
  ])("is refused an outcome that is not JSON: %o", (outcome) => {
    const { run, target } = running();
    expect(reasonOf(() => complete(run, target, outcome))).toBe("INVALID_PAYLOAD");
  });
});
