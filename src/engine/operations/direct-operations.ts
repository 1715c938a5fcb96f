/** The direct operations: workflow tasks of one command each, for callers that need nothing but a generated client. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Command, CommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type * as wk from "../../../gen/pawl/v1/worker_service_pb.js";
import { isClosing } from "../../core/commands/apply-commands.js";
import { type DirectOutcome, directOperation } from "../../core/direct-operation.js";
import { invalidField } from "../../core/refusals.js";
import { type RunState, runKeyId } from "../../core/run-state.js";
import { checkText } from "../../core/text.js";
import { onRun } from "../commit/operation.js";
import { contentHashOf } from "../content-hash.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";
import { findEvent } from "../reads/find-event.js";
import type { WorkflowTaskToken } from "../task-token.js";
import { prepareCommands } from "./prepare-commands.js";
import { readWorkflowToken } from "./read-token.js";
import { workflowTokenOf } from "./workflow-tasks.js";

/** Schedules an activity. */
export async function scheduleActivity(parts: EngineParts, request: wk.ScheduleActivityRequest, call: Call) {
  const { seq, command } = request;
  const done = await direct(parts, request, call, { case: "scheduleActivity", value: given(command) });
  return {
    state: done.state,
    activityId: command?.activityId || String(seq),
    scheduledEventId: done.eventId,
  };
}

/** Schedules a timer. */
export async function scheduleTimer(parts: EngineParts, request: wk.ScheduleTimerRequest, call: Call) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "scheduleTimer", value: command });
  const { kind } = await readMade(parts, done);
  if (kind.case !== "timerScheduled") throw new Error(`event ${done.eventId} schedules no timer`);
  const isFired = await hasFired(parts, done, request.seq);
  return { state: done.state, isFired, ...(kind.value.fireTime && { fireTime: kind.value.fireTime }) };
}

/** Records a value. The one that was recorded first wins, so it is no part of what a repeat must have in common. */
export async function recordSideEffect(parts: EngineParts, request: wk.RecordSideEffectRequest, call: Call) {
  const command = given(request.command);
  const { name } = command;
  const same = create(CommandSchema, { kind: { case: "recordSideEffect", value: { name } } });
  const done = await direct(parts, request, call, { case: "recordSideEffect", value: command }, same);
  const { kind } = await readMade(parts, done);
  if (kind.case !== "sideEffectRecorded") throw new Error(`event ${done.eventId} records no side effect`);
  return { state: done.state, ...(kind.value.value && { value: kind.value.value }) };
}

/** Starts a child. */
export async function startChildWorkflow(
  parts: EngineParts,
  request: wk.StartChildWorkflowRequest,
  call: Call,
) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "startChildWorkflow", value: command });
  const { kind } = await readMade(parts, done);
  if (kind.case !== "childWorkflowInitiated") throw new Error(`event ${done.eventId} starts no child`);
  const { namespace, runId, spec } = kind.value;
  return { state: done.state, child: { namespace, workflowId: spec?.workflowId ?? "", runId } };
}

/** Takes a snapshot. */
export async function createSnapshot(parts: EngineParts, request: wk.CreateSnapshotRequest, call: Call) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "recordSnapshot", value: command });
  return { state: done.state };
}

/** Changes search attributes. */
export async function upsertSearchAttributes(
  parts: EngineParts,
  request: wk.UpsertSearchAttributesRequest,
  call: Call,
) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "upsertSearchAttributes", value: command });
  return { state: done.state, searchAttributes: { ...done.run.attributes?.searchAttributes } };
}

/** Ends a run with a result. */
export async function completeWorkflow(parts: EngineParts, request: wk.CompleteWorkflowRequest, call: Call) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "completeWorkflow", value: command });
  return { state: done.state };
}

/** Ends a run with a failure. */
export async function failWorkflow(parts: EngineParts, request: wk.FailWorkflowRequest, call: Call) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "failWorkflow", value: command });
  const { kind } = await readMade(parts, done);
  return { state: done.state, nextRunId: kind.case === "workflowFailed" ? kind.value.nextRunId : "" };
}

/** Ends a run as cancelled. */
export async function finaliseCancellation(
  parts: EngineParts,
  request: wk.FinaliseCancellationRequest,
  call: Call,
) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "cancelWorkflow", value: command });
  return { state: done.state };
}

/** Ends a run and starts another in its place. */
export async function continueAsNew(parts: EngineParts, request: wk.ContinueAsNewRequest, call: Call) {
  const command = given(request.command);
  const done = await direct(parts, request, call, { case: "continueAsNew", value: command });
  const { kind } = await readMade(parts, done);
  return { state: done.state, newRunId: kind.case === "workflowContinuedAsNew" ? kind.value.newRunId : "" };
}

/** What all requests have in common. */
interface DirectRequest {
  readonly namespace: string;
  readonly requestId: string;
  readonly identity: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly seq: number;
  readonly taskToken: Uint8Array;
  readonly lastSeenEventId?: number;
}

type Done = Pick<DirectOutcome, "run" | "eventId"> & {
  readonly state: MessageInitShape<typeof wk.DirectOperationStateSchema>;
};

/** Does what a request says. `same` is what its repeat must have in common with it, unless that is the whole command. */
async function direct(
  parts: EngineParts,
  request: DirectRequest,
  { principal }: Call,
  kind: Command["kind"],
  same?: Command,
): Promise<Done> {
  const { seq, lastSeenEventId = 0, identity } = request;
  checkText(request.requestId, "request_id");
  checkText(identity, "identity");
  const command = create(CommandSchema, { seq, kind });
  const token = await readHeld(parts, request);
  const runId = token?.runId ?? request.runId;
  if (isClosing(command) && runId === "") throw unnamedRun();
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const input = {
    command,
    contentHash: contentHashOf(CommandSchema, same ?? create(CommandSchema, { kind })),
    fence: token,
    lastSeenEventId,
    caller: { identity, principal },
    events: await prepareCommands(parts, { runId }, [command]),
  };
  const { run, eventId, isExisting, epoch, refusal } = await parts.commit.submit(
    onRun({
      namespaceId,
      workflowId: request.workflowId,
      runId: runId === "" ? undefined : runId,
      keysIfRefused: [runKeyId("seq", String(seq))],
      bytes: estimateBytes(command) + 800,
      ...(token === undefined ? {} : { seenVersion: token.version }),
      decide: (state, context) => directOperation(state, input, context),
    }),
  );
  if (refusal !== undefined) throw refusal;
  // What was written has the next version.
  const written = isExisting ? run : { ...run, version: run.version + 1 };
  const next = epoch === undefined ? undefined : workflowTokenOf(written, epoch);
  const state = {
    lastEventId: run.nextEventId - 1,
    isExisting,
    ...(next === undefined ? {} : { taskToken: parts.tokens.writeWorkflow(next) }),
  };
  return { run, eventId, state };
}

async function readHeld(parts: EngineParts, request: DirectRequest): Promise<WorkflowTaskToken | undefined> {
  if (request.taskToken.length === 0) return undefined;
  const token = await readWorkflowToken(parts, request.namespace, request.taskToken);
  const isOther =
    token.workflowId !== request.workflowId || (request.runId !== "" && token.runId !== request.runId);
  if (isOther) throw invalidField("task_token", "is of a task of another run");
  return token;
}

function unnamedRun() {
  const why =
    "or task_token must be given: without them a repeat would mean the run that has taken this one's place";
  return invalidField("run_id", why);
}

/** The rule of the field has seen to it; the type can't tell. */
function given<T>(command: T | undefined): T {
  if (command === undefined) throw invalidField("command", "must be given");
  return command;
}

/** The event that an operation made, now or before. */
async function readMade(
  parts: EngineParts,
  { run, eventId }: Pick<Done, "run" | "eventId">,
): Promise<HistoryEvent> {
  const event = await parts.events.read(run, eventId);
  if (event === undefined) throw new Error(`run ${run.runId} has no event ${eventId}`);
  return event;
}

/** Whether a timer that was scheduled by this event has fired, and was not cancelled. */
async function hasFired(parts: EngineParts, { run, eventId }: Done, seq: number): Promise<boolean> {
  if (run.timers.has(seq)) return false;
  const end = await findEnd(parts, run, eventId, seq);
  return end?.kind.case === "timerFired";
}

function findEnd(parts: EngineParts, run: RunState, scheduledEventId: number, seq: number) {
  return findEvent(
    parts,
    run,
    scheduledEventId,
    ({ kind }) => (kind.case === "timerFired" || kind.case === "timerCancelled") && kind.value.seq === seq,
  );
}
