import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunState } from "../../src/core/run-state.js";
import { readHistory } from "../../src/store/history.js";
import { copyHistory, noteCopy, removeCopy, removeOldCopies } from "../../src/store/history-copies.js";
import type { Unit } from "../../src/store/unit.js";
import { advance, makeEvent, makeKey, makeRun, startUnit, stepUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});

afterAll(() => store.close());

/** Stores a run with rows of these numbers of events, and a key for each of them. */
async function storedRun(rows: readonly number[], size = 10): Promise<RunState> {
  const namespaceId = await store.makeNamespace();
  let run = makeRun({ namespaceId });
  await store.write(startUnit(run));
  for (const count of rows) {
    const first = run.nextEventId;
    const events = Array.from({ length: count }, (_, n) => makeEvent(first + n, size));
    const keys = events.map(({ event: { eventId } }) => makeKey({ key: `k${eventId}`, eventId }));
    const after = advance(run, {
      nextEventId: first + count,
      keys: new Map([...run.keys, ...keys.map((key) => [`signal:${key.key}`, key] as const)]),
    });
    await store.write(stepUnit(run, after, events));
    run = after;
  }
  return run;
}

const transaction = <T>(work: Parameters<typeof store.database.transaction<T>>[0]) =>
  store.database.transaction(work);

async function copyTo({ runId: fromRunId }: RunState, throughEventId: number): Promise<string> {
  const toRunId = randomUUID();
  await noteCopy(store.database.read, toRunId, 1_000);
  expect(await copyHistory(transaction, { fromRunId, toRunId, throughEventId })).toBe(true);
  return toRunId;
}

async function eventsOf(runId: string, throughEventId?: number) {
  const ask = { runId, afterEventId: 0, maxEvents: 10_000, maxBytes: 100_000_000, descending: false };
  const { events } = await readHistory(store.database.read, { ...ask, throughEventId });
  return events;
}

async function keysOf(runId: string): Promise<number[]> {
  const keys = await store.run<{ event_id: number }>(
    "select event_id from run_keys where run_id = $1 order by event_id",
    [runId],
  );
  return keys.map((key) => key.event_id);
}

/** A unit that begins a run with a copy. */
function beginUnit(
  { namespaceId }: RunState,
  runId: string,
  fromRunId: string,
  throughEventId: number,
): Unit {
  const nextEventId = throughEventId + 2;
  const after = makeRun({ namespaceId, runId, nextEventId });
  const copied = { runId: fromRunId, throughEventId };
  const started = startUnit(after);
  return {
    ...started,
    runs: [{ before: undefined, after, events: [makeEvent(throughEventId + 1)], copied }],
  };
}

test.each([
  ["between two rows", 4],
  ["in the midst of a row", 7],
  ["at the end", 10],
  ["behind the first event", 1],
])("copies a history up to an event %s, with the keys up to it", async (_where, through) => {
  const run = await storedRun([1, 2, 6]);
  const copy = await copyTo(run, through);
  const events = await eventsOf(copy);
  expect(events).toEqual(await eventsOf(run.runId, through));
  expect(events).toHaveLength(through);
  expect(await keysOf(copy)).toEqual(events.map(({ eventId }) => eventId).slice(1));
});

test("copies long histories of large rows in several steps", async () => {
  const run = await storedRun(
    Array.from({ length: 6 }, () => 2),
    1_000_000,
  );
  const rows: number[] = [];
  const toRunId = randomUUID();
  await noteCopy(store.database.read, toRunId, 1_000);
  const counting = <T>(work: Parameters<typeof store.database.transaction<T>>[0]) =>
    store.database.transaction(async (tx) => {
      const done = await work(tx);
      const [page] = await tx.query<{ n: number }>(
        { name: "count_copied", text: "select count(*)::int as n from history where run_id = $1::uuid" },
        [toRunId],
      );
      rows.push(page?.n ?? 0);
      return done;
    });
  const copy = { fromRunId: run.runId, toRunId, throughEventId: 13 };
  expect(await copyHistory(counting, copy)).toBe(true);
  expect(await eventsOf(toRunId)).toHaveLength(13);
  expect(new Set(rows)).toEqual(new Set([4, 7]));
});

test("says so if the history is not whole", async () => {
  const run = await storedRun([1, 2]);
  await store.run("delete from history where run_id = $1 and first_event_id = 2", [run.runId]);
  const toRunId = randomUUID();
  const copy = { fromRunId: run.runId, toRunId, throughEventId: 4 };
  expect(await copyHistory(transaction, copy)).toBe(false);
});

test("is there for good once its run has begun, and only a run with its note begins", async () => {
  const run = await storedRun([3]);
  const copy = await copyTo(run, 3);
  expect((await store.write(beginUnit(run, copy, run.runId, 3))).won).toEqual([0]);
  await removeCopy(transaction, copy);
  await removeOldCopies(transaction, 2_000);
  expect(await eventsOf(copy)).toHaveLength(4);
  expect(await store.run("select from history_copies where run_id = $1", [copy])).toEqual([]);
});

test("goes with all that was copied if there will be no run, and no run begins then", async () => {
  const run = await storedRun([3]);
  const copy = await copyTo(run, 3);
  await removeCopy(transaction, copy);
  expect(await eventsOf(copy)).toEqual([]);
  expect(await keysOf(copy)).toEqual([]);
  expect((await store.write(beginUnit(run, copy, run.runId, 3))).won).toEqual([]);
});

test("is removed by a loop when the server that made it has gone, but not while it may be in use", async () => {
  const run = await storedRun([3]);
  const copy = await copyTo(run, 3);
  await removeOldCopies(transaction, 1_000);
  expect(await eventsOf(copy)).toHaveLength(3);
  await removeOldCopies(transaction, 1_001);
  expect(await eventsOf(copy)).toEqual([]);
  expect(await store.run("select from history_copies where run_id = $1", [copy])).toEqual([]);
});
