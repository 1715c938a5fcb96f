/** Many schedules that fire all the time: are all fires made, once each and in time, and what do they cost? */
import { setTimeout as delay } from "node:timers/promises";
import type { Bounded } from "../bounds.js";
import { percentile, round } from "../figures.js";
import { type Load, watchLoad } from "../load.js";
import { type Call, openCalls } from "../rpc.js";
import type { Measurable } from "../stage.js";
import { createSchedules, deleteSchedules, nextFires, type Spec } from "./definition.js";
import { checkFires, type Fires } from "./fires.js";

/** A new schedule fires from the next minute on, and the one in which they are created warms up. */
const warmUpMs = 60_000;
/** What is announced is read ahead of the time that counts; the last fires have as long. */
const marginMs = 5_000;
/** A schedule announces its next ten fires. */
const windowMinutes = 5;

interface Seen extends Fires {
  readonly load: Load;
}

/** So many schedules that fire once a minute, half by cron and half by interval, spread over the minute by jitter. */
export async function measureSteady(
  measurable: Measurable,
  { count, minutes }: { readonly count: number; readonly minutes: number },
): Promise<Bounded[]> {
  const { call, close } = openCalls(measurable.server.address);
  const ids = await createSchedules(call, { prefix: "steady", count, specOf });
  await delay(warmUpMs);
  const windows: Seen[] = [];
  for (let left = minutes; left > 0; left -= windowMinutes)
    windows.push(await watchFires(measurable, call, ids, Math.min(left, windowMinutes)));
  await deleteSchedules(call, ids);
  close();
  return windows.flatMap(figuresOf);
}

/** Watches all fires of some minutes. */
async function watchFires(
  measurable: Measurable,
  call: Call,
  ids: readonly string[],
  minutes: number,
): Promise<Seen> {
  const announced = await nextFires(call, ids);
  const from = Date.now() + marginMs;
  const until = from + minutes * 60_000;
  await delay(marginMs);
  const end = await watchLoad(measurable);
  await delay(until - Date.now());
  const load = await end();
  await delay(marginMs);
  const expected = [...announced].map(([id, times]) => {
    return [id, times.filter((at) => at >= from && at < until)] as const;
  });
  return { load, ...(await checkFires(measurable.database, new Map(expected))) };
}

function figuresOf({ load, expected, lateness, lost, twice, open }: Seen): Bounded[] {
  const of = (part: number) => round(percentile(lateness, part));
  console.log(
    `${expected} fires in ${round(load.seconds)} s: ${of(0)} to ${of(1)} ms late, ${of(0.5)} ms at p50; ` +
      `Postgres ${round(100 * load.postgresCores)} % of a core, ${round(load.statementsPerSecond)} statements/s`,
  );
  return [
    { what: "fires that are missing", value: expected === 0 ? Number.NaN : lost, bound: 0, unit: "" },
    { what: "fires made twice", value: twice, bound: 0, unit: "" },
    { what: "fires made early", value: lateness.filter((ms) => ms < 0).length, bound: 0, unit: "" },
    { what: "runs that have not ended", value: open, bound: 0, unit: "" },
    { what: "late at p99", value: percentile(lateness, 0.99), bound: 1_000, unit: "ms" },
    { what: "server", value: 100 * load.serverCores, bound: 40, unit: "% of a core" },
  ];
}

function specOf(index: number): Spec {
  const jitter = { seconds: 60n };
  if (index % 2 === 0) return { cron: ["* * * * *"], jitter };
  return { intervals: [{ every: { seconds: 60n } }], jitter };
}
