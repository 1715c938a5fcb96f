import { randomUUID } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { RunState } from "../../src/core/run-state.js";
import { LockTimeoutError } from "../../src/store/database.js";
import { beginDeletion, eraseNamespace, hasOpenRun, holdStarts } from "../../src/store/delete-namespace.js";
import { deleteRun } from "../../src/store/deletions.js";
import { deleteExpired, type Expiry, findExpiries } from "../../src/store/expired-runs.js";
import { lockWorkflow, lockWorkflowId } from "../../src/store/lock.js";
import type { Queryable } from "../../src/store/statement.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { until } from "../support/until.js";
import { makeRun, startUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

const store: TestStore = await openTestStore();
let namespaceId: string;

beforeEach(async () => {
  await store.run("update namespaces set retention_ms = 1000000000000");
  namespaceId = await store.makeNamespace();
  await store.run("update namespaces set retention_ms = 1 where namespace_id = $1", [namespaceId]);
});
afterAll(() => store.close());

async function storeClosed(closedAt: number, fields: Partial<RunState> = {}, expected?: string) {
  const run = makeRun({ namespaceId, status: 3, closedAt, ...fields });
  await store.write(startUnit(run, expected));
  return run;
}

/** What is due at a time, in milliseconds. */
const dueAt = async (milliseconds: number): Promise<Expiry[]> => {
  const found = await findExpiries(store.database.read, { now: milliseconds * 1_000, limit: 50 });
  return found.filter(({ keptFor }) => keptFor !== null && keptFor <= 0);
};

async function remove(milliseconds: number, limit = 10, tx?: Queryable): Promise<string[]> {
  const due = await dueAt(milliseconds);
  const work = (q: Queryable) => deleteExpired(q, due, limit);
  const gone = await (tx === undefined ? store.database.transaction(work) : work(tx));
  return gone.map(({ runId }) => runId);
}

describe("runs that are kept no longer", () => {
  test("are found when they have been closed for as long as their namespace keeps them, the oldest first", async () => {
    const [second, first] = [await storeClosed(5_000), await storeClosed(4_000)];
    await storeClosed(9_000);
    await store.write(startUnit(makeRun({ namespaceId, status: 2 })));
    expect(await dueAt(4.999)).toEqual([]);
    expect(await dueAt(5)).toMatchObject([
      { namespaceId, closedUntil: 4_000, keptFor: 0, isDeleting: false },
    ]);
    expect(await remove(5)).toEqual([first.runId]);
    expect(await remove(6, 1)).toEqual([second.runId]);
    expect(await remove(6)).toEqual([]);
  });

  test("are left for another time while others hold their run, their pointer or their id", async () => {
    const runs = [await storeClosed(1), await storeClosed(2), await storeClosed(3), await storeClosed(4)];
    const [ofRun, ofPointer, ofId, free] = runs;
    if (!ofRun || !ofPointer || !ofId || !free) throw new Error("four runs");
    await store.database.transaction(async (tx) => {
      await lockWorkflowId(tx, ofId);
      await lockWorkflow(tx, { ...ofPointer, runId: randomUUID() });
      await lockWorkflow(tx, { namespaceId, workflowId: "none", runId: ofRun.runId });
      expect(await remove(1_000)).toEqual([free.runId]);
    });
    expect((await remove(1_000)).sort()).toEqual([ofRun.runId, ofPointer.runId, ofId.runId].sort());
  });

  test("are not taken twice by servers at once", async () => {
    const runs = [await storeClosed(1), await storeClosed(2), await storeClosed(3)];
    const taken = await store.database.transaction(async (tx) => {
      const first = await remove(1_000, 2, tx);
      return [...first, ...(await remove(1_000, 2))];
    });
    expect(taken).toEqual(runs.map(({ runId }) => runId));
  });

  test("move the pointer to the newest run that stays, or take it along", async () => {
    const workflowId = "chain";
    const kept = await storeClosed(900_000_000, { workflowId, startedAt: 1 });
    const older = await storeClosed(2, { workflowId, startedAt: 2 }, kept.runId);
    const current = await storeClosed(1, { workflowId, startedAt: 3 }, older.runId);
    expect(await remove(1_000)).toEqual([current.runId, older.runId]);
    const pointers = () =>
      store.run("select run_id, start_request_id from workflow_ids where namespace_id = $1", [namespaceId]);
    expect(await pointers()).toEqual([{ run_id: kept.runId, start_request_id: "" }]);
    expect(await remove(1_000_000)).toEqual([kept.runId]);
    expect(await pointers()).toEqual([]);
  });
});

describe("the deletion of a namespace", () => {
  const begin = (tx: Queryable) => beginDeletion(tx, namespaceId);
  const erase = (maxWorkers = 10) =>
    store.database.transaction((tx) => eraseNamespace(tx, namespaceId, maxWorkers));

  test("does not begin while a start is under way", async () => {
    await store.database.transaction(async (tx) => {
      const units = [startUnit(makeRun({ namespaceId, status: 1 }))];
      await writeBatch(tx, { batchId: randomUUID(), units, answered: [] });
      await expect(store.database.transaction(holdStarts)).rejects.toThrow(LockTimeoutError);
    });
    expect(await hasOpenRun(store.database.read, namespaceId)).toBe(true);
  });

  test("is seen by a start that was sent before it was committed", async () => {
    let starting: ReturnType<TestStore["write"]> | undefined;
    await store.database.transaction(async (tx) => {
      await holdStarts(tx);
      starting = store.write(startUnit(makeRun({ namespaceId, status: 1 })));
      await until("the start waits", async () => {
        const waiting = await store.run(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return waiting.length > 0;
      });
      expect(await hasOpenRun(tx, namespaceId)).toBe(false);
      expect(await begin(tx)).toBe(true);
    });
    expect((await starting)?.won).toEqual([]);
    expect(await store.database.transaction(begin)).toBe(false);
  });

  test("makes all its closed runs due, and leaves the row until nothing else is left", async () => {
    const run = await storeClosed(9_000_000_000_000);
    const worker = "insert into workers (namespace_id, worker_id, spec, registered_at, seen_at)";
    await store.run(`${worker} select $1, 'w' || n, '', 1, 1 from generate_series(1, 3) n`, [namespaceId]);
    expect(await erase()).toBe("left");
    await store.database.transaction(begin);
    expect(await erase()).toBe("left");
    expect(await dueAt(0)).toMatchObject([{ namespaceId, isDeleting: true }]);
    expect(await remove(0)).toEqual([run.runId]);
    expect(await erase()).toBe("left");
    await store.run("delete from deletions");
    const found = await findExpiries(store.database.read, { now: 0, limit: 50 });
    expect(found.find((one) => one.namespaceId === namespaceId)).toMatchObject({ keptFor: null });
    expect(await erase(2)).toBe("left");
    expect(await erase(2)).toBe("gone");
    expect(await erase(2)).toBe("left");
    for (const table of ["workers", "run_counts", "namespaces"])
      expect(await store.run(`select 1 from ${table} where namespace_id = $1`, [namespaceId])).toEqual([]);
  });

  test("leaves alone a namespace with a run, however it was deleted", async () => {
    const run = await storeClosed(1);
    await store.database.transaction(begin);
    await store.database.transaction((tx) => deleteRun(tx, run));
    expect(await erase()).toBe("left");
    await store.run("delete from deletions");
    expect(await erase()).toBe("gone");
  });
});
