import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunState } from "../../src/core/run-state.js";
import { openShapes } from "../../src/store/batch-shapes.js";
import { loadedKeys, loadWorkflows } from "../../src/store/load.js";
import { readyTasks } from "../../src/store/ready-task.js";
import { loadSchedules, writeSchedule } from "../../src/store/schedules.js";
import type { Unit } from "../../src/store/unit.js";
import { writeBatch } from "../../src/store/write-batch.js";
import { arbitraryRunLife } from "./support/arbitrary-runs.js";
import { arbitraryScheduleLife, type ScheduleLifeStep } from "./support/arbitrary-schedules.js";
import { makeEvent, makeKey, makeRun, noMessages, startUnit, stepUnit } from "./support/runs.js";
import { firstWriter, openTestStore, type TestStore } from "./support/store.js";

let usual: TestStore;
let reversed: TestStore;
let full: TestStore;

beforeAll(async () => {
  [usual, reversed, full] = await Promise.all([openTestStore(), openTestStore(), openTestStore()]);
});

afterAll(() => Promise.all([usual.close(), reversed.close(), full.close()]));

const manyShapes = { mostStatements: 100, timesAsked: 1 };
const ways = {
  usual: openShapes("usual", manyShapes),
  reversed: openShapes("reversed", manyShapes),
  full: openShapes("usual", { mostStatements: 1, timesAsked: 1 }),
};

const stores = () => [
  { store: usual, choose: ways.usual },
  { store: reversed, choose: ways.reversed },
  { store: full, choose: ways.full },
];

/** Writes to all databases: with the parts of the statement in one order and in the other, left out where they have no rows or all there. */
async function writeAll(units: readonly Unit[]): Promise<number[][]> {
  return Promise.all(
    stores().map(async ({ store, choose }) => {
      const batch = { batchId: randomUUID(), units, answered: [] };
      const { won } = await writeBatch(firstWriter(store.database), batch, choose);
      return won.sort((a, b) => a - b);
    }),
  );
}

const tables = [
  "workflow_ids",
  "runs",
  "history",
  "activities",
  "timers",
  "buffered_events",
  "run_keys",
  "wakeups",
  "ready_tasks",
  "schedules",
  "schedule_requests",
  "messages",
];

async function dump(store: TestStore): Promise<unknown> {
  const entries = await Promise.all(
    tables.map(async (table) => [table, await store.run(`select t::text as row from ${table} t order by 1`)]),
  );
  const counts = "select namespace_id, status, sum(n) from run_counts group by 1, 2 order by 1, 2";
  return { ...Object.fromEntries(entries), run_counts: await store.run(counts) };
}

async function expectSame(): Promise<void> {
  const expected = await dump(usual);
  for (const store of [reversed, full]) expect(await dump(store)).toEqual(expected);
}

function byId(run: RunState): unknown {
  return { ...run, keys: new Map([...run.keys].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

test("loads any state as it was written, and gives the same by any statement for it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryRunLife, { minLength: 1, maxLength: 4 }), async (generated) => {
      const namespaceId = randomUUID();
      for (const { store } of stores()) {
        await store.run("insert into namespaces (namespace_id, name) values ($1::uuid, $2)", [
          namespaceId,
          namespaceId,
        ]);
      }
      const lives = generated.map((life) => {
        const [runId, suffix] = [randomUUID(), randomUUID()];
        return life.map((state) => ({
          ...state,
          runId,
          namespaceId,
          workflowId: `${state.workflowId}${suffix}`,
        }));
      });
      const longest = Math.max(...lives.map((life) => life.length));
      for (let step = 0; step < longest; step++) {
        const units = lives.flatMap((life): Unit[] => {
          const [before, after] = [life[step - 1], life[step]];
          if (after === undefined) return [];
          return [before === undefined ? startUnit(after) : stepUnit(before, after, [makeEvent(step + 1)])];
        });
        const everything = units.map((_, index) => index);
        expect(await writeAll(units)).toEqual([everything, everything, everything]);
        const now = lives.flatMap((life) => life[step] ?? []);
        for (const { store } of stores()) await expectStored(store, now);
      }
    }),
    { numRuns: 60 },
  );
  await expectSame();
}, 120_000);

/** A schedule's step as it comes to the database: what its batch writes, and whether that is written. */
interface ScheduleStep {
  readonly unit: Unit;
  readonly wins: boolean;
}

test("loads any schedule as it was written, with the runs that it starts, and gives the same by any statement for it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitraryScheduleLife, { minLength: 1, maxLength: 4 }), async (generated) => {
      const namespaceId = randomUUID();
      for (const { store } of stores()) {
        await store.run("insert into namespaces (namespace_id, name) values ($1::uuid, $2)", [
          namespaceId,
          namespaceId,
        ]);
      }
      const lives = generated.map((life, index) =>
        life.map(({ change, state }) => ({
          change,
          state: { ...state, namespaceId, namespace: namespaceId, scheduleId: `${state.scheduleId}${index}` },
        })),
      );
      const longest = Math.max(...lives.map((life) => life.length));
      for (let step = 0; step < longest; step++) {
        for (const life of lives) await writeCalled(life, step);
        const steps = lives.flatMap((life) => scheduleStep(life, step) ?? []);
        const won = steps.flatMap(({ wins }, index) => (wins ? [index] : []));
        expect(await writeAll(steps.map(({ unit }) => unit))).toEqual([won, won, won]);
        const now = lives.flatMap((life) => life[step]?.state ?? []);
        for (const { store } of stores()) {
          const { schedules } = await loadSchedules(store.database.read, now);
          expect(schedules).toStrictEqual(now);
        }
      }
    }),
    { numRuns: 40 },
  );
  await expectSame();
}, 120_000);

/** Writes the step if a call makes it. */
async function writeCalled(life: readonly ScheduleLifeStep[], step: number): Promise<void> {
  const [before, next] = [life[step - 1]?.state, life[step]];
  if (next?.change !== "called") return;
  for (const { store } of stores())
    expect(await writeSchedule(store.database.read, { before, after: next.state, request: undefined })).toBe(
      true,
    );
}

/** The step if a batch makes it, or tries to. */
function scheduleStep(life: readonly ScheduleLifeStep[], step: number): ScheduleStep | undefined {
  const [before, next] = [life[step - 1]?.state, life[step]];
  if (before === undefined || next === undefined || next.change === "called") return undefined;
  const { namespaceId, scheduleId } = before;
  const run = makeRun({ namespaceId, workflowId: `${scheduleId}-${step}` });
  const request = { requestId: `${scheduleId}-${step}`, contentHash: "h", answer: { step }, madeAt: step };
  const nothing: Unit = { namespaceId, workflowId: "", pointer: undefined, runs: [], ...noMessages };
  const unit = next.change === "goesOn" ? nothing : startUnit(run);
  if (next.change === "loses") {
    // It has read a state that is no more.
    const stale = { ...before, version: before.version - 1 };
    return {
      unit: { ...unit, schedule: { before: stale, after: { ...before, nextFireAt: 1 }, request } },
      wins: false,
    };
  }
  return { unit: { ...unit, schedule: { before, after: next.state, request } }, wins: true };
}

async function expectStored(store: TestStore, states: readonly RunState[]): Promise<void> {
  const asks = states.map(({ namespaceId, workflowId }) => ({ namespaceId, workflowId }));
  const { workflows } = await loadWorkflows(store.database.read, asks);
  expect(workflows.map(({ run }) => run && byId(run))).toStrictEqual(states.map(byId));
  const rows = await store.run<{ seq: number }>(
    `select namespace_id as "namespaceId", kind, task_queue as "taskQueue", type, priority, position,
      run_id as "runId", seq, workflow_id as "workflowId"
    from ready_tasks where run_id = any($1::uuid[]) order by run_id, seq`,
    [states.map((state) => state.runId)],
  );
  const expected = states
    .flatMap(readyTasks)
    .sort((a, b) => (a.runId === b.runId ? a.seq - b.seq : a.runId < b.runId ? -1 : 1));
  expect(rows).toEqual(expected);
}

test("closes a run and begins the next in one unit, the same by any statement for it", async () => {
  const namespaceId = randomUUID();
  for (const { store } of stores()) {
    await store.run("insert into namespaces (namespace_id, name) values ($1::uuid, $2)", [
      namespaceId,
      namespaceId,
    ]);
  }
  const old = makeRun({ namespaceId });
  expect(await writeAll([startUnit(old)])).toEqual([[0], [0], [0]]);
  const next = makeRun({ namespaceId, workflowId: old.workflowId });
  const close = {
    before: old,
    after: { ...old, version: 2, status: 8, closedAt: 9 },
    events: [makeEvent(2)],
  };
  expect(await writeAll([startUnit(next, old.runId, [close])])).toEqual([[0], [0], [0]]);
  await expectSame();
});

test("loads the newest keys of a run, those of buffered events, and those that are asked for", async () => {
  const namespaceId = await usual.makeNamespace();
  const stored = Array.from({ length: loadedKeys + 5 }, (_, n) => makeKey({ key: `k:${n}`, eventId: n + 1 }));
  const waiting = Array.from({ length: loadedKeys + 5 }, (_, n) => makeKey({ key: `b:${n}`, eventId: 0 }));
  const keys = [...stored, ...waiting];
  const run = makeRun({
    namespaceId,
    keys: new Map(keys.map((key) => [`signal:${key.key}`, key])),
  });
  await usual.write(startUnit(run));
  const { workflowId } = run;
  const ask = { namespaceId, workflowId, keys: ["signal:k:1", "signal:k:2", "signal:none", "signal:\0"] };
  const { workflows } = await loadWorkflows(usual.database.read, [ask, { namespaceId, workflowId }]);
  const [asked, plain] = workflows.map((workflow) => workflow.run);
  expect(plain?.hasAllKeys).toBe(false);
  expect(plain?.keys.size).toBe(2 * loadedKeys + 5);
  expect(plain?.keys.has("signal:b:0")).toBe(true);
  expect(plain?.keys.has("signal:k:5")).toBe(true);
  expect(plain?.keys.has("signal:k:4")).toBe(false);
  expect(asked?.keys.size).toBe(2 * loadedKeys + 7);
  expect(asked?.keys.get("signal:k:2")).toEqual(keys[2]);
});

test("finds nothing for ids that no workflow can have", async () => {
  const namespaceId = await usual.makeNamespace();
  const asks = [
    { namespaceId, workflowId: "a\0b" },
    { namespaceId, workflowId: "none", runId: "no uuid" },
  ];
  const { workflows } = await loadWorkflows(usual.database.read, asks);
  expect(workflows).toEqual(
    asks.map(({ workflowId }) => ({ namespaceId, workflowId, pointer: undefined, run: undefined })),
  );
});
