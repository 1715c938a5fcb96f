import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clearDeletions, deleteRun } from "../../src/store/deletions.js";
import { type HistoryAsk, readEvents, readHistory } from "../../src/store/history.js";
import { dropPartition, makePartitions } from "../../src/store/partitions.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { advance, makeEvent, makeRun, startUnit, stepUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let runId: string;

/** A run with events 1 to 10, in rows of one, two, three and four. */
beforeAll(async () => {
  store = await openTestStore();
  const namespaceId = await store.makeNamespace();
  let run = makeRun({ namespaceId });
  runId = run.runId;
  await store.write(startUnit(run));
  for (const [first, length] of [
    [2, 2],
    [4, 3],
    [7, 4],
  ] as const) {
    const next = advance(run);
    const events = Array.from({ length }, (_, index) => makeEvent(first + index, 100));
    await store.write(stepUnit(run, next, events));
    run = next;
  }
});

afterAll(() => store.close());

async function read(ask: Partial<HistoryAsk>) {
  const { events, hasMore } = await readHistory(store.database.read, {
    runId,
    afterEventId: 0,
    maxEvents: 100,
    maxBytes: 1_000_000,
    descending: false,
    ...ask,
  });
  return [events.map((event) => event.eventId), hasMore];
}

test("reads all events of a run in order, or the newest first", async () => {
  expect(await read({})).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false]);
  expect(await read({ descending: true })).toEqual([[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], false]);
});

test("reads from the middle of a row to the middle of another", async () => {
  expect(await read({ afterEventId: 4, throughEventId: 8 })).toEqual([[5, 6, 7, 8], false]);
  expect(await read({ afterEventId: 4, throughEventId: 8, descending: true })).toEqual([[8, 7, 6, 5], false]);
  expect(await read({ afterEventId: 10 })).toEqual([[], false]);
  expect(await read({ afterEventId: 5, throughEventId: 5 })).toEqual([[], false]);
});

test("reads nothing behind the largest id that there can be", async () => {
  for (const descending of [false, true])
    expect(await read({ afterEventId: 2 ** 31 - 1, descending })).toEqual([[], false]);
});

test("ends a page by its events, and says whether more follow", async () => {
  expect(await read({ maxEvents: 3 })).toEqual([[1, 2, 3], true]);
  expect(await read({ maxEvents: 10 })).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false]);
  expect(await read({ afterEventId: 3, throughEventId: 6, maxEvents: 3 })).toEqual([[4, 5, 6], false]);
  expect(await read({ maxEvents: 5, descending: true })).toEqual([[10, 9, 8, 7, 6], true]);
});

test("ends a page by its bytes, but never before its first event", async () => {
  expect(await read({ maxBytes: 1 })).toEqual([[1], true]);
  expect(await read({ afterEventId: 3, maxBytes: 300 })).toEqual([[4, 5], true]);
  expect(await read({ maxBytes: 300, descending: true })).toEqual([[10, 9], true]);
});

test("reads single events of any runs", async () => {
  const asks = [8, 1, 11, 3].map((eventId) => ({ runId, eventId }));
  const events = await readEvents(store.database.read, asks);
  expect(events.map((event) => event?.eventId)).toEqual([8, 1, undefined, 3]);
});

test("refuses rows that a later program wrote in another codec", async () => {
  const run = makeRun({ namespaceId: await store.makeNamespace() });
  await store.write(startUnit(run));
  await store.run("update history set codec = 7 where run_id = $1", [run.runId]);
  await expect(read({ runId: run.runId })).rejects.toThrow("codec 7");
});

test("puts a run's history in the partition of the week that its id names", async () => {
  const monday = new Date();
  const milliseconds = monday.getTime().toString(16).padStart(12, "0");
  const id = `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-000000000001`;
  await store.write(startUnit(makeRun({ runId: id, namespaceId: await store.makeNamespace() })));
  const rows = await store.run<{ partition: string }>(
    "select tableoid::regclass::text as partition from history where run_id = $1",
    [id],
  );
  expect(rows[0]?.partition).toMatch(/^history_\d{8}$/);
});

test("makes missing partitions once, however many servers do so at the same time", async () => {
  const [week] = await store.run<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'history'::regclass order by 1 desc offset 1 limit 1",
  );
  await store.run(`drop table ${week?.name}`);
  const made = await Promise.all(store.database.write.map((connection) => makePartitions(connection)));
  expect(made.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(await makePartitions(store.database.read)).toBe(0);
});

test("leaves rows in the default partition where their week has none yet", async () => {
  const [week] = await store.run<{ name: string }>(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'history'::regclass order by 1 desc offset 1 limit 1",
  );
  const [bound] = await store.run<{ id: string }>(
    `select substring(pg_get_expr(relpartbound, oid) from '''([-0-9a-f]{36})''') as id from pg_class where oid = '${week?.name}'::regclass`,
  );
  await store.run(`drop table ${week?.name}`);
  await store.run("insert into history values ($1, 1, 1, 0, '')", [bound?.id]);
  expect(await makePartitions(store.database.read)).toBe(0);
  expect(await store.run("select from history_default where run_id = $1", [bound?.id])).toHaveLength(1);
});

describe("dropping partitions", () => {
  /** Makes the partition of an old week. Answers a run id in it. */
  async function oldWeek(day: string): Promise<string> {
    await store.run("select make_history_partition($1::timestamptz)", [day]);
    const milliseconds = Date.parse(day).toString(16).padStart(12, "0");
    return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-${Math.random().toString(16).slice(2, 14).padEnd(12, "0")}`;
  }

  const drop = () => store.database.transaction((tx) => dropPartition(tx));

  async function weeks(): Promise<string[]> {
    const rows = await store.run<{ name: string }>(
      "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'history'::regclass and inhrelid::regclass::text < 'history_2025' order by 1",
    );
    return rows.map(({ name }) => name);
  }

  test("takes those of weeks that are over and whose runs are all gone", async () => {
    const namespaceId = await store.makeNamespace();
    const run = makeRun({ runId: await oldWeek("2020-01-07"), namespaceId, status: 3, closedAt: 9 });
    await oldWeek("2020-01-14");
    const copied = await oldWeek("2020-01-21");
    await store.write(startUnit(run));
    await store.run("insert into history_copies values ($1, 1)", [copied]);
    expect(await weeks()).toEqual(["history_20200106", "history_20200113", "history_20200120"]);
    expect(await drop()).toBe(true);
    expect(await drop()).toBe(false);
    expect(await weeks()).toEqual(["history_20200106", "history_20200120"]);
    await store.database.transaction((tx) => deleteRun(tx, run));
    await store.run("delete from history_copies");
    expect(await drop()).toBe(true);
    expect(await drop()).toBe(true);
    expect(await drop()).toBe(false);
    expect(await weeks()).toEqual([]);
    expect(await clearDeletions(store.database.read, { maxRuns: 5, maxRows: 5 })).toBe(false);
    expect(await store.run("select run_id from history where run_id = $1", [run.runId])).toEqual([]);
  });

  test("leaves one alone in which a run is just being written, and another to whom something was left", async () => {
    const namespaceId = await store.makeNamespace();
    const run = makeRun({ runId: await oldWeek("2020-02-04"), namespaceId });
    await store.database.transaction(async (tx) => {
      await writeBatch(tx, { batchId: randomUUID(), units: [startUnit(run)], answered: [] });
      expect(await drop()).toBe(false);
    });
    expect(await drop()).toBe(false);
    expect(await weeks()).toEqual(["history_20200203"]);
    expect(await read({ runId: run.runId })).toEqual([[1], false]);
  });

  test("lets what begins in such a week after all find its place", async () => {
    const runId = await oldWeek("2020-03-03");
    expect(await drop()).toBe(true);
    const run = makeRun({ runId, namespaceId: await store.makeNamespace() });
    await store.write(startUnit(run));
    expect(await read({ runId })).toEqual([[1], false]);
  });
});
