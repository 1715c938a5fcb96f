import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { provisionalEvents } from "../../src/core/task-attempt.js";
import { wake } from "../../src/core/wake.js";
import {
  failWorkflowTask,
  renewWorkflowTask,
  returnWorkflowTask,
  startWorkflowTask,
  type WorkflowTaskFence,
} from "../../src/core/workflow-task.js";
import { caller, commands, newScenario, poller, reasonOf, type Scenario } from "./scenario.js";

function fail(
  run: Scenario,
  fence: WorkflowTaskFence = run.taskFence(),
  cause = WorkflowTaskFailureCause.UNSPECIFIED,
) {
  const failure = create(FailureSchema, { message: "broken" });
  const input = { fence, cause, failure, caller, workerId: "worker", buildId: "b1" };
  return run.apply((state, context) => failWorkflowTask(state, input, context));
}

function giveBack(run: Scenario, fence = run.taskFence()) {
  return run.apply((state, context) => returnWorkflowTask(state, { fence }, context));
}

function start(run: Scenario, pollId: string) {
  return run.apply((state, context) => startWorkflowTask(state, { poller: poller(pollId) }, context));
}

describe("a workflow task", () => {
  it("goes to one poll, and to that poll again", () => {
    const run = newScenario();
    const handed = start(run, "a");
    expect(start(run, "a")).toEqual(handed);
    expect(start(run, "b")).toBeUndefined();
    expect(run.kinds()).toHaveLength(3);
  });

  it("is not given twice to polls without an id", () => {
    const run = newScenario();
    start(run, "");
    expect(start(run, "")).toBeUndefined();
  });

  it("is not there while nothing is new", () => {
    const run = newScenario();
    run.runTask(commands.timer(1, 60));
    expect(start(run, "a")).toBeUndefined();
  });

  it("fixes history length and advice at its start", () => {
    const run = newScenario({}, { warnHistoryEvents: 3 });
    run.takeTask();
    expect(run.last("workflowTaskStarted")).toMatchObject({ historyLength: 3, suggestContinueAsNew: true });
    const large = newScenario({}, { warnHistoryBytes: 10 });
    large.takeTask();
    expect(large.state.workflowTask?.lease?.suggestContinueAsNew).toBe(true);
  });

  it("keeps its lease when it is renewed", () => {
    const run = newScenario();
    const fence = run.takeTask();
    run.pass(9_000);
    const { expiresAt } = run.apply((state, context) => renewWorkflowTask(state, fence, context));
    expect(expiresAt).toBe(run.now + 10_000_000);
    run.pass(2_000);
    run.apply(wake);
    expect(run.state.workflowTask?.lease?.epoch).toBe(fence.epoch);
    const stale = { ...fence, epoch: 7 };
    expect(reasonOf(() => run.apply((state, context) => renewWorkflowTask(state, stale, context)))).toBe(
      "STALE_LEASE",
    );
  });

  it.each([{ runId: "x" }, { scheduledEventId: 9 }, { startedEventId: 9 }, { attempt: 9 }, { epoch: 9 }])(
    "is refused to a fence that differs in %o",
    (wrong) => {
      const run = newScenario();
      const fence = { ...run.takeTask(), ...wrong };
      expect(reasonOf(() => run.complete([], { fence }))).toBe("STALE_LEASE");
    },
  );

  it("is recorded as failed once; later attempts stay out of history and wait longer and longer", () => {
    const run = newScenario();
    for (const [attempt, wait] of [1_000, 2_000, 4_000].entries()) {
      run.takeTask();
      fail(run);
      const task = run.state.workflowTask;
      expect(task).toMatchObject({
        attempt: attempt + 2,
        readyAt: run.now + wait * 1000,
        readyPosition: undefined,
      });
      expect(task?.lastFailure?.message).toBe("broken");
      expect(start(run, "early")).toBeUndefined();
      run.pass(wait);
    }
    expect(run.kinds().slice(3)).toEqual(["workflowTaskFailed"]);
    run.apply(wake);
    expect(run.state.workflowTask?.readyPosition).toBe(run.now);
    for (let attempt = 4; attempt < 20; attempt++) {
      run.takeTask();
      fail(run);
      run.pass(600_000);
    }
    expect(run.state.workflowTask?.readyAt).toBe(run.now);
  });

  it("stores the attempt that succeeds as its worker saw it", () => {
    const run = newScenario();
    run.takeTask();
    expect(provisionalEvents(run.state)).toEqual([]);
    fail(run);
    expect(provisionalEvents(run.state)).toEqual([]);
    run.pass(1_000);
    run.takeTask();
    const seen = provisionalEvents(run.state);
    expect(seen.map(({ eventId }) => eventId)).toEqual([5, 6]);
    run.pass(2_000);
    run.complete([commands.timer(1, 5)]);
    expect(run.history.slice(4, 6)).toEqual(seen);
    expect(run.kinds().slice(4)).toEqual([
      "workflowTaskScheduled",
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "timerScheduled",
    ]);
    expect(run.last("workflowTaskScheduled").attempt).toBe(2);
  });

  it("becomes a normal first attempt, tried at once, when something new comes in while it waits", () => {
    const run = newScenario();
    run.takeTask();
    fail(run);
    run.signal();
    expect(run.kinds().slice(4)).toEqual(["signalReceived", "workflowTaskScheduled"]);
    expect(run.state.workflowTask).toMatchObject({
      attempt: 1,
      readyPosition: run.now,
      lastFailure: { message: "broken" },
    });
  });

  it("becomes a normal first attempt when something came in while it failed", () => {
    const run = newScenario();
    run.takeTask();
    fail(run);
    run.pass(1_000);
    run.takeTask();
    run.signal();
    fail(run);
    expect(run.kinds().slice(4)).toEqual(["signalReceived", "workflowTaskScheduled"]);
    expect(run.state.workflowTask).toMatchObject({ attempt: 1, scheduledEventId: 6 });
  });

  it("knows a repeated failure", () => {
    const run = newScenario();
    const fence = run.takeTask();
    expect(fail(run)).toEqual({ alreadyApplied: false });
    expect(fail(run, fence)).toEqual({ alreadyApplied: true });
  });

  it("is stale to another call than the one that closed it", () => {
    const failed = newScenario();
    const failedFence = failed.takeTask();
    fail(failed);
    expect(reasonOf(() => failed.complete([], { fence: failedFence }))).toBe("STALE_LEASE");
    const completed = newScenario();
    const completedFence = completed.takeTask();
    completed.complete([]);
    expect(reasonOf(() => fail(completed, completedFence))).toBe("STALE_LEASE");
  });

  it("times out when its lease ends: the next attempt is tried at once, those after it with back-off", () => {
    const run = newScenario();
    run.takeTask();
    run.pass(10_000);
    run.apply(wake);
    expect(run.kinds().at(-1)).toBe("workflowTaskTimedOut");
    expect(run.state.workflowTask).toMatchObject({ attempt: 2, readyPosition: run.now });
    run.takeTask();
    run.pass(10_000);
    run.apply(wake);
    expect(run.state.workflowTask).toMatchObject({ attempt: 3, readyAt: run.now + 1_000_000 });
    expect(run.kinds()).toHaveLength(4);
  });

  it("is offered again at once when it is returned, with no attempt used", () => {
    const run = newScenario();
    run.takeTask();
    run.signal();
    expect(giveBack(run)).toEqual({ returned: true });
    expect(run.kinds().slice(3)).toEqual(["workflowTaskFailed", "signalReceived", "workflowTaskScheduled"]);
    expect(run.last("workflowTaskFailed").cause).toBe(WorkflowTaskFailureCause.RETURNED);
    expect(run.state.workflowTask).toMatchObject({ attempt: 1, readyPosition: run.now });
  });

  it("returns an attempt that is out of history without an event", () => {
    const run = newScenario();
    run.takeTask();
    fail(run);
    run.pass(1_000);
    const fence = run.takeTask();
    giveBack(run);
    expect(run.kinds()).toHaveLength(4);
    expect(run.state.workflowTask).toMatchObject({
      attempt: 2,
      readyPosition: run.now,
      lastFailure: { message: "broken" },
    });
    expect(giveBack(run, fence)).toEqual({ returned: false });
    run.takeTask();
    expect(giveBack(run, fence)).toEqual({ returned: false });
  });

  it("comes back at once from a worker that shuts down", () => {
    const run = newScenario();
    run.takeTask();
    fail(run, run.taskFence(), WorkflowTaskFailureCause.WORKER_SHUTDOWN);
    expect(run.state.workflowTask).toMatchObject({ attempt: 1, readyPosition: run.now });
  });

  it("takes a failure without particulars", () => {
    const run = newScenario();
    const input = { fence: run.takeTask(), cause: 0, failure: undefined, caller, workerId: "", buildId: "" };
    run.apply((state, context) => failWorkflowTask(state, input, context));
    expect(run.last("workflowTaskFailed").cause).toBe(WorkflowTaskFailureCause.WORKFLOW_ERROR);
  });

  it("prefers the worker that keeps the run, until something fails", () => {
    const run = newScenario();
    run.takeTask();
    run.complete([commands.timer(1, 1)], { isCaching: true, workerId: "w1" });
    expect(run.state).toMatchObject({ stickyWorkerId: "w1", stickyEventId: 3 });
    run.signal();
    expect(run.offers.at(-1)).toMatchObject({ kind: "workflow", stickyWorkerId: "w1", historyLength: 7 });
    run.takeTask();
    fail(run);
    expect(run.state).toMatchObject({ stickyWorkerId: "", stickyEventId: 0 });
    run.pass(1_000);
    run.takeTask();
    run.complete([], { isCaching: true, workerId: "" });
    expect(run.state).toMatchObject({ stickyWorkerId: "", stickyEventId: 0 });
  });
});
