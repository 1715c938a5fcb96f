import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import type { ScheduleState } from "../../src/core/schedules/schedule-state.js";
import { loadWorkflows } from "../../src/store/load.js";
import { lockSchedule } from "../../src/store/lock.js";
import {
  currentStatuses,
  dueSchedules,
  findScheduleRequest,
  listSchedules,
  loadSchedules,
  writeSchedule,
} from "../../src/store/schedules.js";
import { writeBatch, writeBatchStatements } from "../../src/store/write-batch.js";
import { makeEvent, makeRun } from "./support/runs.js";
import { fireUnit, makeSchedule } from "./support/schedules.js";
import { firstWriter, openTestStore, type TestStore } from "./support/store.js";

let store: TestStore;
let namespaceId: string;

beforeAll(async () => {
  store = await openTestStore();
});

beforeEach(async () => {
  namespaceId = await store.makeNamespace();
  await store.run("delete from schedules");
});

afterAll(() => store.close());

/** A schedule that is stored. */
async function stored(fields: Partial<ScheduleState> = {}): Promise<ScheduleState> {
  const after = makeSchedule({ namespaceId, ...fields });
  expect(await writeSchedule(store.database.read, { before: undefined, after, request: undefined })).toBe(
    true,
  );
  const loaded = await load(after);
  if (loaded === undefined) throw new Error("it is there");
  return loaded;
}

async function load(schedule: ScheduleState): Promise<ScheduleState | undefined> {
  return (await loadSchedules(store.database.read, [schedule])).schedules[0];
}

async function runOf(workflowId: string) {
  return (await loadWorkflows(store.database.read, [{ namespaceId, workflowId }])).workflows[0]?.run;
}

test("a schedule is loaded as it was stored, and is not if there is none", async () => {
  const made = makeSchedule({ namespaceId });
  const { progress, definition, nextFireAt, createdAt, updatedAt } = await stored(made);
  expect({ progress, definition, nextFireAt, createdAt, updatedAt }).toEqual({
    ...{ progress: made.progress, definition: made.definition, nextFireAt: 7, createdAt: 5, updatedAt: 6 },
  });
  const found = await loadSchedules(store.database.read, [
    { namespaceId, scheduleId: "none" },
    { namespaceId, scheduleId: "\0" },
  ]);
  expect(found).toEqual({ now: undefined, schedules: [undefined, undefined] });
});

test("a change is written if the schedule is as it was read, and nobody has it locked", async () => {
  const before = await stored();
  const write = (after: ScheduleState | undefined) =>
    writeSchedule(store.database.read, { before, after, request: undefined });
  await store.database.transaction(async (tx) => {
    await lockSchedule(tx, before);
    expect(await write(before)).toBe(false);
    expect(await write(undefined)).toBe(false);
  });
  expect(await write({ ...before, revision: 9, nextFireAt: undefined })).toBe(true);
  expect(await load(before)).toMatchObject({ version: 2, revision: 9, nextFireAt: undefined });
  expect(await write(before)).toBe(false);
  expect(await write(undefined)).toBe(false);
  const again = { before: undefined, after: before, request: undefined };
  expect(await writeSchedule(store.database.read, again)).toBe(false);
  const now = await load(before);
  expect(
    await writeSchedule(store.database.read, { before: now, after: undefined, request: undefined }),
  ).toBe(true);
  expect(await load(before)).toBeUndefined();
  const nothing = { before: undefined, after: undefined, request: undefined };
  expect(await writeSchedule(store.database.read, nothing)).toBe(true);
});

test("a request is remembered with the change that it made", async () => {
  const before = await stored();
  const request = { requestId: "r", contentHash: "h", answer: { fires: 3 }, madeAt: Date.now() * 1_000 };
  const find = () => findScheduleRequest(store.database.read, { namespaceId, requestId: "r" });
  const stale = { before: { ...before, version: 7 }, after: before, request };
  expect(await writeSchedule(store.database.read, stale)).toBe(false);
  expect(await find()).toBeUndefined();
  await writeSchedule(store.database.read, { before, after: before, request });
  expect(await find()).toEqual({ contentHash: "h", answer: { fires: 3 } });
});

test.each(["usual", "reversed"] as const)(
  "all rows of a fire are written or none, in %s order",
  async (order) => {
    const schedule = await stored();
    const write = (...units: Parameters<TestStore["write"]>) => {
      const batch = { batchId: randomUUID(), units, answered: [] };
      return writeBatch(firstWriter(store.database), batch, writeBatchStatements[order]);
    };
    const lastResult = create(PayloadSchema, { body: { case: "json", value: "1" } });
    const first = fireUnit(schedule, "w-1", { lastResult, nextFireAt: 9 });
    expect(
      (
        await write({
          ...first,
          schedule: first.schedule && { ...first.schedule, before: { ...schedule, version: 5 } },
        })
      ).won,
    ).toEqual([]);
    expect(await runOf("w-1")).toBeUndefined();
    const request = { requestId: "r", contentHash: "h", answer: null, madeAt: Date.now() * 1_000 };
    expect(
      (await write({ ...first, schedule: first.schedule && { ...first.schedule, request } })).won,
    ).toEqual([0]);
    expect(await load(schedule)).toMatchObject({ version: 2, nextFireAt: 9, lastResult });
    expect(await runOf("w-1")).toBeDefined();
    expect(await findScheduleRequest(store.database.read, { namespaceId, requestId: "r" })).toBeDefined();
    const now = (await load(schedule)) ?? schedule;
    // Its workflow id was used: then the schedule does not change either.
    expect((await write(fireUnit(now, "w-1"))).won).toEqual([]);
    expect((await load(schedule))?.version).toBe(2);
    await store.database.transaction(async (tx) => {
      await lockSchedule(tx, now);
      expect((await write(fireUnit(now, "w-2"))).won).toEqual([]);
    });
    expect((await write(fireUnit(now, "w-2", { nextFireAt: undefined }))).won).toEqual([0]);
    expect(await load(schedule)).toMatchObject({ version: 3, nextFireAt: undefined, lastResult });
  },
);

test("what is due is found in the order of time, with the time of what is due next", async () => {
  const at = [30, 10, 20, undefined, 40];
  for (const [index, nextFireAt] of at.entries()) await stored({ scheduleId: `s-${index}`, nextFireAt });
  const due = async (by: number, limit: number) => {
    const { schedules, nextAt } = await dueSchedules(store.database.read, { by, limit });
    return [schedules.map(({ scheduleId }) => scheduleId), nextAt];
  };
  expect(await due(25, 9)).toEqual([["s-1", "s-2"], 30]);
  expect(await due(25, 1)).toEqual([["s-1"], 30]);
  expect(await due(5, 9)).toEqual([[], 10]);
  expect(await due(50, 9)).toEqual([["s-1", "s-2", "s-0", "s-4"], undefined]);
});

test("are listed by id, at least one however large, and no more than fit", async () => {
  for (const scheduleId of ["b", "a", "c"]) await stored({ scheduleId });
  const list = async (after: string, limit: number, maxBytes: number) => {
    const { schedules, hasMore } = await listSchedules(store.database.read, {
      namespaceId,
      after,
      limit,
      maxBytes,
    });
    return [schedules.map(({ scheduleId }) => scheduleId), hasMore];
  };
  expect(await list("", 9, 1_000_000)).toEqual([["a", "b", "c"], false]);
  expect(await list("", 2, 1_000_000)).toEqual([["a", "b"], true]);
  expect(await list("a", 2, 1_000_000)).toEqual([["b", "c"], false]);
  expect(await list("", 9, 10)).toEqual([["a"], true]);
  expect(await list("c", 9, 10)).toEqual([[], false]);
});

test("tells where runs stand, of those that are there", async () => {
  const run = makeRun({ namespaceId, workflowId: "w" });
  await store.write({
    ...{ namespaceId, workflowId: "w", messages: [], delivered: [] },
    pointer: { expected: undefined, next: { runId: run.runId, startRequestId: "", requestHash: "" } },
    runs: [{ before: undefined, after: run, events: [makeEvent(1)] }],
  });
  expect(await currentStatuses(store.database.read, namespaceId, ["w", "none"])).toEqual(
    new Map([["w", run.status]]),
  );
  expect(await currentStatuses(store.database.read, namespaceId, [])).toEqual(new Map());
});
