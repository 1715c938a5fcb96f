/** What happens less often in the model over two servers. */
import { create } from "@bufbuild/protobuf";
import * as wk from "../../../gen/pawl/v1/worker_service_pb.js";
import * as wf from "../../../gen/pawl/v1/workflow_service_pb.js";
import { ms } from "../../support/actor.js";
import { callOf, type TestServer } from "../../support/engine.js";
import { chooseCommands } from "../command-table.js";
import { rule } from "../rule.js";
import { answered, idOf, type Operation, pick, unlessRefused } from "./callers.js";
import type { EngineWorld } from "./engine-world.js";

/** They, by name. */
export const rarerOperations: Record<string, Operation> = {
  /** The answer of the first call is lost, so it is made again at the same time. */
  startMany: {
    weight: 1,
    async play(world, { a, b }) {
      const requestId = world.newName("starts");
      const ids = [idOf(a), idOf(a + 1), ""];
      const answers = await Promise.all(
        [0, 1].map((n) => startMany(world, serverOf(world, b + n), requestId, ids)),
      );
      for (const [index, workflowId] of ids.entries()) {
        const [first, second] = answers.map((runIds) => runIds[index]);
        if (first === undefined || second === undefined) continue;
        if (first === second) world.reference.started(`${requestId}/${index}`, first);
        else rule(await world.isRunBetween(workflowId, first, second), `${requestId} started two runs`);
      }
    },
  },
  signalWithStart: {
    weight: 1,
    async play(world, { a, b }) {
      const workflowId = idOf(a);
      const name = world.newName("signal");
      const call = (n: number) =>
        unlessRefused(signalWithStart(world, serverOf(world, b + n), workflowId, name));
      for (const answer of await Promise.all([call(0), call(1)]))
        if (answer !== undefined) world.reference.signalled(name, workflowId, answer.runId ?? "");
    },
  },
  /** Some commands are sent ahead, twice at once, and the others with the completion. */
  completeInParts: {
    weight: 1,
    async play(world, { a, b }) {
      const [task] = await world.on(a).poll({ requestId: world.newName("poll"), wait: ms(0) });
      const held = task && world.took(task);
      if (task === undefined || held === undefined) return;
      // Nobody else completes it, who would not know what was sent ahead.
      held.isApart = true;
      const { runId, startedEventId } = task;
      const lastSeq = world.lastSeqOf(runId);
      const scene = {
        a,
        b,
        name: world.newName("sent"),
        workflowId: idOf(b),
        seqs: world.seqsOf(runId),
        lastSeq,
      };
      const { commands, makes, isClosing } = chooseCommands(scene);
      const ahead = commands.slice(0, isClosing ? -1 : undefined);
      if (ahead.length > 0)
        await Promise.all([0, 1].map((n) => unlessRefused(world.on(b + n).append(task, 0, ahead))));
      const answers = await Promise.all(
        [0, 1].map((n) => world.on(b + n).complete(task, commands.slice(ahead.length))),
      );
      const applied = answered(held, answers, `task ${startedEventId} of ${runId}`);
      if (applied === 1) world.reference.completed(runId, startedEventId, makes);
    },
  },
  /** A direct operation that closes the run, twice at once, by the holder of its task. */
  closeDirectly: {
    weight: 1,
    async play(world, { a, b }) {
      const held = pick(world.workflowTasks, a, b);
      if (held === undefined || a % 3 > 0) return;
      const { runId, workflowId, taskToken, startedEventId } = held.task;
      const request = create(wk.CompleteWorkflowRequestSchema, {
        ...{ namespace: world.namespace, workflowId, runId, taskToken, command: {} },
        ...{ seq: world.lastSeqOf(runId) + 1, lastSeenEventId: startedEventId },
      });
      const calls = [0, 1].map((n) =>
        unlessRefused(serverOf(world, b + n).operations.completeWorkflow(request, callOf())),
      );
      const made = (await Promise.all(calls)).filter((answer) => answer?.state?.isExisting === false);
      rule(made.length <= 1, `run ${runId} was closed ${made.length} times`);
      if (made.length === 1) held.isOver = true;
    },
  },
  /** A worker takes tasks and is taken out of service, with what it holds. */
  drain: {
    weight: 1,
    async play(world, { a, b }) {
      const workerId = world.newName("worker");
      await world.on(a).register(workerId, { taskQueues: ["default"] });
      const tasks = await world.on(a).poll({ workerId, maxTasks: 2, wait: ms(0) });
      const held = tasks.flatMap((task) => world.took(task) ?? []);
      const workflowTaskTokens = tasks.map(({ taskToken }) => taskToken);
      const { returnedTasks = 0 } = await world.on(b).drain(workerId, { workflowTaskTokens });
      rule(returnedTasks <= tasks.length, "no more tasks come back than were given out");
      // One that is answered all the same would now be the second that is taken.
      if (returnedTasks === tasks.length) for (const one of held) one.taken = 1;
      for (const one of held) one.isOver = true;
    },
  },
  /** A question leaves no event, whether anybody answers it or not. */
  query: {
    weight: 1,
    async play(world, { a, b }) {
      const request = create(wf.QueryWorkflowRequestSchema, {
        ...{ namespace: world.namespace, workflowId: idOf(a), name: "state" },
      });
      const call = { ...callOf(), deadlineAt: Date.now() + 30 };
      const asked = unlessRefused(serverOf(world, b).operations.queryWorkflow(request, call));
      if (b % 2 === 0) for (const task of await world.on(b + 1).poll({ wait: ms(0) })) world.took(task);
      await asked;
    },
  },
};

function serverOf({ servers }: EngineWorld, n: number): TestServer {
  const found = servers[n % servers.length];
  if (found === undefined) throw new Error("there is no server");
  return found;
}

/** The runs that this request has started; undefined where it has started none. */
async function startMany(
  { namespace }: EngineWorld,
  { operations }: TestServer,
  requestId: string,
  workflowIds: readonly string[],
): Promise<(string | undefined)[]> {
  const specs = workflowIds.map((workflowId) => ({
    workflowId,
    workflowType: "order",
    taskQueue: "default",
  }));
  const request = create(wf.StartWorkflowsRequestSchema, { namespace, requestId, specs });
  const answer = create(wf.StartWorkflowsResponseSchema, await operations.startWorkflows(request, callOf()));
  return answer.outcomes.map(({ outcome }) =>
    outcome.case === "started" && outcome.value.isStarted ? outcome.value.runId : undefined,
  );
}

function signalWithStart(
  { namespace }: EngineWorld,
  { operations }: TestServer,
  workflowId: string,
  name: string,
) {
  const request = create(wf.SignalWithStartWorkflowRequestSchema, {
    ...{ namespace, requestId: name, signalName: name },
    spec: { workflowId, workflowType: "order", taskQueue: "default" },
  });
  return operations.signalWithStartWorkflow(request, callOf());
}
