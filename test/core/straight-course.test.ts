import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ActivityCompletionSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { completeActivity } from "../../src/core/activity.js";
import { caller, commands, newScenario, poller } from "./scenario.js";

const result = create(ActivityCompletionSchema, {
  outcome: { case: "result", value: { body: { case: "json", value: "5" } } },
});

describe("a run on its straight course", () => {
  it("has the events of start, activity, result and end in order", () => {
    const run = newScenario();
    expect(run.state.status).toBe(WorkflowStatus.PENDING);
    run.runTask(commands.activity(1));
    expect(run.state.status).toBe(WorkflowStatus.RUNNING);
    const fence = run.takeActivity(1);
    const input = {
      target: { kind: "fence", fence },
      completion: result,
      caller,
      workerId: "worker",
    } as const;
    run.apply((state, context) => completeActivity(state, input, context));
    run.runTask(commands.done());
    expect(run.kinds()).toEqual([
      "workflowStarted",
      "workflowTaskScheduled",
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "activityScheduled",
      "activityStarted",
      "activityCompleted",
      "workflowTaskScheduled",
      "workflowTaskStarted",
      "workflowTaskCompleted",
      "workflowCompleted",
    ]);
    expect(run.history.map(({ eventId }) => eventId)).toEqual(run.history.map((_, index) => index + 1));
    expect(run.last("activityCompleted")).toMatchObject({ scheduledEventId: 5, startedEventId: 6, seq: 1 });
    expect(run.state).toMatchObject({
      status: WorkflowStatus.COMPLETED,
      wakeupAt: undefined,
      closedAt: run.now,
    });
    expect(run.apply((state, context) => completeActivity(state, input, context))).toEqual({
      alreadyApplied: true,
    });
  });

  it("hands tasks to pollers that wait in the transition that makes them", () => {
    const run = newScenario({}, {}, ({ kind }) => poller(`waiting-${kind}`));
    expect(run.handed).toEqual([
      { kind: "workflow", pollId: "waiting-workflow", runId: "run", seq: 0, epoch: 1 },
    ]);
    run.complete([commands.activity(1)]);
    expect(run.handed[1]).toEqual({
      kind: "activity",
      pollId: "waiting-activity",
      runId: "run",
      seq: 1,
      epoch: 1,
    });
    expect(run.state.activities.get(1)).toMatchObject({ readyPosition: undefined, lease: { epoch: 1 } });
  });
});
