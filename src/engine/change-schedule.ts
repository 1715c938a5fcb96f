/** Changes of schedules that start no run: read, decided, and written if nobody has written since; else once more. */
import { setTimeout as delay } from "node:timers/promises";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";
import { requestIdReused } from "../core/refusals.js";
import type { ScheduleName, ScheduleState } from "../core/schedules/schedule-state.js";
import type { Context } from "../core/transition.js";
import { findScheduleRequest, loadSchedules, writeSchedule } from "../store/schedules.js";
import type { ScheduleRequest } from "../store/unit.js";
import { contentHashOf } from "./content-hash.js";
import type { EngineParts } from "./parts.js";

/** A call that changes a schedule. */
export interface ScheduleCall {
  /** Empty: none was given. */
  readonly requestId: string;
  readonly contentHash: string;
}

/** What a change makes of a schedule (undefined: none), and what it answers beside it. */
export interface Changed<Answer> {
  readonly after: ScheduleState | undefined;
  readonly answer: Answer;
}

/** Schedules that fire all the time are changed in between. */
const mostTries = 100;
const longestPauseMs = 20;

/** Changes a schedule. A repeat of the call changes nothing, and finds the schedule as it is now. */
export async function changeSchedule<Answer>(
  parts: EngineParts,
  name: ScheduleName,
  call: ScheduleCall,
  decide: (state: ScheduleState | undefined, context: Context) => Changed<Answer>,
): Promise<Changed<Answer>> {
  const { database, clock } = parts;
  for (let tries = 0; tries < mostTries; tries++) {
    const before = await readSchedule(parts, name);
    const earlier = await findEarlier(parts, name, call);
    // It was this change that answered, so it has the form of an answer of its own.
    if (earlier !== undefined)
      return { after: await readSchedule(parts, name), answer: earlier.answer as Answer };
    const context = { ...parts.context, now: clock.latest(), takePoller: () => undefined };
    const { after, answer } = decide(before, context);
    if (after === before) return { after, answer };
    const request = call.requestId === "" ? undefined : { ...call, answer, madeAt: context.now };
    if (await writeSchedule(database.read, { before, after, request })) {
      parts.scheduleFires.note(name, after?.nextFireAt);
      return { after, answer };
    }
    await delay(Math.min(tries, longestPauseMs));
  }
  throw new RefusedError(
    ErrorReason.SERVER_BUSY,
    `schedule "${name.scheduleId}" changes all the time: try again with back-off`,
  );
}

/** Reads a schedule. */
export async function readSchedule(
  { database, clock }: EngineParts,
  name: ScheduleName,
): Promise<ScheduleState | undefined> {
  const sentAt = clock.steadyNow();
  const { now, schedules } = await loadSchedules(database.read, [name]);
  if (now !== undefined) clock.observe(sentAt, clock.steadyNow(), now);
  return schedules[0];
}

/** How a call is known again. */
export function callOf<Desc extends DescMessage>(
  schema: Desc,
  request: MessageShape<Desc> & { readonly requestId: string },
): ScheduleCall {
  const { requestId } = request;
  if (requestId === "") return { requestId, contentHash: "" };
  const content = { ...request, requestId: "", identity: "" };
  return { requestId, contentHash: `${schema.name}:${contentHashOf(schema, content)}` };
}

/** What was answered to the same call before. Throws REQUEST_ID_REUSED if it was another. */
export function answerOf(
  earlier: Pick<ScheduleRequest, "contentHash" | "answer"> | undefined,
  { requestId, contentHash }: ScheduleCall,
): { readonly answer: unknown } | undefined {
  if (earlier !== undefined && earlier.contentHash !== contentHash) throw requestIdReused(requestId);
  return earlier;
}

/** The schedule, if there is one. */
export function requireSchedule(state: ScheduleState | undefined, scheduleId: string): ScheduleState {
  if (state !== undefined) return state;
  const message = `there is no schedule "${scheduleId}" in this namespace`;
  throw new RefusedError(ErrorReason.SCHEDULE_NOT_FOUND, message, { schedule_id: scheduleId });
}

async function findEarlier({ database }: EngineParts, { namespaceId }: ScheduleName, call: ScheduleCall) {
  const { requestId } = call;
  if (requestId === "") return undefined;
  return answerOf(await findScheduleRequest(database.read, { namespaceId, requestId }), call);
}
