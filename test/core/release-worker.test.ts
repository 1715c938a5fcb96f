import { describe, expect, it } from "vitest";
import { RetryState, TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { releaseWorker } from "../../src/core/release-worker.js";
import type { ActivityState } from "../../src/core/run-state.js";
import { renewWorkflowTask } from "../../src/core/workflow-task.js";
import { commands, newScenario, poller, type Scenario } from "./scenario.js";

const { workerId: holder } = poller("any");

/** A run of which a worker has activities, with so many attempts each. */
function withActivities(...attempts: number[]): Scenario {
  const run = newScenario();
  const rest = (maximumAttempts: number) => ({ retryPolicy: { maximumAttempts } });
  run.runTask(...attempts.map((count, index) => commands.activity(index + 1, rest(count))));
  attempts.forEach((_, index) => {
    run.takeActivity(index + 1);
  });
  return run;
}

function release(run: Scenario, workerId = holder, silentSince = run.now) {
  return run.apply((state, context) => releaseWorker(state, { workerId, silentSince }, context));
}

describe("releasing what a dead worker has", () => {
  it("fails the attempts at its activities for want of a heartbeat, and lets their retry policies decide", () => {
    const run = withActivities(3, 1);
    expect(release(run)).toEqual({ workflowTasks: 0, activities: 2 });
    expect(run.state.activities.get(1)).toMatchObject({
      attempt: 2,
      lease: undefined,
      lastFailure: { kind: { case: "timeout", value: { kind: TimeoutKind.HEARTBEAT } } },
    });
    expect(run.state.activities.get(1)?.readyAt).toBeGreaterThan(run.now);
    expect(run.last("activityTimedOut")).toMatchObject({
      seq: 2,
      kind: TimeoutKind.HEARTBEAT,
      attempts: 1,
      retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED,
    });
    expect(run.kinds().at(-1)).toBe("workflowTaskScheduled");
  });

  it("times out its workflow task, which is offered again at once", () => {
    const run = newScenario();
    run.takeTask();
    expect(release(run)).toEqual({ workflowTasks: 1, activities: 0 });
    expect(run.kinds().at(-1)).toBe("workflowTaskTimedOut");
    expect(run.state.workflowTask).toMatchObject({ attempt: 2, lease: undefined, readyPosition: run.now });
  });

  it("takes a task and activities in one transition", () => {
    const run = withActivities(1);
    run.signal();
    run.takeTask();
    expect(release(run)).toEqual({ workflowTasks: 1, activities: 1 });
    expect(run.kinds().slice(-4)).toEqual([
      "workflowTaskTimedOut",
      "activityStarted",
      "activityTimedOut",
      "workflowTaskScheduled",
    ]);
  });

  it("leaves what others have, and what nobody has", () => {
    const run = withActivities(3);
    run.signal();
    run.takeTask();
    const before = run.state;
    expect(release(run, "another")).toEqual({ workflowTasks: 0, activities: 0 });
    expect(run.state).toBe(before);
    release(run);
    const after = run.state;
    expect(release(run)).toEqual({ workflowTasks: 0, activities: 0 });
    expect(run.state).toBe(after);
  });

  it("leaves what the worker took, renewed or sent a heartbeat for since", () => {
    const run = withActivities(3);
    const silentSince = run.now;
    run.pass(1);
    const activity = run.state.activities.get(1) as ActivityState;
    const heartbeat = { epoch: activity.epoch, at: run.now, details: undefined };
    run.state = { ...run.state, activities: new Map([[1, { ...activity, heartbeat }]]) };
    run.signal();
    const fence = run.takeTask();
    expect(release(run, holder, silentSince)).toEqual({ workflowTasks: 0, activities: 0 });
    const takenAt = run.now;
    run.pass(5_000);
    run.apply((state, context) => renewWorkflowTask(state, fence, context));
    expect(release(run, holder, takenAt)).toEqual({ workflowTasks: 0, activities: 1 });
    expect(release(run, holder, run.now)).toEqual({ workflowTasks: 1, activities: 0 });
  });
});
