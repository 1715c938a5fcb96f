/**
 * The reference model of a schedule: what callers and clocks do to it, in plain lists. It knows no code of the product; of the jitter, which is
 * any that stays the same, it is told.
 */
import { isDeepStrictEqual } from "node:util";
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { firstTimes, type Span, type SpecModel, timesBetween } from "./reference-times.js";

/** What a schedule is to do. All times are in microseconds, but for those of the spec. */
export interface Plan {
  readonly spec: SpecModel;
  readonly prefix: string;
  readonly policy: OverlapPolicy;
  readonly catchUp: number | undefined;
  readonly isPaused: boolean;
}

/** A run that was started. */
interface Started {
  readonly workflowId: string;
  readonly scheduledAt: number;
  end: string | undefined;
}

/** What comes out of one step. */
export interface Step {
  readonly started: { readonly workflowId: string; readonly scheduledAt: number } | undefined;
  /** Workflow ids that are asked to cancel. */
  readonly asked: readonly string[];
}

const nothing: Step = { started: undefined, asked: [] };
const punctual = 1_000_000;
const minute = 60_000_000;
const mostMissedAtOnce = 500;
const mostOpen = 1_000;

/** A schedule. */
export class ReferenceSchedule {
  revision = 0;
  skipped = 0;
  missed = 0;
  waiting: number | undefined;
  open: { readonly workflowId: string; isAsked: boolean }[] = [];
  readonly started: Started[] = [];
  backfills: { nextAt: number; readonly endAt: number; readonly policy: OverlapPolicy; left: number }[] = [];
  lastResult: string | undefined;
  /** The times behind this one are yet to come. Undefined: paused. */
  private behind: number | undefined;
  private lastDealt = 0;
  /** The first time behind another, as it was found last. */
  private found:
    | { readonly spec: SpecModel; readonly behind: number; readonly next: number | undefined }
    | undefined;

  constructor(
    public plan: Plan,
    private readonly world: {
      readonly span: Span;
      readonly isUsed: (workflowId: string) => boolean;
      readonly delayOf: (spec: SpecModel, at: number) => number;
    },
    now: number,
  ) {
    this.change(plan, now);
  }

  /** A new definition. Its times count from now, if they are others. */
  change(plan: Plan, now: number): void {
    const isAsBefore =
      isDeepStrictEqual(plan.spec, this.plan.spec) && !plan.isPaused && this.behind !== undefined;
    this.plan = plan;
    if (!isAsBefore) this.behind = plan.isPaused ? undefined : Math.max(now, this.lastDealt);
    this.revision += 1;
  }

  /** Times that are yet to come, the first of them. */
  nextTimes(count: number): number[] {
    if (this.behind === undefined) return [];
    return firstTimes(this.plan.spec, this.world.span, this.behind / 1_000, count).map((at) => at * 1_000);
  }

  /** When the first fire of a time that is yet to come is due. */
  nextDueAt(): number | undefined {
    const { behind, found, plan } = this;
    if (behind === undefined) return undefined;
    const isFound = found !== undefined && found.spec === plan.spec && found.behind === behind;
    const next = isFound ? found.next : this.nextTimes(1)[0];
    this.found = { spec: plan.spec, behind, next };
    return next === undefined ? undefined : this.dueAt(next);
  }

  trigger(policy: OverlapPolicy, now: number): Step {
    // No rule has a time that is no whole millisecond.
    return this.fire(now % 1_000 === 0 ? now + 1 : now, policy || this.plan.policy);
  }

  /** How many fires a range has. */
  countTimes(from: number, to: number): number {
    return timesBetween(this.plan.spec, this.world.span, (from - 1) / 1_000, (to - 1) / 1_000).length;
  }

  backfill(from: number, to: number, policy: OverlapPolicy): void {
    const nextAt = this.timeBehind(from - 1);
    if (nextAt === undefined || nextAt >= to) return;
    const left = this.countTimes(from, to);
    this.backfills.push({ nextAt, endAt: to, policy: policy || OverlapPolicy.ALLOW_ALL, left });
  }

  /** A run has ended. */
  end(workflowId: string, how: string, result: string | undefined): void {
    if (!this.open.some((run) => run.workflowId === workflowId)) return;
    this.open = this.open.filter((run) => run.workflowId !== workflowId);
    for (const run of this.started) if (run.workflowId === workflowId) run.end = how;
    this.lastResult = result ?? this.lastResult;
  }

  /** One step at a time of the clock. What is behind a backfill goes on when that does. */
  step(now: number, isTimeToFill: boolean): Step {
    if (this.waiting !== undefined && this.open.length === 0) {
      const at = this.waiting;
      this.waiting = undefined;
      return this.start(at);
    }
    if (this.backfills.length > 0 && !isTimeToFill) return nothing;
    const due = this.dueTimes(now);
    return due.length > 0 ? this.fireFirst(due, now) : this.fill();
  }

  /** Times whose fires are due. */
  private dueTimes(now: number): number[] {
    if (this.behind === undefined || (this.nextDueAt() ?? Number.POSITIVE_INFINITY) > now) return [];
    const times = timesBetween(this.plan.spec, this.world.span, this.behind / 1_000, now / 1_000);
    return times.map((at) => at * 1_000).filter((at) => this.dueAt(at) <= now);
  }

  private dueAt(at: number): number {
    return at + this.world.delayOf(this.plan.spec, at);
  }

  /** Passes by what was missed, to the first that was not. */
  private fireFirst(due: readonly number[], now: number): Step {
    for (const [index, at] of due.entries()) {
      if (index === mostMissedAtOnce) break;
      const late = now - this.dueAt(at);
      this.behind = at;
      this.lastDealt = at;
      const isLast = index === due.length - 1;
      if (late <= punctual || (isLast && late <= (this.plan.catchUp ?? minute)))
        return this.fire(at, this.plan.policy);
      this.missed += 1;
    }
    return nothing;
  }

  private fill(): Step {
    const [backfill] = this.backfills;
    if (backfill === undefined) return nothing;
    const at = backfill.nextAt;
    const next = this.timeBehind(at);
    backfill.left -= 1;
    if (next === undefined || next >= backfill.endAt || backfill.left === 0) this.backfills.shift();
    else backfill.nextAt = next;
    return this.fire(at, backfill.policy);
  }

  private fire(at: number, policy: OverlapPolicy): Step {
    if (this.open.length === 0 || policy === OverlapPolicy.ALLOW_ALL) return this.start(at);
    if (policy === OverlapPolicy.QUEUE && this.waiting === undefined) {
      this.waiting = at;
      return nothing;
    }
    if (policy !== OverlapPolicy.CANCEL_OLD) {
      this.skipped += 1;
      return nothing;
    }
    if (this.waiting !== undefined) this.skipped += 1;
    this.waiting = at;
    const asked = this.open.filter(({ isAsked }) => !isAsked);
    for (const run of asked) run.isAsked = true;
    return { started: undefined, asked: asked.map(({ workflowId }) => workflowId) };
  }

  private start(at: number): Step {
    const workflowId = `${this.plan.prefix}-${nameOf(at)}`;
    if (this.world.isUsed(workflowId)) {
      this.skipped += 1;
      return nothing;
    }
    this.open = [...this.open, { workflowId, isAsked: false }].slice(-mostOpen);
    const run = { workflowId, scheduledAt: at };
    this.started.unshift({ ...run, end: undefined });
    return { started: run, asked: [] };
  }

  private timeBehind(at: number): number | undefined {
    const [next] = firstTimes(this.plan.spec, this.world.span, at / 1_000, 1);
    return next === undefined ? undefined : next * 1_000;
  }
}

/** A time as it stands behind a workflow id. */
function nameOf(at: number): string {
  const seconds = new Date(Math.floor(at / 1_000_000) * 1_000).toISOString().replace(".000Z", "");
  return at % 1_000_000 === 0 ? `${seconds}Z` : `${seconds}.${String(at % 1_000_000).padStart(6, "0")}Z`;
}
