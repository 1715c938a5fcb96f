/** Creating, changing and deleting schedules, and letting them fire out of turn. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import {
  type BackfillScheduleRequest,
  BackfillScheduleRequestSchema,
  type CreateScheduleRequest,
  CreateScheduleRequestSchema,
  type DeleteScheduleRequest,
  DeleteScheduleRequestSchema,
  type PauseScheduleRequest,
  PauseScheduleRequestSchema,
  type ResumeScheduleRequest,
  ResumeScheduleRequestSchema,
  type TriggerScheduleRequest,
  TriggerScheduleRequestSchema,
  type UpdateScheduleRequest,
  UpdateScheduleRequestSchema,
} from "../../../gen/pawl/v1/schedule_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { triggerSchedule as decideTrigger } from "../../core/schedules/advance.js";
import {
  backfillSchedule as decideBackfill,
  createSchedule as decideCreation,
  updateSchedule as decideUpdate,
  setSchedulePaused,
} from "../../core/schedules/change-schedule.js";
import type { StartedRun } from "../../core/schedules/schedule-state.js";
import { microsOf } from "../../core/time.js";
import {
  answerOf,
  callOf,
  changeSchedule,
  readSchedule,
  requireSchedule,
  type ScheduleCall,
} from "../change-schedule.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import type { EngineParts } from "../parts.js";
import { describeSchedule, runRecords } from "../reads/schedules.js";

/** Creates a schedule. Throws SCHEDULE_EXISTS. */
export async function createSchedule(parts: EngineParts, request: CreateScheduleRequest, _call: Call) {
  const { namespaceId, name: namespace } = await parts.namespaces.find(request.namespace);
  const { scheduleId, definition } = request;
  if (definition === undefined) throw new Error("a schedule without a definition passed validation");
  const name = { namespaceId, scheduleId };
  const { after } = await changeSchedule(
    parts,
    name,
    callOf(CreateScheduleRequestSchema, request),
    (state, context) => {
      if (state !== undefined) throw scheduleExists(scheduleId);
      return { after: decideCreation({ ...name, namespace }, definition, context), answer: null };
    },
  );
  return { schedule: await describeSchedule(parts, requireSchedule(after, scheduleId)) };
}

/** Replaces the definition of a schedule. Throws REVISION_MISMATCH. */
export async function updateSchedule(parts: EngineParts, request: UpdateScheduleRequest, _call: Call) {
  const { definition, revision } = request;
  if (definition === undefined) throw new Error("a schedule without a definition passed validation");
  return change(parts, request, callOf(UpdateScheduleRequestSchema, request), (state, context) =>
    decideUpdate(state, { definition, revision }, context),
  );
}

/** Pauses a schedule. */
export async function pauseSchedule(parts: EngineParts, request: PauseScheduleRequest, _call: Call) {
  const { note } = request;
  return change(parts, request, callOf(PauseScheduleRequestSchema, request), (state, context) =>
    setSchedulePaused(state, { isPaused: true, note }, context),
  );
}

/** Resumes a schedule. */
export async function resumeSchedule(parts: EngineParts, request: ResumeScheduleRequest, _call: Call) {
  const { note } = request;
  return change(parts, request, callOf(ResumeScheduleRequestSchema, request), (state, context) =>
    setSchedulePaused(state, { isPaused: false, note }, context),
  );
}

/** Deletes a schedule. */
export async function deleteSchedule(parts: EngineParts, request: DeleteScheduleRequest, _call: Call) {
  const { scheduleId } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const call = callOf(DeleteScheduleRequestSchema, request);
  await changeSchedule(parts, { namespaceId, scheduleId }, call, (state) => {
    requireSchedule(state, scheduleId);
    return { after: undefined, answer: null };
  });
  return {};
}

/** Lets a schedule fire for a past range. */
export async function backfillSchedule(parts: EngineParts, request: BackfillScheduleRequest, _call: Call) {
  const { scheduleId, overlapPolicy: policy } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const range = { from: microsOf(request.fromTime), to: microsOf(request.toTime), policy };
  const call = callOf(BackfillScheduleRequestSchema, request);
  const { answer } = await changeSchedule(parts, { namespaceId, scheduleId }, call, (state, context) => {
    const { after, fires } = decideBackfill(requireSchedule(state, scheduleId), range, context);
    return { after, answer: { fires } };
  });
  return answer;
}

/** Lets a schedule fire now. */
export async function triggerSchedule(parts: EngineParts, request: TriggerScheduleRequest, _call: Call) {
  const { scheduleId, overlapPolicy } = request;
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const call = callOf(TriggerScheduleRequestSchema, request);
  const { requestId } = call;
  const { run } = await parts.commit.submitToSchedule<Triggered>({
    ...{ namespaceId, scheduleId, requestId },
    bytes: estimateBytes(request) + 2_000,
    decide(state, { context, earlier }) {
      const known = answerOf(earlier, call);
      if (known !== undefined) return { ...nothing(state), outcome: known.answer as Triggered };
      const transition = decideTrigger(requireSchedule(state, scheduleId), overlapPolicy, context);
      const outcome = transition.outcome === undefined ? {} : { run: transition.outcome };
      return { ...transition, outcome, request: remembered(call, outcome, context.now) };
    },
  });
  if (run === undefined) return {};
  const [record] = await runRecords(parts, namespaceId, [run]);
  return record === undefined ? {} : { run: record };
}

interface Triggered {
  readonly run?: StartedRun;
}

type Decide = Parameters<typeof changeSchedule<null>>[3];
type State = NonNullable<Parameters<Decide>[0]>;

async function change(
  parts: EngineParts,
  request: { readonly namespace: string; readonly scheduleId: string },
  call: ScheduleCall,
  decide: (state: State, context: Parameters<Decide>[1]) => State,
) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { scheduleId } = request;
  const name = { namespaceId, scheduleId };
  const { after } = await changeSchedule(parts, name, call, (state, context) => ({
    after: decide(requireSchedule(state, scheduleId), context),
    answer: null,
  }));
  const now = after ?? (await readSchedule(parts, name));
  return { schedule: await describeSchedule(parts, requireSchedule(now, scheduleId)) };
}

function nothing(after: State | undefined) {
  return { after, started: undefined, handed: [], messages: [], delivered: [] };
}

function remembered(call: ScheduleCall, answer: Triggered, madeAt: number) {
  return call.requestId === "" ? undefined : { ...call, answer, madeAt };
}

function scheduleExists(scheduleId: string): RefusedError {
  const message = `schedule "${scheduleId}" exists: update it, or choose another id`;
  return new RefusedError(ErrorReason.SCHEDULE_EXISTS, message, { schedule_id: scheduleId });
}
