/** Many schedules of which none is due: do they cost anything? */
import type { Bounded } from "../bounds.js";
import { round } from "../figures.js";
import { loadOver } from "../load.js";
import { openCalls } from "../rpc.js";
import type { Measurable } from "../stage.js";
import { createSchedules, deleteSchedules, type Spec } from "./definition.js";

/** So many schedules that fire in a year at the earliest. */
export async function measureIdle(
  measurable: Measurable,
  { count, seconds }: { readonly count: number; readonly seconds: number },
): Promise<Bounded[]> {
  const { call, close } = openCalls(measurable.server.address);
  const startTime = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 365 * 86_400) };
  const specOf = (index: number): Spec =>
    index % 2 === 0
      ? { cron: ["* * * * *"], startTime }
      : { intervals: [{ every: { seconds: 60n } }], startTime };
  const ids = await createSchedules(call, { prefix: "idle", count, specOf });
  const load = await loadOver(measurable, seconds);
  await deleteSchedules(call, ids);
  close();
  console.log(
    `${count} schedules of which none is due: server ${round(100 * load.serverCores)} % of a core, Postgres ${round(100 * load.postgresCores)} %`,
  );
  return [{ what: "statements while none is due", value: load.statementsPerSecond, bound: 5, unit: "/s" }];
}
