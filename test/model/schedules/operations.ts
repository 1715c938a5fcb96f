/** What may happen in the model of schedules: an entry each, with how often it is chosen. One more operation is one more entry. */
import fc from "fast-check";
import type { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import type { EventKind } from "../../../src/core/draft.js";
import { triggerSchedule } from "../../../src/core/schedules/advance.js";
import {
  backfillSchedule,
  createSchedule,
  setSchedulePaused,
  updateSchedule,
} from "../../../src/core/schedules/change-schedule.js";
import { listFireTimes } from "../../../src/core/schedules/fire-times.js";
import { rule } from "../rule.js";
import { arbitrarySpec, isDense, specFrom } from "./arbitrary-specs.js";
import type { Plan } from "./reference-schedule.js";
import { definitionOf, fireTimesOf, payloadOf, type ScheduleWorld, scheduleId } from "./schedule-world.js";
import { changeOf, readWallClock } from "./wall-clock.js";

/** One thing that happens. */
export interface Move {
  readonly play: (world: ScheduleWorld) => void;
}

/** An operation with what varies it. */
function define<Input>(
  name: string,
  weight: number,
  input: fc.Arbitrary<Input>,
  play: (world: ScheduleWorld, input: Input) => void,
): { readonly weight: number; readonly arbitrary: fc.Arbitrary<Move> } {
  const arbitrary = input.map((given) => ({
    play: (world: ScheduleWorld) => play(world, given),
    [fc.toStringMethod]: () => `${name} ${fc.stringify(given)}`,
  }));
  return { weight, arbitrary };
}

const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
/** What fires often is not let alone for longer. */
const longestDense = 25 * minute;
const mostBackfilled = 1_000;

const policy = fc.constantFrom(...([0, 1, 2, 3, 4] satisfies OverlapPolicy[]));
const rest = fc.record({
  prefix: fc.constantFrom("report", "report", "other", scheduleId),
  policy,
  catchUp: fc.constantFrom(undefined, 0, 20 * second, hour, 100 * hour),
  isPaused: fc.constantFrom(false, false, false, true),
});
const plan: fc.Arbitrary<Plan> = fc.tuple(arbitrarySpec, rest).map(([spec, others]) => ({ spec, ...others }));
const ends: readonly EventKind["case"][] = [
  ...(["workflowCompleted", "workflowFailed", "workflowCancelled"] as const),
  ...(["workflowTerminated", "workflowTimedOut"] as const),
];

/** All operations. */
export const operations = [
  define("create", 4, plan, (world, given) => {
    if (world.state !== undefined) return;
    const own = { ...given, spec: specFrom(given.spec, world.beganAt) };
    const name = { namespaceId: "ns", namespace: "main", scheduleId };
    const made = world.call(false, (_, context) => createSchedule(name, definitionOf(own), context));
    world.reference = world.newReference(own);
    world.changed(made);
  }),
  define("update", 1, fc.tuple(plan, fc.constantFrom(0, 0, 0, -1)), (world, [given, stale]) => {
    const own = { ...given, spec: specFrom(given.spec, world.beganAt) };
    update(world, own, stale);
  }),
  /** Its times stay as they are. */
  define("retune", 1, fc.tuple(rest, fc.constantFrom(0, 0, 0, 1)), (world, [others, stale]) => {
    if (world.reference !== undefined) update(world, { ...others, spec: world.reference.plan.spec }, stale);
  }),
  define("pause", 1, fc.constantFrom("", "why"), (world, note) => setPaused(world, true, note)),
  define("resume", 2, fc.constantFrom("", "why"), (world, note) => setPaused(world, false, note)),
  define("trigger", 2, policy, (world, chosen) => {
    const { state, reference } = world;
    if (state === undefined || reference === undefined) return;
    const context = world.context(world.callTime);
    const made = triggerSchedule(state, chosen, context);
    const step = reference.trigger(chosen, context.now);
    rule(made.outcome?.workflowId === step.started?.workflowId, "a trigger answers its run");
    world.take(made, step);
  }),
  define(
    "backfill",
    2,
    fc.tuple(fc.nat(48 * 60), fc.constantFrom(-1, 1, 5, 30, 600, 1_440), fc.nat(15), policy),
    (world, [minutesAgo, minutes, odd, chosen]) => {
      const { reference } = world;
      if (reference === undefined) return;
      const from = world.now - minutesAgo * minute - odd;
      const range = { from, to: from + minutes * minute, policy: chosen };
      const isWrong = minutes < 0 || range.to > world.callTime;
      const fires = isWrong ? 0 : reference.countTimes(range.from, range.to);
      // Long ones take long, and are rare.
      if (fires > 50 && fires <= mostBackfilled && odd > 0) return;
      const isTooMuch = fires > mostBackfilled || (fires > 0 && reference.backfills.length === 100);
      const made = world.call(
        isWrong || isTooMuch,
        (state, context) => state && backfillSchedule(state, range, context),
      );
      if (made === undefined) return;
      rule(made.fires === fires, `${made.fires} fires in a range of ${fires}`);
      if (fires > 0) reference.backfill(range.from, range.to, chosen);
      world.changed(made.after);
    },
  ),
  define("delete", 1, fc.nat(3), (world, dice) => {
    if (dice > 0) return;
    world.reference = undefined;
    world.changed(undefined);
  }),
  /** Somebody else uses the workflow id of the next fire. */
  define("take", 1, fc.constant(0), (world) => {
    const [next] = world.reference?.nextTimes(1) ?? [];
    if (next === undefined || world.reference === undefined || next % second > 0) return;
    const time = new Date(next / 1_000).toISOString().replace(".000Z", "Z");
    world.used.add(`${world.reference.plan.prefix}-${time}`);
  }),
  define(
    "pass",
    6,
    fc.tuple(
      fc.constantFrom(
        1_001,
        700_000,
        40 * second,
        10 * minute,
        10 * minute,
        2 * hour,
        2 * hour,
        9 * hour,
        30 * hour,
      ),
      fc.nat(3),
    ),
    (world, [micros, dice]) => {
      const isBusy = world.reference !== undefined && isDense(world.reference.plan.spec);
      world.moveTo(world.now + (isBusy ? Math.min(micros, longestDense) : micros));
      // Now and then no server is there, or one that stops in the middle.
      if (dice > 1) world.settle();
      if (dice === 1) world.advance();
    },
  ),
  /** To the next fire, or to the last moment at which something else happens to it. */
  define(
    "await",
    8,
    fc.constantFrom(-1, 0, 0, 0, second, second + 1, 20 * second, 20 * second + 1, minute, minute + 1, hour),
    (world, late) => {
      const nextAt = world.state?.nextFireAt;
      if (nextAt !== undefined) world.moveTo(Math.max(world.now, nextAt + late));
      world.settle();
    },
  ),
  define("setBack", 1, fc.nat(3_600), (world, seconds) => {
    world.moveTo(world.now - seconds * second);
    world.settle();
  }),
  define("advance", 1, fc.constant(0), (world) => world.advance()),
  define("end", 6, fc.tuple(fc.nat(1_000), fc.constantFrom(...ends)), (world, [which, how]) => {
    const workflowId = world.open[which % world.open.length];
    if (workflowId === undefined) return;
    const result = which % 2 === 0 ? { result: payloadOf(String(which)) } : {};
    world.end(workflowId, { case: how, value: how === "workflowCompleted" ? result : {} } as EventKind);
  }),
  /** Some of what is under way comes in, in any order, and some of it twice. */
  define("deliver", 6, fc.array(fc.nat(1_000), { minLength: 1, maxLength: 4 }), (world, chosen) => {
    const { mail, heard } = world;
    const messages = chosen.flatMap((which) => {
      if (which % 5 === 0) return heard[which % heard.length] ?? [];
      const [message] = mail.splice(which % Math.max(1, mail.length), 1);
      return message ?? [];
    });
    heard.push(...messages);
    world.advance(messages);
    world.settle();
  }),
  /** Half of them around the time at which clocks are set. */
  define(
    "preview",
    2,
    fc.tuple(arbitrarySpec, fc.nat(10 * 1_440), fc.boolean()),
    (world, [given, minutes, isNear]) => {
      const spec = specFrom(given, world.beganAt);
      const { span } = world;
      const changeAt = isNear ? changeOf(readWallClock(spec.timeZone, span.from, span.to)) : undefined;
      const from =
        changeAt === undefined ? span.from + minutes * 60_000 : changeAt - (minutes % 360) * 60_000;
      world.checkTimes(spec, from, listFireTimes(fireTimesOf(spec), from * 1_000, 10));
    },
  ),
];

function update(world: ScheduleWorld, own: Plan, stale: number): void {
  const { reference } = world;
  if (reference === undefined) return;
  const change = { definition: definitionOf(own), revision: BigInt(reference.revision + stale) };
  const made = world.call(stale !== 0, (state, context) => state && updateSchedule(state, change, context));
  if (made === undefined) return;
  reference.change(own, world.callTime);
  world.changed(made);
}

function setPaused(world: ScheduleWorld, isPaused: boolean, note: string): void {
  const { reference, state } = world;
  if (reference === undefined || state === undefined) return;
  const made = world.call(false, (_, context) => setSchedulePaused(state, { isPaused, note }, context));
  const isSame = reference.plan.isPaused === isPaused && (note === "" || note === state.definition.note);
  rule((made === state) === isSame, "what changes nothing is no change");
  if (made === undefined || isSame) return;
  reference.change({ ...reference.plan, isPaused }, world.callTime);
  world.changed(made);
}
