import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RetryState, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { earliestDeadline } from "../../src/core/deadlines.js";
import type { ActivityState } from "../../src/core/run-state.js";
import { wake } from "../../src/core/wake.js";
import { commands, newScenario, type Scenario } from "./scenario.js";

const seconds = (value: number) => ({ seconds: BigInt(value), nanos: 0 });

function withActivity(rest: object): Scenario {
  const run = newScenario();
  run.runTask(commands.activity(1, rest));
  return run;
}

/** What the store does with a heartbeat. */
function beat(run: Scenario, epoch: number): void {
  const activity = run.state.activities.get(1) as ActivityState;
  const details = create(PayloadSchema, { body: { case: "json", value: String(epoch) } });
  const heartbeat = { epoch, at: run.now, details };
  run.state = { ...run.state, activities: new Map([[1, { ...activity, heartbeat }]]) };
}

describe("waking a run", () => {
  it("fires timers in the order of their times, none early", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 20), commands.timer(2, 10), commands.timer(3, 10), commands.timer(4, 60));
    expect(run.state.wakeupAt).toBe(run.now + 10_000_000);
    run.now += 9_999_999;
    const before = run.state;
    run.apply(wake);
    expect(run.state).toBe(before);
    run.pass(15_000);
    run.apply(wake);
    const fired = run.history.flatMap(({ kind }) => (kind.case === "timerFired" ? [kind.value.seq] : []));
    expect(fired).toEqual([2, 3, 1]);
    expect(run.kinds().at(-1)).toBe("workflowTaskScheduled");
    expect(run.state.wakeupAt).toBe(run.state.timers.get(4)?.fireAt);
  });

  it("fires a timer of zero length at the next wake-up", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 0));
    expect(run.state.wakeupAt).toBe(run.now);
    run.apply(wake);
    expect(run.kinds().at(-2)).toBe("timerFired");
  });

  it("keeps what fires while a task is started for later", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 5));
    run.signal();
    run.takeTask();
    run.pass(5_000);
    run.apply(wake);
    expect(run.state.buffered).toHaveLength(1);
    run.complete([]);
    expect(run.kinds().slice(-3)).toEqual(["workflowTaskCompleted", "timerFired", "workflowTaskScheduled"]);
  });

  it("offers a blocked task again when its next try is due", () => {
    const run = newScenario();
    run.takeTask();
    run.pass(10_000);
    run.apply(wake);
    run.takeTask();
    run.pass(10_000);
    run.apply(wake);
    const offers = run.offers.length;
    run.pass(1_000);
    run.apply(wake);
    expect(run.offers.length).toBe(offers + 1);
    expect(run.state).toMatchObject({ wakeupAt: undefined, workflowTask: { readyPosition: run.now } });
  });

  it("ends a run whose time is over, after what was due before", () => {
    const run = newScenario();
    run.state = { ...run.state, settings: { ...run.state.settings, expiresAt: run.now + 30_000_000 } };
    run.runTask(commands.timer(1, 20), commands.timer(2, 40));
    run.pass(60_000);
    run.apply(wake);
    expect(run.kinds().slice(-3)).toEqual(["timerScheduled", "timerFired", "workflowTimedOut"]);
    expect(run.state).toMatchObject({ status: WorkflowStatus.TIMED_OUT, wakeupAt: undefined });
    expect(earliestDeadline(run.state)).toBeUndefined();
  });

  it("lets time within a run never go back", () => {
    const run = newScenario();
    run.pass(1_000);
    run.runTask(commands.timer(1, 5));
    const latest = run.now;
    run.pass(-1_000);
    run.signal();
    expect(run.state.lastEventAt).toBe(latest);
    run.takeTask();
    expect(run.state.workflowTask?.lease?.startedAt).toBe(latest);
  });
});

describe("the timeouts of an activity", () => {
  it("schedule-to-start ends one that no worker took", () => {
    const run = withActivity({ scheduleToStartTimeout: seconds(5), scheduleToCloseTimeout: seconds(5) });
    run.pass(5_000);
    run.apply(wake);
    expect(run.last("activityTimedOut")).toMatchObject({
      kind: TimeoutKind.SCHEDULE_TO_START,
      startedEventId: 0,
      attempts: 0,
      retryState: RetryState.NON_RETRYABLE_FAILURE,
    });
  });

  it("schedule-to-close ends one that runs, at the latest", () => {
    const run = withActivity({ scheduleToCloseTimeout: seconds(5) });
    run.takeActivity(1);
    run.pass(5_000);
    run.apply(wake);
    expect(run.last("activityTimedOut")).toMatchObject({
      kind: TimeoutKind.SCHEDULE_TO_CLOSE,
      startedEventId: 6,
      attempts: 1,
      retryState: RetryState.TIMEOUT,
      failure: { kind: { case: "timeout" } },
    });
  });

  it("start-to-close fails the attempt, and the last one ends the activity with the failure before as its cause", () => {
    const run = withActivity({ startToCloseTimeout: seconds(5), retryPolicy: { maximumAttempts: 2 } });
    run.takeActivity(1);
    run.pass(5_000);
    run.apply(wake);
    expect(run.kinds()).toHaveLength(5);
    expect(run.state.activities.get(1)).toMatchObject({ attempt: 2, readyAt: run.now + 1_000_000 });
    run.pass(1_000);
    run.takeActivity(1, "second");
    run.pass(5_000);
    run.apply(wake);
    expect(run.last("activityTimedOut")).toMatchObject({
      kind: TimeoutKind.START_TO_CLOSE,
      attempts: 2,
      retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED,
      failure: { cause: { kind: { case: "timeout" } } },
    });
  });

  it("heartbeat counts from the last sign of life of the attempt", () => {
    const run = withActivity({ heartbeatTimeout: seconds(5), retryPolicy: { maximumAttempts: 2 } });
    run.takeActivity(1);
    run.pass(4_000);
    beat(run, 1);
    run.pass(4_000);
    const before = run.state;
    run.apply(wake);
    expect(run.state.activities).toBe(before.activities);
    expect(run.state.wakeupAt).toBe(run.now + 1_000_000);
    run.pass(1_000);
    run.apply(wake);
    const kind = { value: { lastHeartbeatDetails: { body: { value: "1" } } } };
    expect(run.state.activities.get(1)).toMatchObject({
      attempt: 2,
      lease: undefined,
      lastFailure: { kind },
    });
    run.pass(1_000);
    run.takeActivity(1, "second");
    expect(earliestDeadline(run.state)).toBe(run.now + 5_000_000);
    run.pass(5_000);
    run.apply(wake);
    const last = run.last("activityTimedOut");
    expect(last.kind).toBe(TimeoutKind.HEARTBEAT);
    expect(last.failure?.kind.value).toMatchObject({ kind: TimeoutKind.HEARTBEAT });
    expect(last.failure?.kind.value).not.toHaveProperty("lastHeartbeatDetails.body");
  });

  it("are buffered while a task is started, and refer to their start at the flush", () => {
    const run = withActivity({ scheduleToCloseTimeout: seconds(5) });
    run.takeActivity(1);
    run.signal();
    run.takeTask();
    run.pass(5_000);
    run.apply(wake);
    run.complete([]);
    expect(run.last("activityTimedOut").startedEventId).toBe(run.last("activityStarted").eventId);
  });

  it("end one that waits for its next try with the attempts that were made", () => {
    const run = withActivity({ scheduleToCloseTimeout: seconds(100), heartbeatTimeout: seconds(1) });
    run.takeActivity(1);
    run.pass(1_000);
    run.apply(wake);
    run.pass(120_000);
    run.apply(wake);
    expect(run.last("activityTimedOut")).toMatchObject({ attempts: 1, failure: { cause: {} } });
    expect(run.state.wakeupAt).toBeUndefined();
  });
});
