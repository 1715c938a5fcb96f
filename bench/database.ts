/** What the benchmark does with Postgres itself: sees that it keeps what it acknowledges, measures its commits, and counts what was stored. */
import pg from "pg";
import type { RoundOutcome } from "./client.js";
import { eventsOfRun, type Workload } from "./workloads.js";

/** Connects to the server's Postgres. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "pawl bench" });
  // The statement that is under way fails too, and is heard.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Throws where Postgres would answer before what it says is on disk. */
export async function requireDurable(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')",
  );
  const off = rows.filter(({ setting }) => setting !== "on").map(({ name }) => name);
  if (rows.length !== 3 || off.length > 0)
    throw new Error(`these must be on, and are not: ${off.join(", ")}`);
}

/** Inserts rows of 100 bytes one by one, each committed before the next, over one connection. */
export async function commitSingly(client: pg.Client, seconds: number): Promise<RoundOutcome> {
  await client.query(
    "create table if not exists public.single_commits (id bigint primary key, body bytea not null)",
  );
  const { rows } = await client.query<{ last: string }>(
    "select coalesce(max(id), 0) as last from public.single_commits",
  );
  const body = Buffer.alloc(100, "x");
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  let id = Number(rows[0]?.last ?? 0);
  for (let at = begin; at < end; ) {
    id++;
    await client.query({
      name: "insert single commit",
      text: "insert into public.single_commits (id, body) values ($1, $2)",
      values: [id, body],
    });
    const now = performance.now();
    latencies.push(now - at);
    at = now;
  }
  return { perSecond: latencies.length / seconds, started: latencies.length, latencies, wrong: [] };
}

/** Compares what is stored of a workload with what the client started. Answers what is wrong. */
export async function findStoredFaults(
  client: pg.Client,
  workload: Workload,
  started: number,
): Promise<string[]> {
  const { rows } = await client.query<Stored>(
    `select count(*)::int as runs,
            count(*) filter (where status = 3)::int as completed,
            coalesce(sum(events), 0)::int as stored,
            count(*) filter (where next_event_id - 1 <> events)::int as gaps
       from (select r.status, r.next_event_id, sum(h.last_event_id - h.first_event_id + 1) as events
               from pawl.runs r
               join pawl.history h on h.run_id = r.run_id
              where r.workflow_type = $1
              group by r.run_id) run`,
    [workload.workflowType],
  );
  const [found] = rows;
  if (found === undefined) throw new Error("a count gave no row");
  const expected = started * eventsOfRun(workload.activities);
  const faults: string[] = [];
  if (found.runs !== started) faults.push(`${started} runs were started and ${found.runs} are stored`);
  if (found.completed !== started)
    faults.push(`${started} runs were started and ${found.completed} are completed`);
  if (found.gaps > 0) faults.push(`${found.gaps} runs have another number of events than they count`);
  if (found.stored !== expected)
    faults.push(`${expected} events were expected and ${found.stored} are stored`);
  return faults.map((fault) => `${workload.name}: ${fault}`);
}

interface Stored {
  readonly runs: number;
  readonly completed: number;
  readonly stored: number;
  readonly gaps: number;
}
