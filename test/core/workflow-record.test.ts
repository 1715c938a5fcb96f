import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { FailureSchema } from "../../gen/pawl/v1/failure_pb.js";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import {
  ParentClosePolicy,
  PendingTaskState,
  WorkflowTaskFailureCause,
} from "../../gen/pawl/v1/workflow_pb.js";
import type { ActivityState, RunState } from "../../src/core/run-state.js";
import { timestampOf } from "../../src/core/time.js";
import {
  pendingActivity,
  pendingChild,
  pendingTimer,
  pendingWorkflowTask,
  workflowRecord,
} from "../../src/core/workflow-record.js";
import { commands, newScenario, type Scenario } from "./scenario.js";

const address = (runId: string) => ({ namespace: "main", workflowId: "p", runId });
const failure = create(FailureSchema, { message: "no" });

test("the record of a run tells what its state does", () => {
  const scenario = newScenario();
  const { state } = scenario;
  expect(workflowRecord(state)).toMatchObject({
    ...{
      namespace: "main",
      workflowId: "wf",
      runId: state.runId,
      workflowType: "Order",
      status: state.status,
    },
    ...{ isCancelRequested: false, previousRunId: "", resetFromRunId: "", searchAttributes: {}, memo: {} },
    ...{ startTime: timestampOf(state.startedAt), executionTime: timestampOf(state.startedAt) },
  });
  expect(workflowRecord(state)).not.toHaveProperty("closeTime");
  scenario.runTask(commands.done());
  expect(workflowRecord(scenario.state)).toMatchObject({ closeTime: timestampOf(scenario.now) });
});

test("the record of a run tells where it comes from", () => {
  const { state } = newScenario();
  const rest = { namespaceId: "ns", seq: 1, initiatedEventId: 5, root: address("root") };
  const settings = {
    ...state.settings,
    firstTaskAt: state.startedAt + 5,
    previousRunId: "a",
    resetFromRunId: "b",
  };
  const child: RunState = { ...state, settings: { ...settings, parent: { ...address("first"), ...rest } } };
  expect(workflowRecord(child)).toMatchObject({
    ...{ previousRunId: "a", resetFromRunId: "b", executionTime: timestampOf(state.startedAt + 5) },
    ...{ parent: address("first"), root: address("root") },
  });
  const owned = { ...address("first"), ...rest, ownerRunId: "owner" };
  expect(workflowRecord({ ...state, settings: { ...settings, parent: owned } })).toMatchObject({
    parent: address("owner"),
  });
  const attributes = { searchAttributes: {}, memo: { note: create(PayloadSchema) } };
  expect(workflowRecord({ ...state, attributes, cancelRequestedEventId: 3 })).toMatchObject({
    memo: { note: {} },
    isCancelRequested: true,
  });
});

test("a pending workflow task is scheduled, started or backs off", () => {
  const scenario = newScenario();
  const task = () => pendingWorkflowTask(scenario.state, scenario.now);
  expect(task()).toMatchObject({ state: PendingTaskState.SCHEDULED, attempt: 1 });
  expect(task()).not.toHaveProperty("nextTime");
  scenario.takeTask();
  expect(task()).toMatchObject({ state: PendingTaskState.STARTED, identity: "w" });
  expect(task()).toHaveProperty("nextTime");
  const { workflowTask, ...rest } = scenario.state;
  const waiting = { lease: undefined, readyAt: scenario.now + 1, lastFailure: failure };
  const lastFailureCause = WorkflowTaskFailureCause.WORKFLOW_ERROR;
  const failing = workflowTask && { ...workflowTask, ...waiting, lastFailureCause };
  expect(pendingWorkflowTask({ ...rest, workflowTask: failing }, scenario.now)).toMatchObject({
    ...{ state: PendingTaskState.BACKING_OFF, lastFailure: failure, lastFailureCause },
    nextTime: timestampOf(scenario.now + 1),
  });
  scenario.complete([]);
  expect(task()).toBeUndefined();
});

test("a pending activity tells its attempt, its heartbeat and its failure", () => {
  const scenario = newScenario();
  scenario.runTask(commands.activity(1, { scheduleToCloseTimeout: { seconds: 60n, nanos: 0 } }));
  const activity = (rest: Partial<ActivityState> = {}) =>
    pendingActivity({ ...activityOf(scenario), ...rest }, scenario.now);
  expect(activity()).toMatchObject({ seq: 1, activityType: "charge", state: PendingTaskState.SCHEDULED });
  expect(activity()).toHaveProperty("expirationTime");
  expect(activity({ expiresAt: undefined })).not.toHaveProperty("expirationTime");
  expect(activity({ readyAt: scenario.now + 1, lastFailure: failure })).toMatchObject({
    ...{
      state: PendingTaskState.BACKING_OFF,
      nextAttemptTime: timestampOf(scenario.now + 1),
      lastFailure: failure,
    },
  });
  scenario.takeActivity(1);
  const details = create(PayloadSchema);
  const heartbeat = { epoch: 1, at: scenario.now, details: undefined };
  expect(activity({ heartbeat })).toMatchObject({ state: PendingTaskState.STARTED, identity: "w" });
  expect(activity({ heartbeat: { ...heartbeat, details } })).toMatchObject({ heartbeatDetails: details });
  expect(activity({ cancelRequestedEventId: 9 })).toMatchObject({ state: PendingTaskState.CANCEL_REQUESTED });
});

function activityOf({ state }: Scenario): ActivityState {
  const activity = state.activities.get(1);
  if (activity === undefined) throw new Error("there is no activity");
  return activity;
}

test("pending timers and children tell what they are", () => {
  const timer = { seq: 1, scheduledEventId: 5, fireAt: 7 };
  expect(pendingTimer(timer)).toEqual({ seq: 1, scheduledEventId: 5, fireTime: timestampOf(7) });
  const child = {
    ...{ ...address("child"), seq: 1, initiatedEventId: 5, startedEventId: undefined, namespaceId: "ns" },
    ...{ workflowType: "Child", parentClosePolicy: ParentClosePolicy.ABANDON },
    startedBy: { runId: "parent", initiatedEventId: 5 },
  };
  expect(pendingChild(child)).toMatchObject({ seq: 1, workflowId: "p", runId: "child", startedEventId: 0 });
  expect(pendingChild({ ...child, startedEventId: 6 })).toMatchObject({ startedEventId: 6 });
});
