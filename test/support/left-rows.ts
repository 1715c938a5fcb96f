/** What is left of a run in any table. */
import type { TestCluster } from "./engine.js";

/** The tables that have rows of a run, but for messages that it sent and questions that are put to it, which go by themselves. */
export async function tablesWith(
  { run }: { run: TestCluster["run"] },
  runIds: readonly string[],
): Promise<string[]> {
  const tables = await run<{ name: string }>(
    `select c.relname as name
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'run_id' and not a.attisdropped
     where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'queries'
     order by 1`,
  );
  const selects = tables.map(
    ({ name }) => `select '${name}' as name from ${name} where run_id = any($1::uuid[])`,
  );
  const found = await run<{ name: string }>(selects.join(" union "), [runIds]);
  return found.map(({ name }) => name).sort();
}
