/** Bad calls: commands, tokens, numbers and texts that are none, and what is not built yet. */
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import type { OpenIdPolicy, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type WaitingReason, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  activity,
  altered,
  type BadCall,
  completion,
  cut,
  garbage,
  invalidCommand,
  invalidField,
  invalidPageToken,
  invalidToken,
  minus,
  namespaceNotFound,
  payload,
  type Reason,
  sizeLimit,
  spec,
  staleLease,
  tokenTarget,
  whole,
} from "./calls.js";
import { type BadInputFixture, type CommandInit, elementRefused, openRun } from "./fixture.js";

const { method: wf } = WorkflowService;
const { method: wk } = WorkerService;
const { method: nsp } = NamespaceService;

const timer = (seq: number): CommandInit => ({
  seq,
  kind: { case: "scheduleTimer", value: { duration: { seconds: 60n } } },
});

export const badCommands: BadCall[] = [
  completion("a command without a kind", [{ seq: 10 }], invalidCommand, { command_index: "0" }),
  completion("a bad command behind a good one", [timer(10), { seq: 11 }], invalidCommand, {
    command_index: "1",
  }),
  completion(
    "an activity without a type",
    [{ seq: 10, kind: { case: "scheduleActivity", value: {} } }],
    invalidCommand,
    { command: "schedule_activity" },
  ),
  completion("a seq that was used", [timer(2)], invalidCommand),
  completion("a seq of 0", [timer(0)], invalidCommand),
  completion("a seq below 0", [timer(-1)], invalidCommand),
  completion("the same seq twice", [timer(10), timer(10)], invalidCommand, { command_index: "1" }),
  completion(
    "a timer without a duration",
    [{ seq: 10, kind: { case: "scheduleTimer", value: {} } }],
    invalidCommand,
  ),
  completion(
    "cancelling a timer that never was",
    [{ kind: { case: "cancelTimer", value: { timerSeq: 99 } } }],
    invalidCommand,
  ),
  completion(
    "cancelling an activity that never was",
    [{ kind: { case: "cancelActivity", value: { activitySeq: 99 } } }],
    invalidCommand,
  ),
  completion(
    "an activity id that is taken",
    [{ seq: 10, kind: { case: "scheduleActivity", value: { activityId: "held", activityType: "Work" } } }],
    invalidCommand,
  ),
  completion(
    "a priority of 6",
    [{ seq: 10, kind: { case: "scheduleActivity", value: { activityType: "Work", priority: 6 } } }],
    invalidCommand,
  ),
  completion(
    "a command behind the closing one",
    [{ kind: { case: "completeWorkflow", value: {} } }, timer(10)],
    invalidCommand,
    { command_index: "0" },
  ),
  ...(
    [
      { case: "acceptUpdate", value: { updateId: "x" } },
      { case: "rejectUpdate", value: { updateId: "x" } },
      { case: "completeUpdate", value: { updateId: "x", outcome: { case: "result", value: payload("1") } } },
    ] as NonNullable<CommandInit["kind"]>[]
  ).map((kind) =>
    completion(`${kind.case} of an update that is not there`, [{ kind }], invalidCommand, {
      command_index: "0",
    }),
  ),
];

function failing(
  title: string,
  token: (fixture: BadInputFixture) => Uint8Array,
  [code, reason]: Reason,
): BadCall {
  const call = (fixture: BadInputFixture) =>
    elementRefused(fixture.caller.call(wk.failWorkflowTasks, { failures: [{ taskToken: token(fixture) }] }));
  return { title: `FailWorkflowTasks: ${title}`, code, reason, call };
}

function renewing(
  title: string,
  token: (fixture: BadInputFixture) => Uint8Array,
  [code, reason]: Reason,
): BadCall {
  const call = (fixture: BadInputFixture) =>
    elementRefused(fixture.caller.call(wk.renewWorkflowTasks, { taskTokens: [token(fixture)] }));
  return { title: `RenewWorkflowTasks: ${title}`, code, reason, call };
}

export const badTokens: BadCall[] = [
  ...(["nowhere", "other"] as const).map((namespace): BadCall => {
    const [code, reason] = namespace === "nowhere" ? namespaceNotFound : invalidToken;
    const call = ({ caller, held }: BadInputFixture) =>
      elementRefused(
        caller.call(wk.completeWorkflowTasks, { namespace, completions: [{ taskToken: held }] }),
      );
    return { title: `CompleteWorkflowTasks: a token in the namespace ${namespace}`, code, reason, call };
  }),
  completion("no token", [], invalidField, {}, () => new Uint8Array()),
  completion("a forged token", [], invalidToken, {}, () => garbage),
  completion("a cut token", [], invalidToken, {}, ({ held }) => cut(held)),
  completion("an altered token", [], invalidToken, {}, ({ held }) => altered(held)),
  completion("an activity's token", [], invalidToken, {}, (fixture) => fixture.activity),
  completion("a stale token", [], staleLease, {}, ({ stale }) => stale),
  ...(
    [
      ["a forged token", () => garbage, invalidToken],
      ["an altered token", ({ held }) => altered(held), invalidToken],
      ["a stale token", ({ stale }) => stale, staleLease],
    ] as [string, (fixture: BadInputFixture) => Uint8Array, Reason][]
  ).flatMap(([title, token, told]) => [failing(title, token, told), renewing(title, token, told)]),
  renewing("the token of a closed run", ({ closing }) => closing, staleLease),
  ...(["complete", "fail", "heartbeat"] as const).flatMap((how) => [
    activity("no token", how, invalidToken, { target: () => tokenTarget(new Uint8Array()) }),
    activity("a forged token", how, invalidToken, { target: () => tokenTarget(garbage) }),
    activity("a cut token", how, invalidToken, { target: (f) => tokenTarget(cut(f.activity)) }),
    activity("an altered token", how, invalidToken, { target: (f) => tokenTarget(altered(f.activity)) }),
    activity("a workflow task's token", how, invalidToken, { target: (f) => tokenTarget(f.held) }),
    activity("a stale token", how, staleLease, { target: (f) => tokenTarget(f.staleActivity) }),
  ]),
];

export const badNumbers: BadCall[] = [
  whole("a negative wait", wf.startWorkflow, { spec, wait: minus }, invalidField, { field: "wait" }),
  whole("a wait over 55 s", wf.startWorkflow, { spec, wait: { seconds: 56n } }, invalidField),
  ...(["runTimeout", "executionTimeout", "workflowTaskTimeout", "startDelay"] as const).map((field) =>
    whole(`a negative ${field}`, wf.startWorkflow, { spec: { ...spec, [field]: minus } }, invalidField),
  ),
  whole("a priority of 6", wf.startWorkflow, { spec: { ...spec, priority: 6 } }, invalidField),
  whole(
    "an id policy of 9",
    wf.startWorkflow,
    { spec: { ...spec, openIdPolicy: 9 as OpenIdPolicy } },
    invalidField,
  ),
  whole("a negative wait", wf.getHistory, { workflowId: openRun, wait: minus }, invalidField),
  whole("a negative wait", wf.getWorkflowResult, { workflowId: openRun, wait: minus }, invalidField),
  whole("a negative wait", wk.pollWorkflowTasks, { wait: minus }, invalidField),
  whole("a negative wait", wk.pollActivityTasks, { wait: minus }, invalidField),
  whole("a negative number of tasks", wk.pollActivityTasks, { maxTasks: -1 }, invalidField),
  whole("101 tasks", wk.pollWorkflowTasks, { maxTasks: 101 }, invalidField),
  whole("a negative retention", nsp.createNamespace, { name: "short", retention: minus }, invalidField),
  whole("a negative retention", nsp.updateNamespace, { name: "main", retention: minus }, invalidField),
  whole("no retention", nsp.updateNamespace, { name: "main", retention: { seconds: 0n } }, invalidField),
  whole(
    "a retention of a thousand years",
    nsp.updateNamespace,
    { name: "main", retention: { seconds: 31_557_600_000n } },
    invalidField,
  ),
  completion(
    "a negative timer",
    [{ seq: 10, kind: { case: "scheduleTimer", value: { duration: minus } } }],
    invalidCommand,
  ),
  ...(
    ["startToCloseTimeout", "scheduleToCloseTimeout", "scheduleToStartTimeout", "heartbeatTimeout"] as const
  ).map((field) =>
    completion(
      `a negative ${field}`,
      [{ seq: 10, kind: { case: "scheduleActivity", value: { activityType: "Work", [field]: minus } } }],
      invalidCommand,
    ),
  ),
  completion(
    "a duration that is none",
    [{ seq: 10, kind: { case: "scheduleTimer", value: { duration: { seconds: 1n, nanos: -1 } } } }],
    invalidCommand,
  ),
  ...[-1, 1_001].flatMap((pageSize) => [
    whole(`a page of ${pageSize}`, wf.listWorkflows, { pageSize }, invalidField, { field: "page_size" }),
    whole(`a page of ${pageSize}`, wf.listWaiting, { pageSize }, invalidField),
    whole(`a page of ${pageSize}`, wf.getHistory, { workflowId: openRun, pageSize }, invalidField),
    whole(`a page of ${pageSize}`, nsp.listNamespaces, { pageSize }, invalidField),
    whole(`a page of ${pageSize}`, wk.listWorkers, { pageSize }, invalidField),
  ]),
  whole("a negative time without events", wf.listWaiting, { idleFor: minus }, invalidField, {
    field: "idle_for",
  }),
  whole("a reason of 99", wf.listWaiting, { reason: 99 as WaitingReason }, invalidField),
  whole("a page token that is none", wf.listWaiting, { pageToken: "nope" }, invalidPageToken),
  whole("a page token that is none", wf.listWorkflows, { pageToken: "nope" }, invalidPageToken),
  whole(
    "a page token that is none",
    wf.getHistory,
    { workflowId: openRun, pageToken: "nope" },
    invalidPageToken,
  ),
  whole("a page token that is none", nsp.listNamespaces, { pageToken: "nope" }, invalidPageToken),
  whole("a page token that is none", wk.listWorkers, { pageToken: "nope" }, invalidPageToken),
  whole("events behind -1", wf.getHistory, { workflowId: openRun, afterEventId: -1 }, invalidField),
  whole("a filter by no status", wf.listWorkflows, { filter: { statuses: [0] } }, invalidField),
  whole(
    "a filter by status 99",
    wf.countWorkflows,
    { filter: { statuses: [99 as WorkflowStatus] } },
    invalidField,
  ),
];

const nul = "a\0b";

export const nulls: BadCall[] = [
  whole("U+0000 in the id", wf.startWorkflow, { spec: { ...spec, workflowId: nul } }, invalidField, {
    field: "spec.workflow_id",
  }),
  whole("U+0000 in the type", wf.startWorkflow, { spec: { ...spec, workflowType: nul } }, invalidField),
  whole("U+0000 in the queue", wf.startWorkflow, { spec: { ...spec, taskQueue: nul } }, invalidField),
  whole("U+0000 in the request id", wf.startWorkflow, { spec, requestId: nul }, invalidField),
  whole("U+0000 in the identity", wf.startWorkflow, { spec, identity: nul }, invalidField),
  whole("U+0000 in the namespace", wf.startWorkflow, { spec, namespace: nul }, invalidField),
  whole("U+0000 in the id", wf.getWorkflow, { workflowId: nul }, invalidField),
  whole("U+0000 in the run id", wf.getHistory, { workflowId: openRun, runId: nul }, invalidField),
  whole("U+0000 in the name", wf.signalWorkflow, { workflowId: openRun, name: nul }, invalidField),
  whole("U+0000 in the reason", wf.cancelWorkflow, { workflowId: openRun, reason: nul }, invalidField),
  whole("U+0000 in the run id", wf.deleteWorkflow, { workflowId: openRun, runId: nul }, invalidField),
  whole("U+0000 in the reason", wf.terminateWorkflow, { workflowId: openRun, reason: nul }, invalidField),
  whole("U+0000 in a filter", wf.listWorkflows, { filter: { workflowIdPrefix: nul } }, invalidField),
  whole("U+0000 in the page token", wf.listWaiting, { pageToken: nul }, invalidField),
  whole("U+0000 in the page token", wf.listWorkflows, { pageToken: nul }, invalidField),
  whole("U+0000 in the queue", wk.pollWorkflowTasks, { taskQueue: nul }, invalidField),
  whole("U+0000 in a type", wk.pollActivityTasks, { activityTypes: [nul] }, invalidField),
  whole("U+0000 in the worker id", wk.heartbeatWorker, { workerId: nul }, invalidField),
  whole("U+0000 in the queue", nsp.getQueueStats, { taskQueue: nul }, invalidField),
  whole("U+0000 in the queue", wk.listWorkers, { taskQueue: nul }, invalidField),
  whole("U+0000 in a queue", wk.registerWorker, { worker: { taskQueues: [nul] } }, invalidField),
  whole("U+0000 in the identity", wk.registerWorker, { worker: { identity: nul } }, invalidField),
  whole("U+0000 in the name", nsp.createNamespace, { name: nul }, invalidField),
  whole("U+0000 in the description", nsp.createNamespace, { name: "ok", description: nul }, invalidField),
  completion(
    "U+0000 in an activity's type",
    [{ seq: 10, kind: { case: "scheduleActivity", value: { activityType: nul } } }],
    invalidCommand,
  ),
];

/** Attributes that no run can have, and conditions that make no sense. */
export const badAttributes: BadCall[] = [
  ...(
    [
      ["a name that is empty", { "": keyword("x") }],
      ["a name with U+0000", { "a\0": keyword("x") }],
      ["a name that is too long", { ["a".repeat(257)]: keyword("x") }, sizeLimit],
      ["no value", { a: {} }],
      ["a keyword with U+0000", { a: keyword("\0") }],
      ["a keyword that is too long", { a: keyword("x".repeat(257)) }, sizeLimit],
      ["a number that is none", { a: { value: { case: "number", value: Number.NaN } } }],
      ["a time that is none", { a: { value: { case: "time", value: { seconds: 9_000_000_000_000n } } } }],
      [
        "101 of them",
        Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a${n}`, keyword("x")])),
        sizeLimit,
      ],
    ] as [string, Record<string, object>, Reason?][]
  ).map(([title, searchAttributes, reason = invalidField]) =>
    whole(
      `a start with search attributes: ${title}`,
      wf.startWorkflow,
      { spec: { ...spec, searchAttributes } },
      reason,
    ),
  ),
  whole(
    "a start with a memo of more than 256 KiB",
    wf.startWorkflow,
    { spec: { ...spec, memo: { a: payload(JSON.stringify("x".repeat(256 * 1024))) } } },
    sizeLimit,
  ),
  ...(
    [
      ["no name", { name: "", condition: { case: "equals", value: keyword("x") } }],
      ["no condition", { name: "a" }],
      ["no value", { name: "a", condition: { case: "equals", value: {} } }],
      ["a range without bounds", { name: "a", condition: { case: "range", value: {} } }],
      ["a range of keywords", { name: "a", condition: { case: "range", value: { from: keyword("x") } } }],
      [
        "a range of two types",
        {
          name: "a",
          condition: {
            case: "range",
            value: {
              from: { value: { case: "integer", value: 1n } },
              to: { value: { case: "number", value: 2 } },
            },
          },
        },
      ],
    ] as [string, object][]
  ).map(([title, condition]) =>
    whole(
      `a filter by search attributes: ${title}`,
      wf.listWorkflows,
      { filter: { searchAttributes: [condition] } },
      invalidField,
    ),
  ),
];

function keyword(value: string) {
  return { value: { case: "keyword" as const, value } };
}
