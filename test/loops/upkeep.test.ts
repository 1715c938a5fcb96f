import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../src/engine/logger.js";
import { startLoops } from "../../src/loops/start-loops.js";
import {
  type Actor,
  actor,
  completeWorkflow,
  ms,
  scheduleActivity,
  scheduleTimer,
} from "../support/actor.js";
import {
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let server: TestServer;
let it: Actor;

beforeEach(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
  it = actor(server, await makeNamespace(server));
});

afterEach(async () => {
  expect(server.faults).toEqual([]);
  await cluster.close();
});

async function pass(milliseconds: number): Promise<void> {
  cluster.moveTime(milliseconds);
  await server.upkeep.wakeDueRuns();
}

test("fires a timer when it is due, and not before", async () => {
  await it.start("timer");
  const [task] = await it.poll();
  await it.complete(task, [scheduleTimer(1, 60)]);
  await pass(59_000);
  expect(kindsOf(await it.history("timer"))).not.toContain("timerFired");
  await pass(1_100);
  expect(kindsOf(await it.history("timer")).slice(-2)).toEqual(["timerFired", "workflowTaskScheduled"]);
  expect(await it.poll()).toHaveLength(1);
});

test("says how long it can wait for the next deadline, and calls when one comes earlier", async () => {
  let calls = 0;
  server.upkeep.onEarlierDeadline(() => calls++);
  await it.start("heap");
  const [task] = await it.poll();
  await it.complete(task, [scheduleTimer(1, 30)]);
  await pass(10_100);
  expect(await server.upkeep.wakeDueRuns()).toBeGreaterThan(18_000);
  expect(await server.upkeep.wakeDueRuns()).toBeLessThanOrEqual(20_000);
  const before = calls;
  await it.start("earlier");
  await it.poll();
  expect(calls).toBeGreaterThan(before);
});

test("gives a task out again whose lease has expired", async () => {
  await it.start("lease");
  const [task] = await it.poll();
  await pass(10_100);
  expect(errorOf(await it.complete(task, [completeWorkflow]))).toBe("STALE_LEASE");
  const [again] = await it.poll();
  expect(again?.workflowId).toBe("lease");
  expect(server.told.get("leaseExpired")?.last).toEqual(["workflow"]);
});

test("tries an activity again after its back-off, with its last failure", async () => {
  await it.start("backoff");
  const [task] = await it.poll();
  await it.complete(task, [scheduleActivity(1)]);
  const [first] = await it.pollActivities();
  expect(errorOf(await it.failActivity(first))).toBeUndefined();
  expect(await it.pollActivities({ wait: ms(0) })).toEqual([]);
  await pass(1_200);
  const [second] = await it.pollActivities();
  expect([second?.attempt, second?.lastFailure?.message]).toEqual([2, "broken"]);
});

test("times activities out, by start-to-close and by missing heartbeats", async () => {
  await it.start("timeouts");
  const [task] = await it.poll();
  await it.complete(task, [
    scheduleActivity(1, { startToCloseTimeout: ms(5_000), retryPolicy: { maximumAttempts: 1 } }),
    scheduleActivity(2, { heartbeatTimeout: ms(3_000), retryPolicy: { maximumAttempts: 1 } }),
  ]);
  const held = await it.pollActivities({ maxTasks: 2 });
  const beating = held.find(({ seq }) => seq === 2);
  cluster.moveTime(2_000);
  expect(errorOf(await it.beat(beating))).toBeUndefined();
  await pass(2_000);
  expect(kindsOf(await it.history("timeouts"))).not.toContain("activityTimedOut");
  await pass(1_500);
  const timedOut = (await it.history("timeouts")).flatMap(({ kind }) =>
    kind.case === "activityTimedOut" ? [kind.value.seq] : [],
  );
  expect(timedOut.sort()).toEqual([1, 2]);
  expect(errorOf(await it.beat(beating))).toBe("STALE_LEASE");
});

test("sends fewer than 5 statements a second while it is idle", async () => {
  const polls = Array.from({ length: 50 }, (_, n) => it.poll({ taskQueue: `q-${n}`, wait: ms(4_000) }));
  await until("polls wait", () => server.held().waitingPolls === 50);
  const stop = startLoops(server.upkeep, { slowPollMs: 5_000, rereadMs: 5_000 }, silentLogger);
  await until("the loops have begun", () => server.statements.includes("beat_server"));
  const before = server.statements.length;
  const began = Date.now();
  await Promise.all(polls);
  const perSecond = (server.statements.length - before) / ((Date.now() - began) / 1_000);
  await stop();
  expect(perSecond).toBeLessThan(5);
});

test("fires a timer within 100 ms while it is idle", async () => {
  const stop = startLoops(server.upkeep, { slowPollMs: 5_000, rereadMs: 5_000 }, silentLogger);
  await it.start("soon");
  const [task] = await it.poll();
  await it.complete(task, [scheduleTimer(1, 1)]);
  const [next] = await it.poll({ wait: ms(5_000) });
  const fired = next?.history.find(({ kind }) => kind.case === "timerFired");
  const scheduled = next?.history.find(({ kind }) => kind.case === "timerScheduled");
  const micros = (event: typeof fired) =>
    Number(event?.eventTime?.seconds ?? 0n) * 1_000 + (event?.eventTime?.nanos ?? 0) / 1_000_000;
  const late = micros(fired) - micros(scheduled) - 1_000;
  await stop();
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(100);
});

test("makes partitions and removes old rows of the ledger", async () => {
  await it.start("tidy");
  await cluster.run("update pawl.batches set created_at = created_at - 7200000000");
  await cluster.run("insert into pawl.batches (batch_id, created_at) values (gen_random_uuid(), 1)");
  await server.upkeep.tidy();
  expect(await cluster.run("select 1 from pawl.batches")).toEqual([]);
  const partitions = await cluster.run(
    "select 1 from pg_inherits where inhparent = 'pawl.history'::regclass",
  );
  expect(partitions.length).toBeGreaterThanOrEqual(5);
});

test("counts ready tasks for the metrics", async () => {
  await it.start("ready-1");
  await it.start("ready-2");
  await server.upkeep.flushWorkers();
  expect(server.told.get("readyTasks")).toMatchObject({ count: 2, last: ["activity", 0] });
});

test("wakes nothing twice, however often and early it looks", async () => {
  await it.start("often");
  const [task] = await it.poll();
  await it.complete(task, [scheduleTimer(1, 5)]);
  await pass(5_100);
  const length = (await it.history("often")).length;
  await Promise.all([
    server.upkeep.wakeDueRuns(),
    server.upkeep.wakeOverdueRuns(),
    server.upkeep.wakeDueRuns(),
  ]);
  expect(await it.history("often")).toHaveLength(length);
});
