import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { RunState } from "../../src/core/run-state.js";
import { claimTasks } from "../../src/store/claim.js";
import { DataError } from "../../src/store/database.js";
import { readHistory } from "../../src/store/history.js";
import { loadWorkflows } from "../../src/store/load.js";
import { lockWorkflow } from "../../src/store/lock.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { advance, makeEvent, makeRun, makeTask, startUnit, stepUnit } from "./support/runs.js";
import { firstWriter, openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let namespaceId: string;

beforeAll(async () => {
  store = await openTestStore();
});

beforeEach(async () => {
  namespaceId = await store.makeNamespace();
});

afterAll(() => store.close());

async function load({ workflowId, runId }: RunState, q = store.database.read) {
  const { workflows } = await loadWorkflows(q, [{ namespaceId, workflowId, runId }]);
  return workflows[0];
}

test("starts a run, loads it, writes it on, and claims its task", async () => {
  const run = makeRun({ namespaceId, workflowTask: makeTask({ readyPosition: 7 }), wakeupAt: 99 });
  const { won, now } = await store.write(startUnit(run));
  expect(won).toEqual([0]);
  expect(Math.abs(now / 1_000 - Date.now())).toBeLessThan(60_000);
  expect((await load(run))?.run).toStrictEqual(run);
  expect((await load(run))?.pointer).toEqual({
    runId: run.runId,
    startRequestId: `request-${run.runId}`,
    requestHash: "abc",
  });
  const next = advance(run, { nextEventId: 4, workflowTask: undefined, wakeupAt: undefined });
  const queue = { namespaceId, kind: "workflow", taskQueue: "orders" } as const;
  const claimed = await claimTasks(store.database.read, [{ ...queue, types: [], limit: 5 }]);
  expect(claimed).toEqual([
    {
      ask: 0,
      ...queue,
      workflowId: run.workflowId,
      runId: run.runId,
      seq: 0,
      type: "order",
      priority: 3,
      position: 7,
    },
  ]);
  expect((await store.write(stepUnit(run, next, [makeEvent(2), makeEvent(3)]))).won).toEqual([0]);
  expect((await load(run))?.run).toStrictEqual(next);
  const page = await readHistory(store.database.read, {
    runId: run.runId,
    afterEventId: 0,
    maxEvents: 10,
    maxBytes: 1_000,
    descending: false,
  });
  expect(page.events.map((event) => event.eventId)).toEqual([1, 2, 3]);
  expect(page.hasMore).toBe(false);
});

test("does not write a unit whose run is at another version, and writes its neighbours", async () => {
  const runs = Array.from({ length: 3 }, () => makeRun({ namespaceId }));
  await store.write(...runs.map((run) => startUnit(run)));
  const [first, second, third] = runs;
  if (!first || !second || !third) throw new Error("three runs");
  const units = [
    stepUnit(first, advance(first), [makeEvent(2)]),
    stepUnit({ ...second, version: 9 }, { ...second, version: 10, wakeupAt: 5 }, [makeEvent(2)]),
    stepUnit(third, advance(third), [makeEvent(2)]),
  ];
  expect((await store.write(...units)).won).toEqual([0, 2]);
  expect((await load(second))?.run).toStrictEqual(second);
  expect((await load(third))?.run).toStrictEqual(advance(third));
});

test("writes nothing of a unit of which one row was lost", async () => {
  const old = makeRun({ namespaceId });
  await store.write(startUnit(old));
  const next = makeRun({ namespaceId, workflowId: old.workflowId });
  const closed = advance(old, { status: WorkflowStatus.TERMINATED, closedAt: 5 });
  const close = { before: old, after: closed, events: [makeEvent(2)] };
  expect((await store.write(startUnit(next, randomUUID(), [close]))).won).toEqual([]);
  expect((await store.write(startUnit(next, undefined, [close]))).won).toEqual([]);
  const stale = { ...close, before: { ...old, version: 3 } };
  expect((await store.write(startUnit(next, old.runId, [stale]))).won).toEqual([]);
  expect(await load(old)).toMatchObject({ pointer: { runId: old.runId }, run: { version: 1 } });
  expect((await store.write(startUnit(next, old.runId, [close]))).won).toEqual([0]);
  expect(await load(next)).toMatchObject({ pointer: { runId: next.runId }, run: { runId: next.runId } });
  expect((await load(old))?.run).toStrictEqual(closed);
});

test("lets one of two starts of a workflow id win", async () => {
  const [a, b] = [makeRun({ namespaceId, workflowId: "w" }), makeRun({ namespaceId, workflowId: "w" })];
  const outcomes = await Promise.all(
    [a, b].map((run, index) =>
      writeBatch(store.database.write[index] ?? firstWriter(store.database), {
        batchId: randomUUID(),
        units: [startUnit(run)],
        answered: [],
      }),
    ),
  );
  const winners = outcomes.flatMap((outcome, index) => outcome.won.map(() => index));
  expect(winners).toHaveLength(1);
  expect((await store.write(startUnit(makeRun({ namespaceId, workflowId: "w" })))).won).toEqual([]);
});

test("does not wait for an id that another transaction is just making", async () => {
  const [a, b] = [makeRun({ namespaceId, workflowId: "w" }), makeRun({ namespaceId, workflowId: "w" })];
  await store.database.transaction(async (tx) => {
    const first = await writeBatch(tx, { batchId: randomUUID(), units: [startUnit(a)], answered: [] });
    expect(first.won).toEqual([0]);
    expect((await store.write(startUnit(b))).won).toEqual([]);
  });
});

test("passes by a run that is locked, and writes it when it is free", async () => {
  const run = makeRun({ namespaceId });
  await store.write(startUnit(run));
  await store.database.transaction(async (tx) => {
    await lockWorkflow(tx, run);
    expect((await store.write(stepUnit(run, advance(run)))).won).toEqual([]);
    expect((await load(run, tx))?.run?.version).toBe(1);
  });
  expect((await store.write(stepUnit(run, advance(run)))).won).toEqual([0]);
});

test("starts nothing in a namespace that is being deleted, but lets its runs end", async () => {
  const run = makeRun({ namespaceId });
  await store.write(startUnit(run));
  await store.run("update namespaces set state = 2 where namespace_id = $1", [namespaceId]);
  const ended = advance(run, { status: WorkflowStatus.COMPLETED, closedAt: 7 });
  expect((await store.write(startUnit(makeRun({ namespaceId })), stepUnit(run, ended))).won).toEqual([1]);
});

test("fails a batch with bad values as a whole, with an error of its own kind", async () => {
  const [good, bad] = [makeRun({ namespaceId }), makeRun({ namespaceId, workflowType: "a\0b" })];
  await expect(store.write(startUnit(good), startUnit(bad))).rejects.toThrow(DataError);
  expect((await load(good))?.run).toBeUndefined();
  expect((await store.write(startUnit(good))).won).toEqual([0]);
});
