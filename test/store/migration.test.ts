import { afterAll, beforeAll, expect, test } from "vitest";
import { openConnection } from "../../src/store/pool.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

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
  ).toEqual([{ version: 8, min_server: 8, name: "main", state: 1, has_incarnation: true }]);
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
