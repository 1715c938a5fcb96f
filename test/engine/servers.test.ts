import { afterEach, beforeEach, expect, test } from "vitest";
import { workerHash } from "../../src/engine/worker-name.js";
import { type Actor, actor, completeWorkflow, ms } from "../support/actor.js";
import {
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  seeded,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { miscounted } from "../support/miscounted.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let namespace: string;
let onA: Actor;

beforeEach(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  namespace = await makeNamespace(a);
  onA = actor(a, namespace);
});

afterEach(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  await cluster.close();
});

/** Opens a second server; both know of each other. */
async function openSecond(): Promise<{ b: TestServer; onB: Actor }> {
  const b = await cluster.open();
  await a.upkeep.beat();
  return { b, onB: actor(b, namespace) };
}

function notifications(server: TestServer): number {
  return server.statements.filter((name) => name === "notify").length;
}

test("notifies nobody while it is alone", async () => {
  await onA.start("alone");
  const [task] = await onA.poll();
  await onA.complete(task, [completeWorkflow]);
  expect(notifications(a)).toBe(0);
});

test("hears of a server that comes, and of one that goes", async () => {
  const b = await cluster.open();
  await until("A knows of B", async () => {
    await onA.start(crypto.randomUUID());
    return notifications(a) > 0;
  });
  await b.stop();
  await a.upkeep.beat();
  const before = notifications(a);
  await onA.start("alone-again");
  await onA.signal("alone-again");
  expect(notifications(a)).toBe(before);
});

test("brings lone starts on one server to a poll on another within 50 ms, with one notification a batch at most", async () => {
  const { b, onB } = await openSecond();
  const times: number[] = [];
  const batches = () => a.statements.filter((name) => name.startsWith("write_batch")).length;
  const [sentBefore, batchesBefore] = [notifications(a), batches()];
  for (let n = 0; n < 200; n++) {
    const polling = onB.poll();
    await until("the poll waits", () => b.held().waitingPolls === 1);
    await onA.start(`lone-${n}`);
    const committed = performance.now();
    const [task] = await polling;
    times.push(performance.now() - committed);
    expect(task?.workflowId).toBe(`lone-${n}`);
  }
  expect(times.sort((x, y) => x - y)[100]).toBeLessThan(50);
  expect(notifications(a) - sentBefore).toBeLessThanOrEqual(batches() - batchesBefore);
}, 60_000);

test("does not miss what another server made ready while no poll was open", async () => {
  const { b, onB } = await openSecond();
  expect(await onB.poll({ wait: ms(0) })).toEqual([]);
  expect(b.held().queues).toBe(1);
  await onA.start("between");
  await until("the hint has come", () => notifications(a) > 0);
  const [task] = await onB.poll({ wait: ms(2_000) });
  expect(task?.workflowId).toBe("between");
});

test("answers a wait for a result on one server when the run closes on another", async () => {
  const { b, onB } = await openSecond();
  await onA.start("result");
  const waiting = onB.result("result");
  await until("B watches", () => b.held().runWaits === 1);
  const [task] = await onA.poll();
  expect(errorOf(await onA.complete(task, [completeWorkflow]))).toBeUndefined();
  expect((await waiting).outcome?.value.case).toBe("result");
  expect(b.held().runWaits).toBe(0);
});

test("answers a wait for new events on one server when another writes them", async () => {
  const { b, onB } = await openSecond();
  await onA.start("events");
  const waiting = onB.historyPage("events", { afterEventId: 2, wait: ms(10_000) });
  await until("B watches", () => b.held().runWaits === 1);
  await onA.signal("events");
  expect(kindsOf((await waiting).events)).toEqual(["signalReceived"]);
});

test("loses no task to polls that are cut off, on two servers that claim the same queue", async () => {
  const { b, onB } = await openSecond();
  const random = seeded(11);
  const polls = Array.from({ length: 100 }, async (_, n) => {
    const gone = new AbortController();
    const polling = (n % 2 === 0 ? onA : onB).poll({ maxTasks: 1 + (n % 3), wait: ms(5_000) }, gone.signal);
    await turns(Math.floor(random() * 400));
    gone.abort();
    return polling;
  });
  const starts = Array.from({ length: 60 }, async (_, n) => {
    await turns(Math.floor(random() * 300));
    await (n % 2 === 0 ? onA : onB).start(`cut-${n}`);
  });
  await Promise.all(starts);
  const found = (await Promise.all(polls)).flat().map((task) => task.workflowId);
  const deadline = Date.now() + 3_000;
  while (found.length < 60 && Date.now() < deadline)
    for (const it of [onA, onB])
      for (const task of await it.poll({ maxTasks: 100, wait: ms(200) })) found.push(task.workflowId);
  expect(found).toHaveLength(60);
  expect(new Set(found).size).toBe(60);
  for (const server of [a, b]) expect(server.held()).toMatchObject({ polls: 0, reserved: 0 });
  expect([...a.faults, ...b.faults]).toEqual([]);
});

/** Lets so many turns of the event loop pass. */
async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

test("claims what another server writes without pause, and keeps its promises straight", async () => {
  const { b, onB } = await openSecond();
  for (let n = 0; n < 20; n++) await onA.start(`busy-${n}`);
  let isOver = false;
  const signals = Array.from({ length: 20 }, async (_, n) => {
    while (!isOver) await onA.signal(`busy-${n}`);
  });
  const found = new Set<string>();
  while (found.size < 20) {
    const tasks = await onB.poll({ maxTasks: 3, wait: ms(2_000) });
    expect(tasks.length).toBeGreaterThan(0);
    for (const task of tasks) found.add(task.workflowId);
  }
  isOver = true;
  await Promise.all(signals);
  await until("nothing is being written", () => b.held().busyIds === 0);
  expect(b.held()).toMatchObject({ polls: 0, reserved: 0 });
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("takes over what a dead server would have woken", async () => {
  const { b } = await openSecond();
  await onA.start("orphan");
  const [task] = await onA.poll();
  cluster.moveTime(10_200);
  await b.upkeep.wakeOverdueRuns();
  expect(kindsOf(await onA.history("orphan"))).not.toContain("workflowTaskTimedOut");
  cluster.moveTime(400);
  await b.upkeep.wakeOverdueRuns();
  expect(kindsOf(await onA.history("orphan"))).toContain("workflowTaskTimedOut");
  expect(errorOf(await onA.complete(task, [completeWorkflow]))).toBe("STALE_LEASE");
  expect(b.told.get("leaseExpired")).toMatchObject({ count: 1, last: ["workflow"] });
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("ends the polls of a worker that drains at another server, and refuses its next", async () => {
  const { b, onB } = await openSecond();
  await onA.register("w");
  await onA.register("other");
  const polls = [onB.poll({ workerId: "w" }), onB.pollActivities({ workerId: "w" })];
  const others = [onB.poll({ workerId: "other" }), onB.poll()];
  await until("the polls wait", () => b.held().waitingPolls === 4);
  const began = performance.now();
  await onA.drain("w");
  expect(await Promise.all(polls)).toEqual([[], []]);
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(await reasonOf(onB.poll({ workerId: "w" }))).toBe("WORKER_DRAINING");
  expect(b.held().polls).toBe(2);
  for (const id of ["one", "two"]) await onA.start(id);
  expect((await Promise.all(others)).flat()).toHaveLength(2);
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("leaves the polls of a worker alone that has registered anew since it drained", async () => {
  const { b, onB } = await openSecond();
  await onA.register("w");
  await onA.drain("w");
  await onA.register("w");
  const polling = onB.poll({ workerId: "w" });
  await until("the poll waits", () => b.held().waitingPolls === 1);
  const [row] = await cluster.run<{ id: string }>(
    "select namespace_id as id from namespaces where name = $1",
    [namespace],
  );
  const namespaceId = row?.id ?? "";
  await cluster.run("select pg_notify('pawl_hints', $1)", [drainingHint("w")]);
  const looked = () => b.statements.filter((name) => name === "find_worker").length;
  await until("B has looked the worker up", () => looked() > 1);
  await onA.start("next");
  expect((await polling).map(({ workflowId }) => workflowId)).toEqual(["next"]);

  function drainingHint(workerId: string): string {
    return Buffer.concat([
      Buffer.alloc(4),
      Buffer.of(5),
      Buffer.from(workerHash({ namespaceId, workerId }), "hex"),
    ]).toString("base64");
  }
});
