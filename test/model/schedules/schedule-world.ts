/** A schedule over core alone, beside the reference model: whatever is done to the one is done to the other, and both must be the same after it. */
import { isDeepStrictEqual } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { WorkflowCompletedSchema } from "../../../gen/pawl/v1/event_pb.js";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { ScheduleDefinitionSchema, ScheduleSpecSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { type EventKind, makeEvent } from "../../../src/core/draft.js";
import { RefusedError } from "../../../src/core/errors.js";
import type { Message } from "../../../src/core/run-state.js";
import { advanceSchedule } from "../../../src/core/schedules/advance.js";
import { type FireTimes, readFireTimes } from "../../../src/core/schedules/fire-times.js";
import type {
  ScheduleContext,
  ScheduleState,
  ScheduleTransition,
} from "../../../src/core/schedules/schedule-state.js";
import { timestampOf } from "../../../src/core/time.js";
import { contextAt } from "../../core/scenario.js";
import { rule } from "../rule.js";
import { writeSpec } from "./arbitrary-specs.js";
import { checkSchedule, textOf } from "./check-schedule.js";
import { type Plan, ReferenceSchedule, type Step } from "./reference-schedule.js";
import { firstTimes, type Span, type SpecModel } from "./reference-times.js";

export const scheduleId = "s";
const dayMs = 86_400_000;
/** What the servers' idea of the time is too early or too late by, at the most. */
const uncertainty = 20_000;

/** The world of one random test. */
export class ScheduleWorld {
  readonly span: Span;
  now: number;
  state: ScheduleState | undefined;
  reference: ReferenceSchedule | undefined;
  readonly mail: Message[] = [];
  /** Messages that were delivered. */
  readonly heard: Message[] = [];
  /** Workflow ids that were ever used, and which of their runs are open. */
  readonly used = new Set<string>();
  open: string[] = [];
  private latest = 0;
  private names = 0;
  private readonly asked = new Set<string>();
  private readonly times = new Map<SpecModel, FireTimes>();
  private readonly delays = new Map<SpecModel, Map<number, number>>();

  constructor(readonly beganAt: number) {
    this.now = beganAt * 1_000;
    this.span = { from: beganAt - 2 * dayMs, to: beganAt + 9 * dayMs };
  }

  /** The time by which calls go. */
  get callTime(): number {
    return this.now + uncertainty;
  }

  /** The clock moves, and stays within what the reference model looks at. */
  moveTo(now: number): void {
    if (now < (this.span.to - dayMs) * 1_000) this.now = now;
  }

  context(now: number): ScheduleContext {
    this.latest = Math.max(this.latest, now);
    return {
      ...contextAt(now, { newRunId: () => `run-${++this.names}` }),
      isTaken: (workflowId) => this.used.has(workflowId),
    };
  }

  newReference(plan: Plan): ReferenceSchedule {
    const { span } = this;
    const isUsed = (workflowId: string) => this.used.has(workflowId);
    const delayOf = (spec: SpecModel, at: number) => this.delayOf(spec, at);
    return new ReferenceSchedule(plan, { span, isUsed, delayOf }, this.callTime);
  }

  /** Makes a call of both; nothing happens if core refuses it, which it must if that was to be expected. */
  call<T>(
    isRefused: boolean,
    decide: (state: ScheduleState | undefined, context: ScheduleContext) => T,
  ): T | undefined {
    try {
      const made = decide(this.state, this.context(this.callTime));
      rule(!isRefused, "what is wrong is refused");
      return made;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      rule(isRefused, `a call is refused: ${error.message}`);
      return undefined;
    }
  }

  /** A change that was made of both. */
  changed(state: ScheduleState | undefined): void {
    this.keep(state);
    this.compare();
  }

  /** Lets the schedule hear of ends, and go on by one step. */
  advance(messages: readonly Message[] = []): void {
    const { state, reference, now } = this;
    const transition = advanceSchedule(state, messages, this.context(now));
    rule(isDeepStrictEqual(transition.delivered, messages), "all messages are taken");
    for (const { sender, event } of messages) {
      const { case: how, value } = event.kind;
      const result = how === "workflowCompleted" ? textOf(value.result) : undefined;
      reference?.end(sender.workflowId, how ?? "", result);
    }
    const isDue = state?.nextFireAt !== undefined && state.nextFireAt <= now;
    const step = reference?.step(now, isDue);
    this.take(transition, step ?? { started: undefined, asked: [] });
  }

  /** Lets the schedule do all that is due. */
  settle(): void {
    for (let steps = 0; (this.state?.nextFireAt ?? Number.POSITIVE_INFINITY) <= this.now; steps++) {
      rule(steps < 20_000, "a schedule comes to rest");
      this.advance();
    }
  }

  /** Lets all runs end, and time pass until nothing waits any more. */
  finish(): void {
    this.now = Math.max(this.now, this.latest);
    this.settle();
    for (let rounds = 0; this.open.length + this.mail.length > 0; rounds++) {
      rule(rounds < 20_000, "everything comes to rest");
      for (const workflowId of this.open)
        this.end(workflowId, { case: "workflowCompleted", value: create(WorkflowCompletedSchema) });
      this.advance(this.mail.splice(0));
      this.settle();
    }
    const { waitingAt, backfills = [], nextScheduledAt } = this.state?.progress ?? {};
    rule(waitingAt === undefined && backfills.length === 0, "nothing waits for ever");
    rule(nextScheduledAt === undefined || nextScheduledAt + 7_200_000_000 > this.now, "nothing is forgotten");
  }

  /** The times of a spec behind a point are those that the reference model finds. */
  checkTimes(spec: SpecModel, from: number, found: readonly number[]): void {
    const expected = firstTimes(spec, this.span, from, found.length).map((at) => at * 1_000);
    const near = found.filter((at) => at < this.span.to * 1_000);
    rule(isDeepStrictEqual(near, expected), `fires at ${datesOf(near)} instead of ${datesOf(expected)}`);
  }

  /** Compares what a step has done with what the reference model says. */
  take(transition: ScheduleTransition<unknown>, step: Step): void {
    const { started, messages, after } = transition;
    rule(
      started?.after.workflowId === step.started?.workflowId,
      `${started?.after.workflowId} starts and not ${step.started?.workflowId}`,
    );
    if (started !== undefined && step.started !== undefined) this.begin(started, step.started.scheduledAt);
    const asked = messages.map(({ receiver }) => receiver.workflowId);
    rule(isDeepStrictEqual(asked, step.asked), `${asked} are asked to cancel and not ${step.asked}`);
    for (const { sender, number } of messages) {
      const name = `${sender.runId} ${number}`;
      rule(!this.asked.has(name), `message ${name} is sent twice`);
      this.asked.add(name);
    }
    this.changed(after);
  }

  private begin(
    { after: run, events }: NonNullable<ScheduleTransition<unknown>["started"]>,
    scheduledAt: number,
  ): void {
    const { workflowId } = run;
    rule(!this.used.has(workflowId), `${workflowId} starts twice`);
    this.used.add(workflowId);
    this.open.push(workflowId);
    const kind = events[0]?.event.kind;
    if (kind?.case !== "workflowStarted") throw new Error("a run begins with its start");
    const { value } = kind;
    rule(value.scheduleId === scheduleId, "a run knows its schedule");
    rule(isDeepStrictEqual(value.scheduledTime, timestampOf(scheduledAt)), "a run knows its time");
    rule(textOf(value.lastResult) === this.reference?.lastResult, "a run has the last result");
  }

  /** A run comes to its end, of which the schedule is yet to hear. */
  end(workflowId: string, kind: EventKind): void {
    this.open = this.open.filter((open) => open !== workflowId);
    const place = { namespaceId: "ns", namespace: "main", workflowId };
    this.mail.push({
      sender: { ...place, runId: `run of ${workflowId}` },
      number: 1,
      receiver: { namespaceId: "ns", workflowId: scheduleId, runId: "", isSchedule: true },
      sentAt: this.now,
      event: makeEvent(5, this.now, kind, {}),
    });
  }

  /** The database keeps a schedule as text and bytes. */
  private keep(state: ScheduleState | undefined): void {
    this.state = state && {
      ...state,
      progress: deepFrozen(JSON.parse(JSON.stringify(state.progress))),
      definition: fromBinary(ScheduleDefinitionSchema, toBinary(ScheduleDefinitionSchema, state.definition)),
    };
  }

  private compare(): void {
    checkSchedule(this.state, this.reference, { latest: this.latest, spanTo: this.span.to * 1_000 });
  }

  /** What the jitter adds to a time. */
  private delayOf(spec: SpecModel, at: number): number {
    const delays = this.delays.get(spec) ?? new Map<number, number>();
    this.delays.set(spec, delays);
    const known = delays.get(at);
    if (known !== undefined) return known;
    const times = this.times.get(spec) ?? fireTimesOf(spec);
    this.times.set(spec, times);
    const delay = times.delayed(at) - at;
    rule(delay >= 0 && delay < Math.max(1, spec.jitterMs * 1_000), `a fire is delayed by ${delay}`);
    if (delays.size % 20 === 0) this.checkDelay(spec, at, delay);
    delays.set(at, delay);
    return delay;
  }

  /** It is always the same, and not as far as the next time. */
  private checkDelay(spec: SpecModel, at: number, delay: number): void {
    const [next] = firstTimes(spec, this.span, at / 1_000, 1);
    const nextAt = (next ?? spec.endAt ?? Number.POSITIVE_INFINITY) * 1_000;
    rule(at + delay < nextAt, `a fire is delayed by ${delay}, to the next`);
    rule(fireTimesOf(spec).delayed(at) === at + delay, "a fire is always delayed by the same");
  }
}

function datesOf(times: readonly number[]): string[] {
  return times.map((at) => new Date(at / 1_000).toISOString());
}

/** The times of a spec, read anew. */
export function fireTimesOf(spec: SpecModel): FireTimes {
  return readFireTimes(create(ScheduleSpecSchema, writeSpec(spec)), "spec", scheduleId);
}

/** A plan as callers write it. */
export function definitionOf({ spec, prefix, policy, catchUp, isPaused }: Plan) {
  return create(ScheduleDefinitionSchema, {
    spec: writeSpec(spec),
    // The schedule's own id is the default.
    workflow: { workflowId: prefix === scheduleId ? "" : prefix, workflowType: "order" },
    overlapPolicy: policy,
    ...(catchUp === undefined ? {} : { catchUpWindow: durationFromMs(catchUp / 1_000) }),
    isPaused,
  });
}

export function payloadOf(value: string) {
  return create(PayloadSchema, { body: { case: "json", value } });
}

/** Whoever changes a state fails. */
function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const part of Object.values(Object.freeze(value))) deepFrozen(part);
  return value;
}
