import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ClaimAsk, claimTasks, unclaimTasks, whichQueuesAreReady } from "../../src/store/claim.js";
import { openLowWater } from "../../src/store/low-water.js";
import type { Statement } from "../../src/store/statement.js";
import { advance, makeActivity, makeRun, makeTask, startUnit, stepUnit } from "./support/runs.js";
import { openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let namespaceId: string;

beforeAll(async () => {
  store = await openTestStore();
});

beforeEach(async () => {
  namespaceId = await store.makeNamespace();
});

afterAll(() => store.close());

const claim = (...asks: Partial<ClaimAsk>[]) =>
  claimTasks(
    store.database.read,
    asks.map((ask) => ({ namespaceId, kind: "activity", taskQueue: "orders", types: [], limit: 10, ...ask })),
  );

/** Starts a run with an activity for each entry: its type, priority and place in the queue. */
async function makeReady(...entries: [type: string, priority: number, position: number][]) {
  const activities = entries.map(([activityType, priority, readyPosition], index) =>
    makeActivity({ seq: index + 1, activityType, priority, readyPosition }),
  );
  const run = makeRun({
    namespaceId,
    activities: new Map(activities.map((activity) => [activity.seq, activity])),
  });
  await store.write(startUnit(run));
  return run;
}

const places = (tasks: { type: string; priority: number; position: number }[]) =>
  tasks.map(({ type, priority, position }) => `${type}:${priority}:${position}`);

test("claims by priority and then by position, over all types", async () => {
  await makeReady(["b", 3, 1], ["a", 3, 2], ["c", 1, 9], ["a", 5, 0], ["b", 3, 4]);
  expect(places(await claim({ limit: 4 }))).toEqual(["c:1:9", "b:3:1", "a:3:2", "b:3:4"]);
  expect(places(await claim({}))).toEqual(["a:5:0"]);
  expect(await claim({})).toEqual([]);
});

test("claims only the types that are asked for, and only of the queue", async () => {
  await makeReady(["a", 3, 1], ["b", 3, 2], ["c", 3, 3]);
  expect(await claim({ taskQueue: "other" }, { kind: "workflow" })).toEqual([]);
  expect(places(await claim({ types: ["c", "a", "none"] }))).toEqual(["a:3:1", "c:3:3"]);
  expect(places(await claim({ types: ["b"] }))).toEqual(["b:3:2"]);
});

test("gives a task that fits several asks of a call to one of them", async () => {
  await makeReady(["a", 3, 1], ["b", 3, 2]);
  const tasks = await claim({ types: ["a"] }, {}, { types: ["b"] });
  expect(places(tasks).sort()).toEqual(["a:3:1", "b:3:2"]);
});

test("gives a task to one of many who claim at once", async () => {
  const entries = Array.from({ length: 40 }, (_, index): [string, number, number] => ["a", 3, index]);
  await makeReady(...entries);
  const claims = await Promise.all(
    [store.database.read, ...store.database.write].map((connection) =>
      claimTasks(connection, [{ namespaceId, kind: "activity", taskQueue: "orders", types: [], limit: 15 }]),
    ),
  );
  const seqs = claims.flat().map((task) => task.seq);
  expect(new Set(seqs).size).toBe(seqs.length);
});

test("passes by rows that another claim holds, and leaves those it does not want to others", async () => {
  await makeReady(["a", 3, 1], ["a", 3, 2], ["a", 3, 3]);
  await store.database.transaction(async (tx) => {
    const held = await claimTasks(tx, [
      { namespaceId, kind: "activity", taskQueue: "orders", types: [], limit: 1 },
    ]);
    expect(places(held)).toEqual(["a:3:1"]);
    expect(places(await claim({ limit: 1 }))).toEqual(["a:3:2"]);
  });
  expect(places(await claim({}))).toEqual(["a:3:3"]);
});

test("offers what is given back, or was claimed and not started in time", async () => {
  await makeReady(["a", 3, 1], ["b", 3, 2]);
  const [first] = await claim({});
  if (first === undefined) throw new Error("nothing was claimed");
  await unclaimTasks(store.database.read, [first]);
  expect(places(await claim({}))).toEqual(["a:3:1"]);
  await store.run("update ready_tasks set claimed_until = claimed_until - 5000000 where namespace_id = $1", [
    namespaceId,
  ]);
  expect(places(await claim({}))).toEqual(["a:3:1", "b:3:2"]);
});

test("does not offer a task once its start was written", async () => {
  const run = makeRun({ namespaceId, workflowTask: makeTask({ readyPosition: 3 }) });
  await store.write(startUnit(run));
  await store.write(stepUnit(run, advance(run, { workflowTask: undefined })));
  expect(await claim({ kind: "workflow" })).toEqual([]);
});

test("tells which queues have a task that nobody has claimed", async () => {
  await makeReady(["a", 3, 1]);
  const queues = [
    { namespaceId, kind: "workflow", taskQueue: "orders" },
    { namespaceId, kind: "activity", taskQueue: "orders" },
    { namespaceId: randomUUID(), kind: "activity", taskQueue: "orders" },
  ] as const;
  expect(await whichQueuesAreReady(store.database.read, queues)).toEqual([1]);
  await claim({});
  expect(await whichQueuesAreReady(store.database.read, queues)).toEqual([]);
});

test("reads few pages although many rows before the first were deleted and none is vacuumed", async () => {
  await store.run("alter table ready_tasks set (autovacuum_enabled = off)");
  await store.run(
    `insert into ready_tasks (namespace_id, kind, task_queue, type, priority, position, run_id, seq, workflow_id)
    select $1, 2, 'orders', 'a', 3, n, gen_random_uuid(), 1, 'w' from generate_series(1, 20000) n`,
    [namespaceId],
  );
  let steady = 0;
  const lowWater = openLowWater({ steadyNow: () => steady });
  // A reader from before keeps the deleted rows from being forgotten by indexes.
  await store.database.transaction(async (tx) => {
    await tx.query({ name: "snapshot", text: "set transaction isolation level repeatable read" }, []);
    await tx.query({ name: "look", text: "select 1 from ready_tasks limit 1" }, []);
    await store.run("delete from ready_tasks where namespace_id = $1 and position < 19990", [namespaceId]);
    expect(await pagesRead(() => claim({ limit: 2, lowWater }))).toBeGreaterThan(300);
    expect(await pagesRead(() => claim({ limit: 2, lowWater }))).toBeLessThan(150);
    expect(places(await claim({ lowWater }))).toHaveLength(7);
    await store.run(
      `insert into ready_tasks (namespace_id, kind, task_queue, type, priority, position, run_id, seq, workflow_id)
      values ($1, 2, 'orders', 'late', 3, 1, gen_random_uuid(), 1, 'w'), ($1, 2, 'orders', 'a', 3, 1, gen_random_uuid(), 1, 'w')`,
      [namespaceId],
    );
    expect(places(await claim({ lowWater }))).toEqual(["late:3:1"]);
    steady += 3_000;
    expect(places(await claim({ lowWater }))).toEqual(["a:3:1"]);
  });
});

const pagesStatement: Statement = {
  name: "pages",
  text: `select pg_stat_force_next_flush(), 1 as one`,
};

/** How many pages of ready_tasks, its index included, were read meanwhile. */
async function pagesRead(work: () => Promise<unknown>): Promise<number> {
  const before = await countPages();
  await work();
  return (await countPages()) - before;
}

async function countPages(): Promise<number> {
  await store.database.read.query(pagesStatement, []);
  const [row] = await store.run<{ pages: number }>(
    `select heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit as pages
    from pg_statio_user_tables where relname = 'ready_tasks'`,
  );
  return Number(row?.pages);
}

test("never lets a mark pass what may still become visible", () => {
  const second = 1_000_000;
  let oldest: number | undefined;
  const lowWater = openLowWater({ steadyNow: () => 0, oldestBatchAt: () => oldest });
  const positionOf = () => lowWater.scope(["a"]).heads.find((head) => head.priority === 3)?.position;
  const learn = (
    now: number,
    tasks: { type: string; priority: number; position: number }[],
    isDrained = true,
  ) => lowWater.learn({ scope: lowWater.scope(["a"]), tasks, isDrained, now });
  expect(positionOf()).toBe(0);
  learn(100 * second, []);
  expect(positionOf()).toBe(98 * second);
  learn(200 * second, [{ type: "a", priority: 3, position: 150 * second }]);
  expect(positionOf()).toBe(150 * second);
  learn(300 * second, [{ type: "a", priority: 1, position: 160 * second }], false);
  expect(positionOf()).toBe(150 * second);
  oldest = 170 * second;
  learn(400 * second, []);
  expect(positionOf()).toBe(170 * second);
  lowWater.forget();
  expect(positionOf()).toBe(0);
});
