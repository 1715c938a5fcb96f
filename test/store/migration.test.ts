import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../../src/store/migrate.js";
import { openConnection } from "../../src/store/pool.js";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

async function read(statement: string): Promise<unknown[]> {
  const connection = await openConnection({ url: database.url });
  try {
    return (await connection.query(statement)).rows;
  } finally {
    await connection.end();
  }
}

test("makes the namespace main, one incarnation and the newest schema version", async () => {
  expect(
    await read(`select v.version, v.min_server, n.name, n.state, i.incarnation is not null as has_incarnation
      from (select * from schema_versions order by version desc limit 1) v, namespaces n, database_incarnation i`),
  ).toEqual([{ version: 12, min_server: 12, name: "main", state: 1, has_incarnation: true }]);
});

test("says on every table what a row is and who deletes it", async () => {
  const uncommented = await read(`select relname from pg_class c
    where relnamespace = 'pawl'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname <> 'migrations' and coalesce(obj_description(oid), '') !~ '([Dd]eleted)'`);
  expect(uncommented).toEqual([]);
});

test("has history partitions for this week and the three after it", async () => {
  const rows = await read(`select count(*)::int as weeks from pg_inherits
    where inhparent = 'pawl.history'::regclass and inhrelid::regclass::text ~ '^history_[0-9]{8}$'`);
  expect(rows).toEqual([{ weeks: 4 }]);
});

test("fills in who holds what of the runs that were there before workers were told apart", async () => {
  const dir = await mkdtemp(join(tmpdir(), "pawl-migrations-"));
  const earlier = await createEmptyDatabase();
  try {
    const names = (await readdir("migrations")).sort();
    const before = names.slice(
      0,
      names.findIndex((name) => name.endsWith("_workers.sql")),
    );
    for (const name of before) await copyFile(join("migrations", name), join(dir, name));
    await migrate({ url: earlier.url, dir });
    const connection = await openConnection({ url: earlier.url });
    const runId = "01990000-0000-7000-8000-000000000001";
    const held = JSON.stringify({ taskQueue: "orders", lease: { workerId: "w", identity: "a" } });
    const odd = JSON.stringify({ taskQueue: "orders", lease: { workerId: "w", identity: "\0" } });
    const columns = `run_id, namespace_id, workflow_id, workflow_type, task_queue, started_at, settings, version, status,
      next_event_id, history_bytes, last_event_at, last_seq, task_epoch, previous_started_event_id,
      last_closed_task_epoch, sticky_worker_id, sticky_event_id, workflow_task`;
    await connection.query(
      `insert into runs (${columns})
       select $1, gen_random_uuid(), 'id', 'order', 'orders', 1, '{}', 1, 2, 1, 0, 1, 0, 1, 0, 0, '', 0, $2`,
      [runId, held],
    );
    for (const [seq, state] of [held, odd, "{}"].entries())
      await connection.query("insert into activities values ($1, $2, $3, null, 1, false)", [
        runId,
        seq,
        state,
      ]);
    await migrate({ url: earlier.url });
    const { rows } = await connection.query(
      `select r.task_worker_id, a.task_queue, a.lease_worker_id from runs r join activities a using (run_id) order by seq`,
    );
    await connection.end();
    expect(rows).toEqual([
      { task_worker_id: "w", task_queue: "orders", lease_worker_id: "w" },
      { task_worker_id: "w", task_queue: expect.stringMatching(/^(orders)?$/), lease_worker_id: null },
      { task_worker_id: "w", task_queue: "", lease_worker_id: null },
    ]);
  } finally {
    await earlier.drop();
    await rm(dir, { recursive: true });
  }
});
