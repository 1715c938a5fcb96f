/** Bad calls: unknown ids, wrong states, too large or malformed content. */
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  activity,
  activityNotFound,
  type BadCall,
  broken,
  completion,
  garbage,
  invalidField,
  invalidPayload,
  invalidToken,
  large,
  named,
  namespaceExists,
  namespaceInUse,
  namespaceNotFound,
  payload,
  pendingLimit,
  type Reason,
  requestIdReused,
  sizeLimit,
  spec,
  unknownRun,
  whole,
  workerDraining,
  workerNotFound,
  workflowClosed,
  workflowExists,
  workflowNotFound,
  workflowOpen,
} from "./calls.js";
import { type BadInputFixture, closedRun, maxPending, openRun, refused } from "./fixture.js";

const { method: wf } = WorkflowService;
const { method: wk } = WorkerService;
const { method: nsp } = NamespaceService;

/** Calls on a workflow that take its id and maybe a run id. */
const onWorkflow: WorkflowCall[] = [
  (title, target, ...told) => whole(title, wf.getWorkflow, target, ...told),
  (title, target, ...told) => whole(title, wf.getHistory, target, ...told),
  (title, target, ...told) => whole(title, wf.getWorkflowResult, target, ...told),
  (title, target, ...told) => whole(title, wf.signalWorkflow, { ...target, name: "hello" }, ...told),
  (title, target, ...told) => whole(title, wf.cancelWorkflow, target, ...told),
  (title, target, ...told) => whole(title, wf.terminateWorkflow, target, ...told),
  (title, target, ...told) => whole(title, wf.deleteWorkflow, target, ...told),
  (title, target, ...told) => whole(title, wf.queryWorkflow, { ...target, name: "state" }, ...told),
  (title, target, ...told) => whole(title, wf.updateWorkflow, { ...target, name: "set" }, ...told),
  (title, target, ...told) => whole(title, wf.getUpdateResult, { ...target, updateId: "u" }, ...told),
  (title, target, ...told) => whole(title, wf.listChildWorkflows, target, ...told),
  (title, target, ...told) => whole(title, wk.getLatestSnapshot, target, ...told),
  direct(wk.scheduleActivity, { activityType: "Work" }),
  direct(wk.scheduleTimer, { duration: { seconds: 60n } }),
  direct(wk.recordSideEffect, { value: payload("1") }),
  direct(wk.startChildWorkflow, { spec: { ...spec, workflowId: "child" } }),
  direct(wk.createSnapshot, { asOfEventId: 1, state: payload("1") }),
  direct(wk.upsertSearchAttributes, {}),
  direct(wk.completeWorkflow, {}),
  direct(wk.failWorkflow, { failure: { message: "no" } }),
  direct(wk.finaliseCancellation, {}),
  direct(wk.continueAsNew, {}),
];

/** A direct operation: its id of the open run is right, whatever else is not. */
function direct<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  command: object,
): WorkflowCall {
  return (title, target, ...told) => {
    const request = ({ openRunId }: BadInputFixture) =>
      ({ runId: openRunId, ...target, seq: 900, lastSeenEventId: 900, command }) as object;
    return whole(title, method, request as (fixture: BadInputFixture) => MessageInitShape<I>, ...told);
  };
}

type WorkflowCall = (...call: [string, Target, Reason, Record<string, string>?]) => BadCall;

interface Target {
  readonly namespace?: string;
  readonly workflowId: string;
  readonly runId?: string;
}

export const unknownIds: BadCall[] = [
  ...onWorkflow.flatMap((call) => [
    call("an unknown workflow", { workflowId: "nobody" }, workflowNotFound),
    call("an unknown run", { workflowId: openRun, runId: unknownRun }, workflowNotFound),
    call("a run id that is none", { workflowId: openRun, runId: "nope" }, workflowNotFound),
    call("no workflow id", { workflowId: "" }, invalidField, { field: "workflow_id" }),
    call("an unknown namespace", { namespace: "nowhere", workflowId: openRun }, namespaceNotFound),
    call("a workflow of another namespace", { namespace: "other", workflowId: openRun }, workflowNotFound),
  ]),
  whole("an unknown namespace", wf.startWorkflow, { namespace: "nowhere", spec }, namespaceNotFound),
  whole(
    "an unknown namespace",
    wf.startWorkflows,
    { namespace: "nowhere", specs: [spec] },
    namespaceNotFound,
  ),
  whole("an unknown namespace", wf.listWorkflows, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wf.countWorkflows, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wf.listWaiting, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wk.registerWorker, { namespace: "nowhere", worker: {} }, namespaceNotFound),
  whole("an unknown namespace", nsp.getQueueStats, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", nsp.getNamespaceStats, { name: "nowhere" }, namespaceNotFound),
  whole(
    "an unknown namespace",
    nsp.updateNamespace,
    { name: "nowhere", description: "x" },
    namespaceNotFound,
  ),
  whole("an unknown namespace", nsp.deleteNamespace, { name: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wk.listWorkers, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wk.pollWorkflowTasks, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown namespace", wk.pollActivityTasks, { namespace: "nowhere" }, namespaceNotFound),
  whole("an unknown worker", wk.heartbeatWorker, { workerId: "nobody" }, workerNotFound),
  whole("an unknown worker", wk.drainWorker, { workerId: "nobody" }, workerNotFound),
  whole("an unknown worker", wk.pollWorkflowTasks, { workerId: "nobody" }, workerNotFound),
  whole("an unknown worker", wk.pollActivityTasks, { workerId: "nobody" }, workerNotFound),
  whole(
    "a worker of another namespace",
    wk.heartbeatWorker,
    ({ alive }) => ({ namespace: "other", workerId: alive }),
    workerNotFound,
  ),
  ...(["nobody", openRun] as const).map((workflowId) =>
    whole(
      `an unknown activity of ${workflowId}`,
      wk.getActivity,
      { activity: { workflowId, activity: { case: "seq", value: 77 } } },
      workflowId === openRun ? activityNotFound : workflowNotFound,
    ),
  ),
  whole(
    "an activity of another namespace",
    wk.getActivity,
    { namespace: "other", activity: { workflowId: openRun, activity: { case: "seq", value: 1 } } },
    workflowNotFound,
  ),
  whole(
    "a task of another namespace",
    wk.appendCommands,
    ({ held }) => ({
      ...{ namespace: "other", taskToken: held },
      commands: [{ seq: 10, kind: { case: "scheduleTimer" as const, value: { duration: { seconds: 1n } } } }],
    }),
    invalidToken,
  ),
  ...(["complete", "fail", "heartbeat"] as const).flatMap((how) => [
    activity("an activity of another namespace", how, workflowNotFound, {
      namespace: "other",
      target: () => named(openRun, 1),
    }),
    activity("a task of another namespace", how, invalidToken, { namespace: "other" }),
    activity("an unknown workflow", how, workflowNotFound, { target: () => named("nobody", 1) }),
    activity("an unknown activity", how, activityNotFound, { target: () => named(openRun, 77) }),
    activity("a workflow and no activity", how, invalidField, {
      target: () => ({ case: "activity", value: { workflowId: openRun } }),
    }),
  ]),
];

export const wrongStates: BadCall[] = [
  whole("a closed run", wf.signalWorkflow, { workflowId: closedRun, name: "late" }, workflowClosed, {
    status: "COMPLETED",
  }),
  whole("a closed run", wf.cancelWorkflow, { workflowId: closedRun }, workflowClosed),
  whole("a closed run", wf.terminateWorkflow, { workflowId: closedRun }, workflowClosed),
  whole("an open run", wf.deleteWorkflow, { workflowId: openRun }, workflowOpen, { status: "RUNNING" }),
  activity("of a closed run", "complete", workflowClosed, { target: () => named(closedRun, 1) }),
  whole(
    "a draining worker",
    wk.pollWorkflowTasks,
    ({ draining }) => ({ workerId: draining }),
    workerDraining,
  ),
  whole(
    "a draining worker",
    wk.pollActivityTasks,
    ({ draining }) => ({ workerId: draining }),
    workerDraining,
  ),
  whole(
    "an id with an open run",
    wf.startWorkflow,
    { spec: { ...spec, workflowId: openRun } },
    workflowExists,
  ),
  whole(
    "a request id with other content",
    wf.startWorkflow,
    { spec: { ...spec, workflowId: openRun }, requestId: `start-${openRun}` },
    requestIdReused,
  ),
  whole(
    "a request id with other content",
    wf.signalWorkflow,
    { workflowId: openRun, name: "another", requestId: "signal-once" },
    requestIdReused,
  ),
  whole("a name that is taken", nsp.createNamespace, { name: "other" }, namespaceExists),
  whole("main", nsp.createNamespace, { name: "main" }, namespaceExists),
  whole("main", nsp.deleteNamespace, { name: "main" }, namespaceInUse),
];

export const oversized: BadCall[] = [
  whole("a request over 4 MiB", wf.startWorkflow, { spec: { ...spec, input: large(5 << 20) } }, sizeLimit, {
    limit: String(4 << 20),
  }),
  whole("an input over 2 MiB", wf.startWorkflow, { spec: { ...spec, input: large(2 << 20) } }, sizeLimit, {
    field: "spec.input",
    limit: String(2 << 20),
  }),
  whole(
    "a payload over 2 MiB",
    wf.signalWorkflow,
    { workflowId: openRun, name: "big", payload: large(2 << 20) },
    sizeLimit,
  ),
  whole(
    "details over 2 MiB",
    wf.terminateWorkflow,
    { workflowId: openRun, details: large(2 << 20) },
    sizeLimit,
  ),
  whole("a long id", wf.startWorkflow, { spec: { ...spec, workflowId: "x".repeat(257) } }, sizeLimit),
  whole("a long id in two-byte letters", wf.getWorkflow, { workflowId: "ö".repeat(129) }, sizeLimit),
  whole("a long signal name", wf.signalWorkflow, { workflowId: openRun, name: "x".repeat(257) }, sizeLimit),
  whole("a long queue name", wk.pollWorkflowTasks, { taskQueue: "x".repeat(257) }, sizeLimit),
  whole(
    "a long request id",
    wf.cancelWorkflow,
    { workflowId: openRun, requestId: "x".repeat(257) },
    sizeLimit,
  ),
  activity("a result over 2 MiB", "complete", sizeLimit, { value: large(2 << 20) }),
  activity("details over 256 KiB", "heartbeat", sizeLimit, { value: large(256 << 10) }),
  activity("details over 256 KiB", "fail", sizeLimit, { value: large(256 << 10) }),
  completion(
    "a result over 2 MiB",
    [{ kind: { case: "completeWorkflow", value: { result: large(2 << 20) } } }],
    sizeLimit,
    { command_index: "0", command: "complete_workflow" },
  ),
  completion(
    "more timers than a run may have",
    Array.from({ length: maxPending }, (_, index) => ({
      seq: 10 + index,
      kind: { case: "scheduleTimer" as const, value: { duration: { seconds: 60n } } },
    })),
    pendingLimit,
    { kind: "timers", limit: String(maxPending), command_index: String(maxPending - 1) },
  ),
];

export const malformedPayloads: BadCall[] = [
  whole("not JSON", wf.startWorkflow, { spec: { ...spec, input: broken } }, invalidPayload, {
    field: "spec.input.json",
  }),
  whole("empty JSON", wf.startWorkflow, { spec: { ...spec, input: payload("") } }, invalidPayload),
  whole(
    "a raw U+0000 in JSON",
    wf.startWorkflow,
    { spec: { ...spec, input: payload('"\0"') } },
    invalidPayload,
  ),
  whole(
    "not JSON in a header",
    wf.startWorkflow,
    { spec: { ...spec, header: { fields: { trace: broken } } } },
    invalidPayload,
  ),
  whole("not JSON", wf.signalWorkflow, { workflowId: openRun, name: "x", payload: broken }, invalidPayload),
  whole("not JSON", wf.terminateWorkflow, { workflowId: openRun, details: broken }, invalidPayload),
  activity("not JSON", "complete", invalidPayload, { value: broken }),
  activity("not JSON", "fail", invalidPayload, { value: broken }),
  activity("not JSON", "heartbeat", invalidPayload, { value: broken }),
  completion(
    "not JSON in a command",
    [{ seq: 10, kind: { case: "recordSideEffect", value: { value: broken } } }],
    invalidPayload,
  ),
  {
    title: "StartWorkflow: bytes that are no request",
    code: "INVALID_ARGUMENT",
    reason: "INVALID_FIELD",
    call: ({ caller }) => refused(caller.callRaw(wf.startWorkflow, garbage)),
  },
];
