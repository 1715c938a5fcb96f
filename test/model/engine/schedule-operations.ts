/** What happens to schedules in the model over two servers. */
import { OverlapPolicy } from "../../../gen/pawl/v1/schedule_pb.js";
import { ms } from "../../support/actor.js";
import { type Scheduler, scheduler, workflow } from "../../support/schedules.js";
import { rule } from "../rule.js";
import { type Dice, type Operation, unlessRefused } from "./callers.js";
import type { EngineWorld } from "./engine-world.js";

const { SKIP, QUEUE, CANCEL_OLD, ALLOW_ALL } = OverlapPolicy;
/** Their ids, and the policies that each may have: what is promised of one differs from what is of another. */
const kinds = [
  { scheduleId: "skipping", policies: [SKIP] },
  { scheduleId: "waiting", policies: [QUEUE, CANCEL_OLD] },
  { scheduleId: "crowding", policies: [ALLOW_ALL, SKIP, QUEUE] },
] as const;

/** They, by name. */
export const scheduleOperations: Record<string, Operation> = {
  createSchedule: {
    weight: 2,
    async play(world, dice) {
      const { scheduleId } = kindOf(dice);
      world.schedules.touched(scheduleId);
      const requestId = world.newName("create");
      const calls = [0, 1].map((n) =>
        unlessRefused(on(world, dice.b + n).create(scheduleId, definitionOf(dice), requestId)),
      );
      const made = (await Promise.all(calls)).flatMap((schedule) => schedule?.createTime ?? []);
      rule(made.length !== 1, "a repeat finds the schedule that the first call has made");
    },
  },
  /** Two callers have read the same revision. */
  updateSchedule: {
    weight: 1,
    async play(world, dice) {
      const { scheduleId } = kindOf(dice);
      world.schedules.touched(scheduleId);
      const { revision } = (await unlessRefused(on(world, dice.b).get(scheduleId))) ?? {};
      if (revision === undefined) return;
      const calls = [0, 1].map((n) =>
        unlessRefused(
          on(world, dice.b + n).update(
            ...([
              scheduleId,
              revision,
              definitionOf({ ...dice, b: dice.b + n }),
              world.newName("update"),
            ] as const),
          ),
        ),
      );
      const done = (await Promise.all(calls)).filter((schedule) => schedule !== undefined).length;
      rule(done <= 1, `revision ${revision} of ${scheduleId} was replaced ${done} times`);
    },
  },
  pauseSchedule: {
    weight: 1,
    async play(world, dice) {
      const { scheduleId } = kindOf(dice);
      world.schedules.touched(scheduleId);
      const its = on(world, dice.b);
      // Mostly it goes on before long.
      await unlessRefused(dice.b % 4 === 0 ? its.pause(scheduleId) : its.resume(scheduleId));
    },
  },
  /** The answer of the first call is lost, so it is made once more at the same time. */
  triggerSchedule: {
    weight: 2,
    async play(world, dice) {
      const { scheduleId, policies } = kindOf(dice);
      const rest = {
        requestId: world.newName("trigger"),
        overlapPolicy: policies[dice.b % policies.length] ?? SKIP,
      };
      const calls = [0, 1].map(async (n) => ({ run: await on(world, dice.b + n).trigger(scheduleId, rest) }));
      const answers = (await Promise.all(calls.map(unlessRefused))).filter((answer) => answer !== undefined);
      if (answers.length > 0) world.schedules.asked(scheduleId, 1);
      rule(
        new Set(answers.map(({ run }) => run?.workflowId)).size <= 1,
        "a repeated trigger has the same run",
      );
    },
  },
  backfillSchedule: {
    weight: 1,
    async play(world, dice) {
      const { scheduleId, policies } = kindOf(dice);
      const to = world.nowMs - 1_000;
      const rest = {
        requestId: world.newName("backfill"),
        overlapPolicy: policies[dice.b % policies.length] ?? SKIP,
      };
      const calls = [0, 1].map((n) =>
        unlessRefused(on(world, dice.b + n).backfill(scheduleId, to - 40_000, to, rest)),
      );
      const [fires, same = fires] = (await Promise.all(calls)).filter((answer) => answer !== undefined);
      rule(fires === same, "a repeated backfill has the same fires");
      world.schedules.asked(scheduleId, fires ?? 0);
    },
  },
  deleteSchedule: {
    weight: 1,
    async play(world, dice) {
      if (dice.b % 3 > 0) return;
      const { scheduleId } = kindOf(dice);
      world.schedules.touched(scheduleId);
      const calls = [0, 1].map((n) => unlessRefused(on(world, n).delete(scheduleId)));
      const done = (await Promise.all(calls)).filter((answer) => answer !== undefined).length;
      rule(done <= 1, `${scheduleId} was deleted ${done} times`);
    },
  },
  /** All servers fire what is due, whoever has written it. */
  fireSchedules: {
    weight: 2,
    async play(world, { a }) {
      world.moveTime([0, 0, 5_000, 10_000][a % 4] ?? 0);
      await world.fireSchedules();
    },
  },
};

function kindOf({ a }: Dice) {
  return kinds[a % kinds.length] ?? kinds[0];
}

function on({ servers, namespace }: EngineWorld, n: number): Scheduler {
  const server = servers[n % servers.length];
  if (server === undefined) throw new Error("there is no server");
  return scheduler(server, namespace);
}

/** Some definition of a schedule of such a kind; the workflow id is the schedule's. */
function definitionOf(dice: Dice) {
  const { policies } = kindOf(dice);
  const { b } = dice;
  return {
    spec: {
      intervals: [{ every: ms([5_000, 10_000, 20_000][b % 3] ?? 5_000) }],
      jitter: ms(b % 4 === 0 ? 900 : 0),
    },
    workflow: { ...workflow, workflowId: "" },
    overlapPolicy: policies[(b >> 2) % policies.length] ?? SKIP,
  };
}
