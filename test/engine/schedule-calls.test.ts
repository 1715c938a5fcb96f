import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OverlapPolicy, type ScheduleRun } from "../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Actor } from "../support/actor.js";
import { makeNamespace, reasonOf, type TestCluster, type TestServer } from "../support/engine.js";
import {
  finishRun,
  firePast,
  minute,
  minutely,
  openScheduleScene,
  type Scheduler,
  scheduler,
  workflow,
} from "../support/schedules.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let namespace: string;
let it: Actor;
let its: Scheduler;

beforeEach(async () => {
  ({ cluster, server: a, namespace, it, its } = await openScheduleScene());
});

afterEach(async () => {
  expect(a.faults).toEqual([]);
  await cluster.close();
});

const pass = (ms: number, server = a) => firePast(cluster, server, ms);
const finish = (run: ScheduleRun | undefined) => finishRun(it, run);

describe("changes", () => {
  test("an update replaces the definition at the revision that was read", async () => {
    const { revision } = await its.create("s", minutely);
    const hourly = { ...minutely, spec: { cron: ["@hourly"] } };
    const updated = await its.update("s", revision, hourly);
    expect(updated).toMatchObject({ revision: 2n, definition: { spec: { cron: ["@hourly"] } } });
    expect(Number(updated.nextFireTimes[0]?.seconds) % 3_600).toBe(0);
    expect(await reasonOf(its.update("s", revision, minutely))).toBe("REVISION_MISMATCH");
    expect((await its.get("s")).revision).toBe(2n);
  });

  test("a fire does not make the revision that was read an old one", async () => {
    const { revision } = await its.create("s", minutely);
    await pass(minute);
    expect(await its.update("s", revision, minutely)).toMatchObject({ revision: 2n, lastRuns: [{}] });
  });

  test("paused it fires only when triggered; resumed it fires from then on", async () => {
    await its.create("s", minutely);
    const paused = await its.pause("s", { note: "repairs" });
    expect(paused).toMatchObject({ definition: { isPaused: true, note: "repairs" }, nextFireTimes: [] });
    await pass(10 * minute);
    await a.upkeep.fireOverdueSchedules();
    expect(await its.runs()).toEqual([]);
    expect(await its.trigger("s")).toMatchObject({ status: WorkflowStatus.PENDING });
    const resumed = await its.resume("s");
    expect(resumed).toMatchObject({ definition: { isPaused: false, note: "repairs" }, missedCount: 0n });
    await pass(minute);
    expect(await its.get("s")).toMatchObject({ missedCount: 0n, skippedCount: 1n });
  });

  test("deleted it is gone, and its runs go on", async () => {
    await its.create("s", minutely);
    await pass(minute);
    const [run] = await its.runs();
    await its.delete("s");
    expect(await reasonOf(its.get("s"))).toBe("SCHEDULE_NOT_FOUND");
    await pass(minute);
    await finish(run);
    await until(
      "nothing is left to tell",
      async () => (await cluster.run("select * from messages")).length === 0,
    );
    await its.create("s", minutely);
    expect((await its.get("s")).lastRuns).toEqual([]);
  });

  test("made in the midst of fires, none is lost", async () => {
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.ALLOW_ALL });
    await Promise.all([
      ...Array.from({ length: 20 }, () => its.trigger("s")),
      ...Array.from({ length: 10 }, (_, index) => its.pause("s", { note: `${index}` })),
    ]);
    expect(await cluster.run("select count(*)::int as runs from runs")).toEqual([{ runs: 20 }]);
    expect((await its.get("s")).revision).toBe(11n);
  });
});

describe("a backfill", () => {
  const from = Date.parse("2026-01-01T00:00:00Z");

  test("fires for each time of a past range, once", async () => {
    await its.create("s", { ...minutely, isPaused: true });
    expect(await its.backfill("s", from, from + 5 * minute)).toBe(5);
    await pass(0);
    expect((await its.runs()).map(({ workflowId }) => workflowId.slice(-9))).toEqual([
      ...["00:04:00Z", "00:03:00Z", "00:02:00Z", "00:01:00Z", "00:00:00Z"],
    ]);
    await its.backfill("s", from, from + 6 * minute);
    await pass(0);
    expect(await its.get("s")).toMatchObject({ skippedCount: 5n });
    expect(await its.runs()).toHaveLength(6);
  });

  test("is gone on with by another server", async () => {
    await its.create("s", { ...minutely, isPaused: true });
    await its.backfill("s", from, from + 3 * minute);
    const b = await cluster.open();
    cluster.moveTime(600);
    for (let n = 0; n < 3; n++) await pass(0, b).then(() => b.upkeep.fireOverdueSchedules());
    expect(await its.runs()).toHaveLength(3);
  });

  test("is bounded", async () => {
    await its.create("s", minutely);
    expect(await reasonOf(its.backfill("s", from, from + 1_001 * minute))).toBe("CALL_LIMIT");
    expect(await reasonOf(its.backfill("s", from, from))).toBe("INVALID_FIELD");
  });
});

describe("a repeat by request id", () => {
  const from = Date.parse("2026-01-01T00:00:00Z");

  test("changes nothing, and answers as the first did", async () => {
    const created = await its.create("s", minutely, "r-1");
    expect(await its.create("s", minutely, "r-1")).toEqual(created);
    const run = await its.trigger("s", { requestId: "r-2" });
    expect(await its.trigger("s", { requestId: "r-2" })).toEqual(run);
    expect(await its.trigger("s", { requestId: "r-3" })).toBeUndefined();
    expect(await its.trigger("s", { requestId: "r-3" })).toBeUndefined();
    const paused = await its.pause("s", { requestId: "r-4", note: "n" });
    expect(await its.pause("s", { requestId: "r-4", note: "n" })).toEqual(paused);
    const resumed = await its.resume("s", { requestId: "r-5" });
    expect(await its.pause("s", { requestId: "r-4", note: "n" })).toEqual(resumed);
    expect(await its.backfill("s", from, from + minute, { requestId: "r-6" })).toBe(1);
    expect(await its.backfill("s", from, from + minute, { requestId: "r-6" })).toBe(1);
    await pass(0);
    const updated = await its.update("s", 3n, minutely, "r-7");
    expect(await its.update("s", 3n, minutely, "r-7")).toEqual(updated);
    expect(updated).toMatchObject({ revision: 4n, skippedCount: 1n });
    expect(updated.lastRuns).toHaveLength(2);
    await its.delete("s", "r-8");
    await its.delete("s", "r-8");
    expect(await reasonOf(its.delete("s", "r-9"))).toBe("SCHEDULE_NOT_FOUND");
    expect(await reasonOf(its.create("s", minutely, "r-1"))).toBe("SCHEDULE_NOT_FOUND");
  });

  test("at the same time does as little, on whichever server", async () => {
    const b = scheduler(await cluster.open(), namespace);
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.ALLOW_ALL });
    const calls = Array.from({ length: 6 }, (_, index) =>
      (index % 2 === 0 ? its : b).trigger("s", { requestId: "r" }),
    );
    const runs = await Promise.all(calls);
    expect(new Set(runs.map((run) => run?.runId)).size).toBe(1);
    const made = [its, b, its, b].map((one) => one.create("t", minutely, "r-t"));
    expect(new Set((await Promise.all(made)).map(({ revision }) => revision))).toEqual(new Set([1n]));
  });

  test("with another content is refused", async () => {
    await its.create("s", minutely, "r-1");
    expect(await reasonOf(its.create("t", minutely, "r-1"))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(its.trigger("s", { requestId: "r-1" }))).toBe("REQUEST_ID_REUSED");
    await its.pause("s", { requestId: "r-2" });
    expect(await reasonOf(its.resume("s", { requestId: "r-2" }))).toBe("REQUEST_ID_REUSED");
  });

  test("is known for a day", async () => {
    await its.create("s", minutely, "r-1");
    await cluster.run("update schedule_requests set made_at = made_at - 172800000000");
    expect(await reasonOf(its.create("s", minutely, "r-1"))).toBe("SCHEDULE_EXISTS");
    await its.pause("s", { requestId: "r-1" });
    expect(await reasonOf(its.resume("s", { requestId: "r-1" }))).toBe("REQUEST_ID_REUSED");
    await cluster.run("update schedule_requests set made_at = made_at - 172800000000");
    await a.upkeep.tidy();
    expect(await cluster.run("select * from schedule_requests")).toEqual([]);
  });
});

test("what is not there is refused by each call, and so is what is there already", async () => {
  await its.create("s", minutely);
  expect(await reasonOf(its.create("s", minutely))).toBe("SCHEDULE_EXISTS");
  const calls = [
    ...[its.get("t"), its.update("t", 1n, minutely), its.pause("t"), its.resume("t"), its.delete("t")],
    ...[its.trigger("t"), its.backfill("t", 0, minute)],
  ];
  const reasons = await Promise.all(calls.map(reasonOf));
  expect(new Set(reasons)).toEqual(new Set(["SCHEDULE_NOT_FOUND"]));
});

test("schedules of one namespace are invisible in another", async () => {
  await its.create("s", minutely);
  const elsewhere = scheduler(a, await makeNamespace(a));
  expect(await reasonOf(elsewhere.get("s"))).toBe("SCHEDULE_NOT_FOUND");
  expect((await elsewhere.list()).schedules).toEqual([]);
  await elsewhere.create("s", minutely);
  await elsewhere.delete("s");
  expect((await its.get("s")).revision).toBe(1n);
});

test("are listed by id, in pages that end early where definitions are large", async () => {
  for (const id of ["c", "a", "b"]) await its.create(id, minutely);
  await its.trigger("b");
  await its.pause("c");
  const first = await its.list(2);
  expect(first.schedules).toMatchObject([
    { scheduleId: "a", lastRuns: [] },
    { scheduleId: "b", lastRuns: [{}] },
  ]);
  expect(first.schedules[0]?.nextFireTimes).toHaveLength(1);
  const second = await its.list(2, first.nextPageToken);
  expect(second).toMatchObject({ schedules: [{ scheduleId: "c", nextFireTimes: [] }], nextPageToken: "" });
  expect(await reasonOf(its.list(2, "x"))).toBe("INVALID_PAGE_TOKEN");
  const input = { body: { case: "json" as const, value: JSON.stringify("x".repeat(1_900_000)) } };
  for (const id of ["d", "e", "f"]) await its.create(id, { ...minutely, workflow: { ...workflow, input } });
  const third = await its.list(100);
  expect(third.schedules.map(({ scheduleId }) => scheduleId)).toEqual(["a", "b", "c", "d", "e"]);
  const rest = await its.list(100, third.nextPageToken);
  expect(rest.schedules.map(({ scheduleId }) => scheduleId)).toEqual(["f"]);
});

test("a spec can be tried without storing it", async () => {
  const fromTime = { seconds: 1_767_225_600n };
  const times = await its.preview({
    spec: { cron: ["0 0 * * *"], timeZone: "Europe/Berlin" },
    fromTime,
    count: 2,
  });
  expect(times.map(({ seconds }) => seconds)).toEqual([1_767_308_400n, 1_767_394_800n]);
  expect(
    await its.preview({ spec: { intervals: [{ every: { seconds: 60n } }] }, fromTime, count: 1 }),
  ).toMatchObject([{ seconds: 1_767_225_600n }]);
  expect(await its.preview({ spec: { cron: ["@hourly"] } })).toHaveLength(10);
  expect(await reasonOf(its.preview({ spec: { cron: ["* * *"] } }))).toBe("INVALID_FIELD");
});
