/** Many schedules that are due in the same second: how soon have all of them started, and how long does a start beside them take? */
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { Bounded } from "../bounds.js";
import { median, round } from "../figures.js";
import { type Call, openCalls } from "../rpc.js";
import type { Measurable } from "../stage.js";
import { emptyWorkflowType, payloadOf, taskQueue } from "../workloads.js";
import { createSchedules, deleteSchedules, nextFires } from "./definition.js";

const everySeconds = 20;
const rounds = 3;
/** A burst is watched for so long. */
const watchedMs = 10_000;

/** So many cron schedules with one time, three times. */
export async function measureBurst({ server, database }: Measurable, count: number): Promise<Bounded[]> {
  const { call, close } = openCalls(server.address);
  const cron = [`*/${everySeconds} * * * * *`];
  // They begin together, when all are there.
  const begin = Math.ceil((Date.now() + 10_000) / 1_000) + Math.ceil(count / 200);
  const spec = { cron, startTime: { seconds: BigInt(begin) } };
  const ids = await createSchedules(call, { prefix: "burst", count, specOf: () => spec });
  const [, times = []] = [...(await nextFires(call, ids.slice(0, 1)))][0] ?? [];
  const ends: number[] = [];
  const starts: number[] = [];
  for (const at of times.slice(0, rounds)) {
    starts.push(...(await startBeside(call, at)));
    ends.push((await lastStart(database, { at, count })) - at);
  }
  await deleteSchedules(call, ids);
  close();
  console.log(
    `${count} schedules due at once: all started after ${ends.map(round).join(", ")} ms; ` +
      `${starts.length} starts beside them took ${round(median(starts))} ms at p50`,
  );
  return [
    { what: "until all have started", value: Math.max(...ends), bound: 5_000, unit: "ms" },
    { what: "a start beside them", value: Math.max(...starts), bound: 500, unit: "ms" },
  ];
}

/** Starts workflows one after the other, from half a second before a time on. Answers how long each took. */
async function startBeside(call: Call, at: number): Promise<number[]> {
  await delay(at - 500 - Date.now());
  const latencies: number[] = [];
  while (Date.now() < at + watchedMs) {
    const begin = performance.now();
    const workflowId = `beside-${at}-${latencies.length}`;
    await call(WorkflowService.method.startWorkflow, {
      spec: { workflowId, workflowType: emptyWorkflowType, taskQueue, input: payloadOf(workflowId, 0) },
    });
    latencies.push(performance.now() - begin);
    await delay(20);
  }
  return latencies;
}

/** When the last of so many runs of a time was started; never, if there are fewer. */
async function lastStart(
  database: pg.Client,
  { at, count }: { readonly at: number; readonly count: number },
): Promise<number> {
  const time = `${new Date(at).toISOString().slice(0, -".000Z".length)}Z`;
  const { rows } = await database.query<{ found: number; last: number }>(
    `select count(*)::int as found, max(started_at) / 1000.0::float8 as last
       from pawl.runs where workflow_id like 'burst-%' and right(workflow_id, length($1)) = $1`,
    [time],
  );
  const { found = 0, last = 0 } = rows[0] ?? {};
  return found === count ? last : Number.POSITIVE_INFINITY;
}
