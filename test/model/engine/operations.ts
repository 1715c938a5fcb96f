/** What may happen in the model over two servers: an entry each, with how often it is chosen. One more operation is one more entry. */
import { ActivityStatus } from "../../../gen/pawl/v1/worker_service_pb.js";
import { OpenIdPolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { ResetReapply, UpdateStage } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { ms } from "../../support/actor.js";
import { chooseCommands } from "../command-table.js";
import { rule } from "../rule.js";
import { answered, type Dice, idOf, type Operation, pick, unlessRefused } from "./callers.js";
import type { EngineWorld } from "./engine-world.js";
import { rarerOperations } from "./rarer-operations.js";
import { retentionOperations } from "./retention-operations.js";
import { scheduleOperations } from "./schedule-operations.js";

/** All operations by name. */
export const operations: Record<string, Operation> = {
  ...rarerOperations,
  ...scheduleOperations,
  ...retentionOperations,
  start: {
    weight: 3,
    async play(world, { a, b }) {
      const workflowId = idOf(a);
      const requestId = world.newName("start");
      const openIdPolicy =
        [OpenIdPolicy.FAIL, OpenIdPolicy.USE_EXISTING, OpenIdPolicy.TERMINATE_EXISTING][b % 6] ??
        OpenIdPolicy.FAIL;
      const rest = [{}, { runTimeout: ms(60_000) }, { retryPolicy: { maximumAttempts: 2 } }][b % 3] ?? {};
      const request = { requestId, spec: { workflowId, openIdPolicy, ...rest } };
      // The answer of the first is lost, so the call is made again on the other server, at the same time.
      const calls = [0, 1].map((n) => unlessRefused(world.on(b + n).start(workflowId, request)));
      const started = (await Promise.all(calls)).flatMap((answer) =>
        answer?.isStarted === true ? [answer.runId ?? ""] : [],
      );
      const [first, second] = started;
      if (first === undefined) return;
      if (second === undefined || second === first) world.reference.started(requestId, first);
      // The request is remembered until the next start of the id, which may have come between the two.
      else rule(await world.isRunBetween(workflowId, first, second), `${requestId} started two runs`);
    },
  },
  signal: {
    weight: 4,
    async play(world, { a, b }) {
      const workflowId = idOf(a);
      const name = world.newName("signal");
      const isRepeated = b % 2 === 0;
      const call = (n: number) =>
        unlessRefused(world.on(b + n).signal(workflowId, { name, requestId: name }));
      const answers = await Promise.all([call(0), ...(isRepeated ? [call(1)] : [])]);
      for (const answer of answers)
        if (answer !== undefined) world.reference.signalled(name, workflowId, answer.runId ?? "");
    },
  },
  cancel: {
    weight: 1,
    async play(world, { a, b }) {
      const request = { requestId: world.newName("cancel"), cancelPending: b % 2 === 0 };
      for (const n of [0, 1]) await unlessRefused(world.on(b + n).cancel(idOf(a), request));
    },
  },
  terminate: {
    weight: 1,
    async play(world, { a, b }) {
      if (b % 3 === 0)
        await unlessRefused(world.on(b).terminate(idOf(a), { requestId: world.newName("terminate") }));
    },
  },
  delete: {
    weight: 2,
    async play(world, { a, b }) {
      const closed = world.closedRuns();
      // Mostly one of the newest, which may be the current one of its id.
      const run = closed.at(-1 - (a % Math.max(1, Math.min(b % 5 === 0 ? 100 : 4, closed.length))));
      if (run === undefined) return;
      const calls = [0, 1].slice(b % 2).map((n) => world.on(b + n).delete(run.workflowId, run.runId));
      const answers = await Promise.all(calls.map(unlessRefused));
      const done = answers.filter((answer) => answer !== undefined).length;
      world.deleted(run.runId, done);
      if (done === 0) return;
      const found = await unlessRefused(world.on(a).get(run.workflowId, run.runId));
      rule(found === undefined, `run ${run.runId} is found after it was deleted`);
    },
  },
  reset: {
    weight: 2,
    play: (world, dice) => reset(world, idOf(dice.a), { ...dice, a: dice.a >> 2 }),
  },
  /** A run that a schedule has started, open or not. */
  resetScheduled: {
    weight: 2,
    async play(world, dice) {
      const ids = world.schedules.workflowIds();
      // Mostly one of the newest, which may be open.
      const workflowId = ids.at(
        -1 - (dice.a % Math.max(1, Math.min(dice.b % 5 === 0 ? 100 : 4, ids.length))),
      );
      if (workflowId !== undefined) await reset(world, workflowId, dice);
    },
  },
  pollTasks: {
    weight: 5,
    async play(world, { a, b }) {
      const request = { requestId: world.newName("poll"), maxTasks: 1 + (b % 3), wait: ms(0) };
      const tasks = await world.on(a).poll(request);
      for (const task of tasks) world.took(task);
      if (b % 3 > 0) return;
      // The answer was lost: the same poll on the same server gets the same tasks while they are out.
      const again = await world.on(a).poll(request);
      world.tookSome(again, tasks);
    },
  },
  completeTask: {
    weight: 7,
    async play(world, { a, b }) {
      const held = pick(world.workflowTasks, a, b);
      if (held === undefined) return;
      const { task } = held;
      const { runId, startedEventId } = task;
      const chosen = chooseCommands({
        a,
        b,
        name: world.newName("sent"),
        workflowId: idOf(b),
        seqs: world.seqsOf(runId),
        lastSeq: world.lastSeqOf(runId) + 10 * (held.isOver ? 1 : 0),
      });
      const rest = { returnNextTasks: a % 4 === 0 };
      const answers = await Promise.all([
        world.on(b).finish(task, chosen.commands, rest),
        ...(b % 2 === 0 ? [world.on(b + 1).finish(task, chosen.commands, rest)] : []),
      ]);
      const outcomes = answers.map((answer) => answer.outcomes[0]);
      const applied = answered(held, outcomes, `task ${startedEventId} of ${runId}`);
      // A repeat is given the same once more, as long as it is out.
      const given = answers.flatMap((answer) => [...answer.nextTasks, ...answer.activityTasks]);
      world.tookSome(given, held.given);
      held.given.push(...given);
      if (applied === 1) world.reference.completed(runId, startedEventId, chosen.makes);
    },
  },
  update: {
    weight: 1,
    async play(world, { a, b }) {
      const request = { updateId: world.newName("update"), waitStage: UpdateStage.ADMITTED };
      const answers = await Promise.all(
        [0, 1].map((n) => unlessRefused(world.on(b + n).update(idOf(a), request))),
      );
      for (const answer of answers)
        rule(answer === undefined || (answer.stage ?? 0) >= UpdateStage.ADMITTED, "an update is durable");
    },
  },
  direct: {
    weight: 2,
    async play(world, { a, b }) {
      const held = pick(world.workflowTasks, a, b);
      if (held === undefined) return;
      const { runId, workflowId, taskToken } = held.task;
      const seq = world.lastSeqOf(runId) + 1;
      const call = (n: number) =>
        unlessRefused(
          world.on(b + n).sideEffect(workflowId, {
            ...{ runId, seq, ...(a % 2 === 0 ? { taskToken } : {}) },
            command: { value: { body: { case: "json", value: String(n) } } },
          }),
        );
      const answers = (await Promise.all([call(0), call(1)])).filter((answer) => answer !== undefined);
      const made = answers.filter(({ state }) => state?.isExisting === false).length;
      rule(made <= 1, `seq ${seq} of ${runId} was recorded ${made} times`);
      rule(
        new Set(answers.map(({ value }) => value?.body.value)).size <= 1,
        "a repeat has the recorded value",
      );
      if (a % 2 === 0 && made === 1) held.isOver = true;
    },
  },
  failTask: {
    weight: 1,
    async play(world, { a, b }) {
      const held = pick(world.workflowTasks, a, b);
      if (held === undefined) return;
      answered(held, [await world.on(b).fail(held.task)], `task of ${held.task.runId}`);
    },
  },
  pollActivities: {
    weight: 4,
    async play(world, { a, b }) {
      const request = { requestId: world.newName("poll"), maxTasks: 1 + (b % 3), wait: ms(0) };
      for (const task of await world.on(a).pollActivities(request)) world.took(task);
    },
  },
  completeActivity: {
    weight: 4,
    async play(world, { a, b }) {
      const held = pick(world.activityTasks, a, b);
      if (held === undefined) return;
      const calls = [0, 1].slice(b % 2).map((n) => world.on(b + n).completeActivity(held.task));
      if (answered(held, await Promise.all(calls), `activity ${held.task.seq}`) === 0) return;
      const { status } = await world.on(b + 1).activity(held.task);
      rule(status === ActivityStatus.COMPLETED, `activity ${held.task.seq} is completed wherever one looks`);
    },
  },
  failActivity: {
    weight: 1,
    async play(world, { a, b }) {
      const held = pick(world.activityTasks, a, b);
      if (held === undefined) return;
      answered(held, [await world.on(b).failActivity(held.task)], `activity ${held.task.seq}`);
    },
  },
  beat: {
    weight: 1,
    async play(world, { a, b }) {
      const held = pick(world.activityTasks, a, b);
      if (held !== undefined) await world.on(b).beat(held.task);
    },
  },
  moveTime: {
    weight: 2,
    async play(world, { a, b }) {
      world.moveTime([1, 600, 1_500, 6_000, 15_000][a % 5] ?? 1);
      const server = world.servers[b % world.servers.length];
      await server?.upkeep.wakeDueRuns();
      await server?.upkeep.wakeOverdueRuns();
      await server?.upkeep.deliverOverdue();
      await server?.upkeep.clearDeletions();
    },
  },
  /** All servers deliver what is under way, which its writer may be about to do as well. */
  deliverAll: {
    weight: 3,
    async play(world) {
      world.moveTime(2_100);
      await Promise.all(world.servers.map(({ upkeep }) => upkeep.deliverOverdue()));
    },
  },
  wakeAll: {
    weight: 1,
    async play(world) {
      await Promise.all(world.servers.map(({ upkeep }) => upkeep.wakeDueRuns()));
    },
  },
};

/** Resets some run of a workflow id, twice at the same time, as by a caller whose answer was lost. */
async function reset(world: EngineWorld, workflowId: string, { a, b }: Dice): Promise<void> {
  const point = world.resetPoint(workflowId, a, b);
  if (point === undefined) return;
  const requestId = world.newName("reset");
  const reapply = b % 4 === 0 ? ResetReapply.NOTHING : ResetReapply.SIGNALS_AND_UPDATES;
  const { runId, eventId } = point;
  const calls = [0, 1].map((n) =>
    unlessRefused(world.on(b + n).reset(workflowId, eventId, { runId, requestId, reapply })),
  );
  const made = (await Promise.all(calls)).flatMap((answer) => answer?.runId ?? []);
  const [first, second] = made;
  if (first !== undefined && second !== undefined && first !== second)
    rule(await world.isRunBetween(workflowId, first, second), `${requestId} made two runs`);
  if (reapply !== ResetReapply.NOTHING) for (const one of made) world.wasReset(one, runId);
}
