import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clearDeletions, deleteRun } from "../../src/store/deletions.js";
import { loadWorkflows } from "../../src/store/load.js";
import { tablesWith } from "../support/left-rows.js";
import { makeEvent, makeKey, makeRun, startUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let namespaceId: string;

beforeAll(async () => {
  store = await openTestStore();
  namespaceId = await store.makeNamespace();
});
afterAll(() => store.close());

/** Stores a run that is closed unless the test says otherwise. */
async function storeRun(fields: Partial<Parameters<typeof makeRun>[0]> = {}, expected?: string) {
  const run = makeRun({ namespaceId, status: 3, closedAt: 9, ...fields });
  await store.write(startUnit(run, expected));
  return run;
}

const remove = (run: { namespaceId: string; workflowId: string; runId: string }) =>
  store.database.transaction((tx) => deleteRun(tx, run));

async function currentOf(workflowId: string) {
  const { workflows } = await loadWorkflows(store.database.read, [{ namespaceId, workflowId }]);
  return workflows[0];
}

const clear = (maxRuns: number, maxRows: number) =>
  store.database.transaction((tx) => clearDeletions(tx, { maxRuns, maxRows }));

test("deletes a closed run with its pointer, once", async () => {
  const run = await storeRun();
  expect(await remove(run)).toBe(true);
  expect(await currentOf(run.workflowId)).toMatchObject({ pointer: undefined, run: undefined });
  expect(await remove(run)).toBe(false);
  expect(await tablesWith(store, [run.runId])).toEqual(["deletions", "history"]);
  await clear(10, 10);
});

test("leaves an open run alone, and one that is named with another workflow id or namespace", async () => {
  const open = await storeRun({ status: 2, closedAt: undefined });
  const closed = await storeRun();
  expect(await remove(open)).toBe(false);
  expect(await remove({ ...closed, workflowId: open.workflowId })).toBe(false);
  expect(await remove({ ...closed, namespaceId: await store.makeNamespace() })).toBe(false);
  for (const { workflowId, runId } of [open, closed])
    expect(await currentOf(workflowId)).toMatchObject({ pointer: { runId }, run: { runId } });
});

test("moves the pointer to the newest run that is left, without the request that made it", async () => {
  const workflowId = "chain";
  const runs = [await storeRun({ workflowId, startedAt: 1 })];
  for (const startedAt of [3, 2])
    runs.push(await storeRun({ workflowId, startedAt }, runs.at(-1)?.runId ?? ""));
  const [oldest, newest, current] = runs;
  if (oldest === undefined || newest === undefined || current === undefined) throw new Error("no runs");
  expect(await remove(current)).toBe(true);
  expect(await currentOf(workflowId)).toMatchObject({
    pointer: { runId: newest.runId, startRequestId: "", requestHash: "" },
    run: { runId: newest.runId },
  });
  expect(await remove(oldest)).toBe(true);
  expect((await currentOf(workflowId))?.pointer?.runId).toBe(newest.runId);
  await clear(10, 10);
});

test("removes what hangs on deleted runs in steps of a bounded size, and nothing of others", async () => {
  const kept = await storeRun();
  const keys = new Map(["a", "b", "c"].map((key) => [`signal:${key}`, makeKey({ key })]));
  const doomed = [await storeRun({ keys }), await storeRun()];
  const ids = doomed.map(({ runId }) => runId);
  const events = [2, 3, 4, 5].map((eventId) => makeEvent(eventId).bytes);
  for (const runId of [...ids, kept.runId])
    for (const [index, bytes] of events.entries())
      await store.run("insert into history values ($1, $2, $2, 0, $3)", [runId, index + 2, bytes]);
  for (const run of doomed) await remove(run);
  const rowsLeft = async () => {
    const [row] = await store.run<{ count: number }>(
      "select count(*)::int as count from history where run_id = any($1)",
      [ids],
    );
    return row?.count;
  };
  expect(await rowsLeft()).toBe(10);
  expect(await clear(1, 2)).toBe(true);
  expect(await rowsLeft()).toBe(8);
  expect(await clear(5, 4)).toBe(true);
  expect(await rowsLeft()).toBe(1);
  expect(await clear(5, 4)).toBe(false);
  expect(await tablesWith(store, ids)).toEqual([]);
  expect(await clear(5, 4)).toBe(false);
  expect(await store.run("select * from history where run_id = $1", [kept.runId])).toHaveLength(5);
});

test("removes rows of every table that has rows of runs", async () => {
  const runId = randomUUID();
  const other = randomUUID();
  const rows = (id: string) =>
    [
      `history values ('${id}', 1, 1, 0, '')`,
      `run_keys values ('${id}', 'signal', 'x', 1, '')`,
      `updates values ('${id}', 'u', '{}', null, null)`,
      `appended_commands values ('${id}', 1, 1, '', 1)`,
      `run_attributes values ('${id}', '')`,
      `search_attributes values ('${namespaceId}', 'n', 'v', 1, '${id}')`,
      `snapshots values ('${id}', 1, '')`,
      `activities values ('${id}', 1, '{}', null, null, false)`,
      `activity_heartbeats values ('${id}', 1, 1, 1, null)`,
      `timers values ('${id}', 1, 1, 1)`,
      `children values ('${id}', 1, '{}')`,
      `external_requests values ('${id}', 1, '{}')`,
      `buffered_events values ('${id}', 1, '')`,
      `wakeups values ('${id}', 1)`,
    ].map((row) => `insert into ${row}`);
  for (const text of [...rows(runId), ...rows(other)]) await store.run(text);
  await store.run("insert into deletions values ($1, 1)", [runId]);
  const all = await tablesWith(store, [other]);
  expect(await tablesWith(store, [runId])).toEqual([...all, "deletions"].sort());
  const named = await store.run<{ name: string }>(
    `select distinct c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'run_id'
     where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  // A run and its pointer go first; ready tasks end with the run; a question goes with its asker, a copy's row when its run begins.
  const others = ["runs", "workflow_ids", "ready_tasks", "queries", "history_copies", "deletions"];
  expect([...all, ...others].sort()).toEqual(named.map(({ name }) => name).sort());
  expect(await clear(5, 100)).toBe(false);
  expect(await tablesWith(store, [runId])).toEqual([]);
  expect(await tablesWith(store, [other])).toEqual(all);
});

test("is taken in turns by servers: what one removes another passes by", async () => {
  const runs = [await storeRun(), await storeRun()];
  for (const run of runs) await remove(run);
  await store.database.transaction(async (tx) => {
    await clearDeletions(tx, { maxRuns: 1, maxRows: 10 });
    expect(await clear(1, 10)).toBe(true);
  });
  expect(await clear(1, 10)).toBe(false);
  expect(
    await tablesWith(
      store,
      runs.map(({ runId }) => runId),
    ),
  ).toEqual([]);
});
