/** Measures a server with nothing to do, on which many workers wait and many timers run: `make bench-idle`. Ends with an error beyond a bound. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { beyondBounds, describeBounded } from "../bounds.js";
import { round } from "../figures.js";
import { inParallel } from "../in-parallel.js";
import { loadOver } from "../load.js";
import { type Call, openCalls } from "../rpc.js";
import { runBenchmark } from "../run.js";
import type { Server } from "../server.js";
import { type Measurable, withServer } from "../stage.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    polls: { type: "string", default: "1000" },
    timers: { type: "string", default: "100000" },
    // Six times as long as a poll waits, so that each is renewed six times, and a collection of the whole heap counts for what it is on the average.
    seconds: { type: "string", default: "300" },
    profile: { type: "boolean", default: false },
  },
});
const polls = Number(flags.polls);
const timers = Number(flags.timers);

/** The runs with timers are on a queue on which nobody polls. */
const taskQueue = "timers";
const pollsPerConnection = 50;
const pollsPerQueue = 10;
const runsPerCall = 500;
const callsAtOnce = 64;
/** Within so long V8 collects what starting the runs has left on the heap, and gives the memory back; it does so once. */
const restMs = 90_000;

await runBenchmark(() =>
  withServer({ flags: positionals, isProfiled: flags.profile }, async (measurable) => {
    await startTimers(measurable);
    const connections = await openPolls(measurable);
    await delay(restMs);
    const load = await loadOver(measurable, Number(flags.seconds));
    const waiting = await countPolls(measurable.server);
    if (waiting < 0.99 * polls) throw new Error(`only ${waiting} polls wait still`);
    for (const { close } of connections) close();
    const figures = [
      { what: "statements", value: load.statementsPerSecond, bound: 5, unit: "/s" },
      { what: "server", value: 100 * load.serverCores, bound: 2, unit: "% of a core" },
    ];
    console.log(
      `${polls} polls, ${timers} timers: Postgres ${round(100 * load.postgresCores)} % of a core\n`,
    );
    console.log(`${describeBounded(figures)}\n`);
    return beyondBounds(figures);
  }),
);

/** Runs that wait for a timer of a day each. */
async function startTimers({ server }: Measurable): Promise<void> {
  const { call, close } = openCalls(server.address);
  const ids = Array.from({ length: timers }, () => randomUUID());
  for (let from = 0; from < timers; from += runsPerCall) {
    const some = ids.slice(from, from + runsPerCall);
    const specs = some.map((workflowId) => ({ workflowId, workflowType: "Waiting", taskQueue }));
    await call(WorkflowService.method.startWorkflows, { specs });
    await inParallel(some, callsAtOnce, (workflowId) =>
      call(WorkerService.method.scheduleTimer, {
        workflowId,
        seq: 1,
        command: { duration: { seconds: 86_400n } },
      }),
    );
  }
  close();
}

/** Polls of both kinds on many queues, each opened again when it ends, as a worker does. */
async function openPolls({ server }: Measurable): Promise<{ close(): void }[]> {
  const connections = Array.from({ length: Math.ceil(polls / pollsPerConnection) }, () =>
    openCalls(server.address),
  );
  for (let n = 0; n < polls; n++) void pollForEver(connections[n % connections.length]?.call, n);
  while ((await countPolls(server)) < polls) await delay(500);
  return connections;
}

async function countPolls(server: Server): Promise<number> {
  const metrics = await server.metrics();
  const ofKind = (kind: string) => metrics.get(`pawl_pollers{kind="${kind}"}`) ?? 0;
  return ofKind("workflow") + ofKind("activity");
}

async function pollForEver(call: Call | undefined, n: number): Promise<void> {
  const { pollWorkflowTasks, pollActivityTasks } = WorkerService.method;
  const taskQueue = `idle-${Math.floor(n / pollsPerQueue)}`;
  const wait = { seconds: 50n };
  for (;;) {
    try {
      await (n % 2 === 0
        ? call?.(pollWorkflowTasks, { taskQueue, wait })
        : call?.(pollActivityTasks, { taskQueue, wait }));
    } catch {
      // The benchmark is over.
      return;
    }
  }
}
