import { randomUUID } from "node:crypto";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { RunState } from "../../src/core/run-state.js";
import { deleteRun } from "../../src/store/deletions.js";
import { everyStatus } from "../../src/store/list.js";
import { countRuns } from "../../src/store/run-counts.js";
import { writeBatch, writeBatchStatements } from "../../src/store/write-batch.js";
import { miscounted } from "../support/miscounted.js";
import { advance, makeEvent, makeRun, startUnit, stepUnit } from "./support/runs.js";
import { firstWriter, openTestStore, type TestStore } from "./support/store.js";

const store: TestStore = await openTestStore();
let namespaceId: string;

beforeEach(async () => {
  namespaceId = await store.makeNamespace();
});
afterAll(() => store.close());

const [pending, running, completed] = [1, 2, 3] as const;

/** Stores a run that is running. */
async function storeRun(): Promise<RunState> {
  const run = makeRun({ namespaceId, status: running });
  await store.write(startUnit(run));
  return run;
}

const close = (run: RunState) => advance(run, { status: completed, closedAt: 5 });

async function counts(statuses = everyStatus): Promise<[number, number][]> {
  const rows = await countRuns(store.database.read, namespaceId, statuses);
  return rows.map(({ status, count }) => [status, count]);
}

test("counts runs as they start, change their status and are deleted", async () => {
  expect(await counts()).toEqual([]);
  const fresh = makeRun({ namespaceId, status: pending });
  await store.write(startUnit(fresh));
  const runs = [await storeRun(), await storeRun(), await storeRun()];
  expect(await counts()).toEqual([
    [pending, 1],
    [running, 3],
  ]);
  await store.write(
    stepUnit(fresh, advance(fresh, { status: running })),
    ...runs.map((run) => stepUnit(run, close(run))),
  );
  expect(await counts()).toEqual([
    [running, 1],
    [completed, 3],
  ]);
  expect(await counts([running])).toEqual([[running, 1]]);
  for (const run of runs) await store.database.transaction((tx) => deleteRun(tx, run));
  expect(await counts()).toEqual([[running, 1]]);
  expect(await miscounted(store)).toEqual([]);
});

test("counts nothing of units that lost, nor of steps that leave the status", async () => {
  const run = await storeRun();
  const stale = { ...run, version: 7 };
  expect((await store.write(stepUnit(stale, close(stale)))).won).toEqual([]);
  expect((await store.write(startUnit(makeRun({ namespaceId, workflowId: run.workflowId })))).won).toEqual(
    [],
  );
  await store.write(stepUnit(run, advance(run), [makeEvent(2)]));
  expect(await counts()).toEqual([[running, 1]]);
});

test("counts nothing of a batch that fails", async () => {
  const bad = makeRun({ namespaceId, workflowType: "a\0b" });
  await expect(store.write(startUnit(makeRun({ namespaceId })), startUnit(bad))).rejects.toThrow();
  expect(await counts()).toEqual([]);
});

test("counts the same in whichever order the parts of the statement stand", async () => {
  const run = await storeRun();
  const next = makeRun({ namespaceId, workflowId: run.workflowId, status: pending });
  const unit = startUnit(next, run.runId, [{ before: run, after: close(run), events: [makeEvent(2)] }]);
  const batch = { batchId: randomUUID(), units: [unit], answered: [] };
  await writeBatch(firstWriter(store.database), batch, writeBatchStatements.reversed);
  expect(await counts()).toEqual([
    [pending, 1],
    [completed, 1],
  ]);
});

test("makes no transaction wait for another that counts the same", async () => {
  const old = await storeRun();
  await store.database.transaction(async (tx) => {
    const batch = { batchId: randomUUID(), units: [startUnit(makeRun({ namespaceId }))], answered: [] };
    await writeBatch(tx, batch);
    await storeRun();
    await store.write(stepUnit(old, close(old)));
    await store.database.transaction((other) => deleteRun(other, old));
    expect(await counts()).toEqual([[running, 1]]);
  });
  expect(await counts()).toEqual([[running, 2]]);
  expect(await miscounted(store)).toEqual([]);
  const slots = await store.run("select distinct slot from run_counts where namespace_id = $1", [
    namespaceId,
  ]);
  expect(slots).toHaveLength(2);
});
