import { afterEach, beforeEach, expect, test } from "vitest";
import { TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { WorkerStatus } from "../../gen/pawl/v1/worker_pb.js";
import { openClock } from "../../src/engine/clock.js";
import { openListening } from "../../src/engine/listening.js";
import { type Actor, actor, completeWorkflow, ms, scheduleActivity } from "../support/actor.js";
import {
  errorOf,
  kindsOf,
  makeNamespace,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { openScene } from "../support/scene.js";

let cluster: TestCluster;
let a: TestServer;
let it: Actor;

beforeEach(async () => {
  ({ cluster, server: a, it } = await openScene());
});

afterEach(async () => {
  expect(a.faults).toEqual([]);
  await cluster.close();
});

async function statusOf(workerId: string): Promise<string | undefined> {
  const { workers } = await it.workers();
  const worker = workers.find(({ spec }) => spec?.workerId === workerId);
  return worker && WorkerStatus[worker.status];
}

test("lists workers by id, in pages, with what they told and what they hold", async () => {
  for (const id of ["c", "a", "b", "d"])
    await it.register(id, { identity: `4711@${id}`, taskQueues: ["orders", id] });
  await it.beatWorker("b", { workflowTasks: 2, activityTasks: 3 });
  const first = await it.workers({ pageSize: 3 });
  expect(first.workers.map(({ spec }) => spec?.workerId)).toEqual(["a", "b", "c"]);
  expect(first.workers[1]).toMatchObject({
    spec: { identity: "4711@b", taskQueues: ["orders", "b"] },
    status: WorkerStatus.ALIVE,
    workflowTasks: 2,
    activityTasks: 3,
  });
  const second = await it.workers({ pageSize: 3, pageToken: first.nextPageToken });
  expect(second.workers.map(({ spec }) => spec?.workerId)).toEqual(["d"]);
  expect(second.nextPageToken).toBe("");
  const exact = await it.workers({ pageSize: 4 });
  expect([exact.workers.length, exact.nextPageToken]).toEqual([4, ""]);
});

test("lists the workers of one queue", async () => {
  await it.register("both", { taskQueues: ["orders", "mails"] });
  await it.register("mails", { taskQueues: ["mails"] });
  await it.register("none");
  const polling = async (taskQueue: string) =>
    (await it.workers({ taskQueue })).workers.map(({ spec }) => spec?.workerId);
  expect(await polling("orders")).toEqual(["both"]);
  expect(await polling("mails")).toEqual(["both", "mails"]);
  expect(await polling("nothing")).toEqual([]);
  expect(await polling("")).toEqual(["both", "mails", "none"]);
  await it.register("both", { taskQueues: ["mails"] });
  expect(await polling("orders")).toEqual([]);
});

test("shows no workers of another namespace, and knows none of an unknown one", async () => {
  await it.register("mine");
  const other = actor(a, await makeNamespace(a));
  expect((await other.workers()).workers).toEqual([]);
  expect(await reasonOf(it.workers({ namespace: "nowhere" }))).toBe("NAMESPACE_NOT_FOUND");
});

test("refuses the page token of another query", async () => {
  for (const id of ["a", "b"]) await it.register(id, { taskQueues: ["orders"] });
  const { nextPageToken: pageToken } = await it.workers({ pageSize: 1 });
  const other = actor(a, await makeNamespace(a));
  const asks = [
    () => it.workers({ taskQueue: "orders", pageToken }),
    () => other.workers({ pageToken }),
    () => it.workers({ pageToken: "nope" }),
    () => it.workers({ pageToken: forged(pageToken, "a\0") }),
    () => it.workers({ pageToken: forged(pageToken, 7) }),
  ];
  for (const ask of asks) expect(await reasonOf(ask())).toBe("INVALID_PAGE_TOKEN");
});

/** The token with another position. */
function forged(pageToken: string, position: unknown): string {
  const [query] = JSON.parse(Buffer.from(pageToken, "base64url").toString());
  return Buffer.from(JSON.stringify([query, position])).toString("base64url");
}

test("shows a worker alive, draining, and dead once it was silent for 90 s", async () => {
  await it.register("w");
  expect(await statusOf("w")).toBe("ALIVE");
  cluster.moveTime(80_000);
  await it.beatWorker("w");
  cluster.moveTime(80_000);
  expect(await statusOf("w")).toBe("ALIVE");
  cluster.moveTime(11_000);
  expect(await statusOf("w")).toBe("DEAD");
  await it.beatWorker("w");
  expect(await statusOf("w")).toBe("ALIVE");
  await it.drain("w");
  expect(await statusOf("w")).toBe("DRAINING");
  cluster.moveTime(91_000);
  expect(await statusOf("w")).toBe("DEAD");
});

test("takes a poll for a sign of life, which leaves what the worker said it holds", async () => {
  await it.register("w");
  await it.beatWorker("w", { workflowTasks: 1, activityTasks: 1 });
  await a.upkeep.flushWorkers();
  cluster.moveTime(80_000);
  expect(await it.poll({ workerId: "w", wait: ms(0) })).toEqual([]);
  cluster.moveTime(80_000);
  const { workers } = await it.workers();
  expect(workers).toMatchObject([{ status: WorkerStatus.ALIVE, workflowTasks: 1, activityTasks: 1 }]);
});

/** Passes until there is nothing to do at once. */
async function release(server = a): Promise<void> {
  for (let pass = 0; pass < 20; pass++) if ((await server.upkeep.releaseDeadWorkers()) > 0) return;
  throw new Error("the pass never comes to rest");
}

/** Starts a run with an activity that a worker takes, and which may run for 300 s. */
async function holdActivity(workerId: string, workflowId: string, maximumAttempts = 3) {
  await it.start(workflowId);
  const [task] = await it.poll();
  await it.complete(task, [scheduleActivity(1, { retryPolicy: { maximumAttempts } })]);
  const [activity] = await it.pollActivities({ workerId });
  return activity;
}

test("gives an activity out again whose worker was silent for 90 s, long before its start-to-close", async () => {
  await it.register("w");
  const held = await holdActivity("w", "retried");
  cluster.moveTime(89_000);
  await release();
  expect(errorOf(await it.beat(held))).toBeUndefined();
  const other = await holdActivity("w", "other");
  cluster.moveTime(91_000);
  await release();
  for (const lost of [held, other]) expect(errorOf(await it.completeActivity(lost))).toBe("STALE_LEASE");
  expect(a.told.get("leaseExpired")).toMatchObject({ count: 2, last: ["activity"] });
  cluster.moveTime(2_000);
  await a.upkeep.wakeDueRuns();
  const again = [...(await it.pollActivities({ maxTasks: 5 }))];
  while (again.length < 2) again.push(...(await it.pollActivities({ maxTasks: 5 })));
  expect(again.map(({ workflowId }) => workflowId).sort()).toEqual(["other", "retried"]);
  for (const { attempt, lastFailure } of again) {
    expect(attempt).toBe(2);
    expect(lastFailure?.kind).toMatchObject({ case: "timeout", value: { kind: TimeoutKind.HEARTBEAT } });
    expect(lastFailure?.message).toContain("declared dead");
  }
});

test("times out an activity of a dead worker that has no attempt left", async () => {
  await it.register("w");
  await holdActivity("w", "last", 1);
  cluster.moveTime(91_000);
  await release();
  const ended = (await it.history("last")).flatMap(({ kind }) =>
    kind.case === "activityTimedOut" ? [kind.value] : [],
  );
  expect(ended).toMatchObject([{ seq: 1, kind: TimeoutKind.HEARTBEAT, attempts: 1 }]);
  expect(await it.poll()).toHaveLength(1);
});

test("gives a workflow task out again whose worker was silent for 90 s, however long its lease", async () => {
  await it.register("w");
  for (const workflowId of ["renewed", "dead"])
    await it.start(workflowId, { spec: { workflowTaskTimeout: ms(1_800_000) } });
  const tasks = await it.poll({ workerId: "w", maxTasks: 2 });
  const renewed = tasks.find(({ workflowId }) => workflowId === "renewed");
  cluster.moveTime(60_000);
  expect(errorOf(await it.renew(renewed))).toBeUndefined();
  cluster.moveTime(31_000);
  await release();
  expect(kindsOf(await it.history("dead")).slice(-1)).toEqual(["workflowTaskTimedOut"]);
  expect((await it.poll()).map(({ workflowId }) => workflowId)).toEqual(["dead"]);
  expect(errorOf(await it.complete(renewed, [completeWorkflow]))).toBeUndefined();
});

test("leaves to a worker what it takes after it has come back, and to others what is theirs", async () => {
  for (const id of ["w", "alive"]) await it.register(id);
  const lost = await holdActivity("w", "lost");
  const anonymous = await holdActivity("", "anonymous");
  const foreign = actor(a, await makeNamespace(a));
  await foreign.register("w");
  await foreign.start("foreign", { spec: { workflowTaskTimeout: ms(1_800_000) } });
  const [kept] = await foreign.poll({ workerId: "w" });
  cluster.moveTime(89_000);
  await foreign.beatWorker("w");
  await it.beatWorker("alive");
  await a.upkeep.flushWorkers();
  cluster.moveTime(2_000);
  await release();
  const fresh = await holdActivity("w", "fresh");
  const alive = await holdActivity("alive", "alive");
  await release();
  expect(errorOf(await it.completeActivity(lost))).toBe("STALE_LEASE");
  for (const task of [fresh, alive, anonymous])
    expect(errorOf(await it.completeActivity(task))).toBeUndefined();
  expect(errorOf(await foreign.complete(kept, [completeWorkflow]))).toBeUndefined();
});

test("looks for the tasks of a dead worker until it finds none, and again once it was heard of", async () => {
  const looks = () => a.statements.filter((name) => name === "find_held_runs").length;
  await it.register("w");
  await release();
  expect(looks()).toBe(0);
  await holdActivity("w", "one");
  await a.upkeep.flushWorkers();
  cluster.moveTime(91_000);
  await release();
  await release();
  const before = looks();
  expect(before).toBe(2);
  await release();
  expect(looks()).toBe(before);
  await it.beatWorker("w");
  await a.upkeep.flushWorkers();
  cluster.moveTime(91_000);
  await release();
  expect(looks()).toBe(before + 1);
});

test("takes back what a dead worker held in more runs than one pass looks at", async () => {
  await it.register("w");
  const count = 1_200;
  for (let n = 0; n < count; n += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, m) =>
        it.start(`many-${n + m}`, { spec: { workflowTaskTimeout: ms(600_000) } }),
      ),
    );
  for (let taken = 0; taken < count; ) taken += (await it.poll({ workerId: "w", maxTasks: 100 })).length;
  await a.upkeep.flushWorkers();
  cluster.moveTime(91_000);
  await release();
  expect(a.told.get("leaseExpired")).toMatchObject({ count, last: ["workflow"] });
});

test("calls no worker silent that a server which has just come up could not have heard", async () => {
  await it.register("w");
  const held = await holdActivity("w", "held");
  await a.upkeep.flushWorkers();
  cluster.moveTime(91_000);
  const b = await cluster.open();
  await release(b);
  cluster.moveTime(89_000);
  await release(b);
  expect(errorOf(await it.beat(held))).toBeUndefined();
  cluster.moveTime(92_000);
  await release(b);
  expect(errorOf(await it.beat(held))).toBe("STALE_LEASE");
});

test("counts silence anew after a break in which the database was not reached", () => {
  let now = 0;
  const clock = openClock(() => now);
  clock.observe(0, 0, 1_000_000_000);
  const listening = openListening(clock);
  const began = listening.since();
  for (; now < 60_000_000; now += 5_000_000) listening.reached();
  expect(listening.since()).toBe(began);
  now += 21_000_000;
  expect(listening.since()).toBeUndefined();
  listening.reached();
  expect(listening.since()).toBeGreaterThan((began ?? 0) + 80_000_000);
});
