import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Actor, actor, completeWorkflow, ms, scheduleActivity, tokenOf } from "../support/actor.js";
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
import { until } from "../support/until.js";

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
});

beforeEach(async () => {
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
});

afterAll(() => cluster.close());

async function readyRows(): Promise<number> {
  const [row] = await cluster.run<{ n: number }>(
    "select count(*)::int as n from pawl.ready_tasks r join pawl.namespaces using (namespace_id) where name = $1",
    [namespace],
  );
  return row?.n ?? 0;
}

/** The poll waits: nothing was ready for it. */
async function isWaiting(count = 1): Promise<void> {
  await until("polls wait", () => server.held().waitingPolls === count);
}

test("takes a workflow through its straight course by claims", async () => {
  await it.start("straight");
  expect(await readyRows()).toBe(1);
  const [task] = await it.poll();
  expect(task?.workflowId).toBe("straight");
  expect(kindsOf(task?.history)).toEqual(["workflowStarted", "workflowTaskScheduled", "workflowTaskStarted"]);
  expect(errorOf(await it.complete(task, [scheduleActivity(1)]))).toBeUndefined();
  const [activity] = await it.pollActivities();
  expect(activity).toMatchObject({ activityType: "charge", seq: 1, attempt: 1 });
  expect(errorOf(await it.completeActivity(activity))).toBeUndefined();
  const [second] = await it.poll();
  expect(errorOf(await it.complete(second, [completeWorkflow]))).toBeUndefined();
  const { outcome } = await it.result("straight");
  expect(outcome?.value).toMatchObject({ case: "result", value: { body: { value: '"all done"' } } });
  expect(await readyRows()).toBe(0);
});

test("hands a task to a waiting poll in the transition that makes it", async () => {
  const polling = it.poll();
  await isWaiting();
  const before = server.statements.length;
  await it.start("handed");
  const [task] = await polling;
  expect(task?.workflowId).toBe("handed");
  expect(server.statements.slice(before)).toEqual([expect.stringMatching(/^write_batch/)]);
  expect(await readyRows()).toBe(0);
  expect(kindsOf(task?.history)).toContain("workflowTaskStarted");
});

test("gives a poll only the types that it handles", async () => {
  await it.start("other", { spec: { workflowType: "other" } });
  await it.start("mine", { spec: { workflowType: "mine" } });
  const tasks = await it.poll({ workflowTypes: ["mine"], maxTasks: 10 });
  expect(tasks.map((task) => task.workflowId)).toEqual(["mine"]);
  const polling = it.poll({ workflowTypes: ["third"] });
  await isWaiting();
  await it.start("mine-too", { spec: { workflowType: "mine" } });
  await it.start("third", { spec: { workflowType: "third" } });
  expect((await polling).map((task) => task.workflowId)).toEqual(["third"]);
});

test("gives a poll as many tasks as it asks for, and no more", async () => {
  for (let n = 0; n < 5; n++) await it.start(`many-${n}`);
  const first = await it.poll({ maxTasks: 3 });
  const second = await it.poll({ maxTasks: 3 });
  expect([first.length, second.length]).toEqual([3, 2]);
  expect(new Set([...first, ...second].map((task) => task.workflowId)).size).toBe(5);
});

test("answers an empty poll when its time is over", async () => {
  expect(await it.poll({ wait: ms(0) })).toEqual([]);
  expect(await it.pollActivities({ wait: ms(0) })).toEqual([]);
});

test("gives what is ready to a poll that waits no time at all", async () => {
  for (let n = 0; n < 20; n++) {
    await it.start(`wf-${n}`);
    expect(await it.poll({ wait: ms(0) })).toHaveLength(1);
  }
});

test("repeats its answer to a poll with the same request id", async () => {
  await it.start("repeated");
  const [first] = await it.poll({ requestId: "poll-1" });
  const [again] = await it.poll({ requestId: "poll-1", wait: ms(0) });
  expect(again).toEqual(first);
  expect(errorOf(await it.complete(again, [completeWorkflow]))).toBeUndefined();
  expect(await it.poll({ requestId: "poll-2", wait: ms(0) })).toEqual([]);
});

test("forgets its answer to a poll after 30 seconds", async () => {
  await it.start("forgotten");
  expect(await it.poll({ requestId: "poll-1" })).toHaveLength(1);
  cluster.moveTime(31_000);
  expect(await it.poll({ requestId: "poll-1", wait: ms(0) })).toEqual([]);
});

test("joins two polls with the same request id", async () => {
  const [one, two] = [it.poll({ requestId: "joined" }), it.poll({ requestId: "joined" })];
  await isWaiting();
  await it.start("joined");
  const [[first], [second]] = await Promise.all([one, two]);
  expect(first?.workflowId).toBe("joined");
  expect(second).toEqual(first);
});

test("keeps a joined poll going when one of its callers is gone", async () => {
  const gone = new AbortController();
  const [one, two] = [it.poll({ requestId: "left" }, gone.signal), it.poll({ requestId: "left" })];
  await isWaiting();
  gone.abort();
  expect(await one).toEqual([]);
  await it.start("left");
  expect((await two)[0]?.workflowId).toBe("left");
});

test("keeps polls of two namespaces apart that have the same request id", async () => {
  const other = actor(server, await makeNamespace(server));
  const [one, two] = [it.poll({ requestId: "same" }), other.poll({ requestId: "same" })];
  await isWaiting(2);
  await other.start("theirs");
  await it.start("ours");
  expect((await one)[0]?.workflowId).toBe("ours");
  expect((await two)[0]?.workflowId).toBe("theirs");
});

test("prefers the worker that has the run cached, and sends it only the events that it has not seen", async () => {
  for (const workerId of ["w1", "w2"]) await it.register(workerId);
  await it.start("sticky");
  const [task] = await it.poll({ workerId: "w2", isCaching: true });
  await it.complete(task, [], { workerId: "w2" });
  const others = it.poll({ workerId: "w1", isCaching: true });
  const its = it.poll({ workerId: "w2", isCaching: true });
  await isWaiting(2);
  await it.signal("sticky");
  const [next] = await its;
  expect(next?.historyAfterEventId).toBe(3);
  expect(kindsOf(next?.history)).toEqual([
    "workflowTaskCompleted",
    "signalReceived",
    "workflowTaskScheduled",
    "workflowTaskStarted",
  ]);
  await it.start("for-w1");
  expect((await others)[0]?.workflowId).toBe("for-w1");
});

test("shows a transient attempt its events provisionally", async () => {
  await it.start("transient");
  const [first] = await it.poll();
  await it.fail(first);
  expect(await it.poll({ wait: ms(0) })).toEqual([]);
  cluster.moveTime(1_100);
  await server.upkeep.wakeDueRuns();
  const [second] = await it.poll();
  expect(second?.attempt).toBe(2);
  expect(kindsOf(second?.history).at(-1)).toBe("workflowTaskFailed");
  expect(kindsOf(second?.provisionalEvents)).toEqual(["workflowTaskScheduled", "workflowTaskStarted"]);
  expect(second?.startedEventId).toBe(second?.provisionalEvents[1]?.eventId);
  expect(errorOf(await it.complete(second, [completeWorkflow]))).toBeUndefined();
  const history = await it.history("transient");
  expect(history.map((event) => event.eventId)).toEqual(history.map((_, index) => index + 1));
});

test("ends the polls of a worker that drains, and takes its tasks back", async () => {
  await it.register("drained");
  const other = actor(server, await makeNamespace(server));
  await other.register("drained");
  await it.start("a");
  const [task] = await it.poll({ workerId: "drained" });
  await it.complete(task, [scheduleActivity(1)], { workerId: "drained" });
  const [activity] = await it.pollActivities({ workerId: "drained" });
  await it.start("b");
  const [held] = await it.poll({ workerId: "drained" });
  const open = it.poll({ workerId: "drained" });
  const namesake = other.poll({ workerId: "drained" });
  await isWaiting(2);
  const { returnedTasks } = await it.drain("drained", {
    workflowTaskTokens: [tokenOf(held)],
    activityTaskTokens: [tokenOf(activity)],
  });
  expect(returnedTasks).toBe(2);
  expect(await open).toEqual([]);
  expect(await reasonOf(it.poll({ workerId: "drained" }))).toBe("WORKER_DRAINING");
  expect(errorOf(await it.completeActivity(activity))).toBe("STALE_LEASE");
  expect((await it.poll())[0]?.workflowId).toBe("b");
  const [again] = await it.pollActivities();
  expect([again?.seq, again?.attempt]).toEqual([1, 1]);
  await other.start("c");
  expect((await namesake)[0]?.workflowId).toBe("c");
});

test("gives the tasks of a poll that is cut off back at once, whenever it is cut", async () => {
  const random = seeded(42);
  const polls = Array.from({ length: 100 }, async (_, n) => {
    const controller = new AbortController();
    const polling = it.poll({ maxTasks: 1 + (n % 3), wait: ms(5_000) }, controller.signal);
    await turns(Math.floor(random() * 400));
    controller.abort();
    const tasks = await polling;
    return { tasks, n };
  });
  const starts = Array.from({ length: 60 }, async (_, n) => {
    await turns(Math.floor(random() * 300));
    await it.start(`cut-${n}`);
  });
  await Promise.all(starts);
  const delivered = (await Promise.all(polls)).flatMap(({ tasks }) => tasks.map((task) => task.workflowId));
  const found = new Set(delivered);
  const deadline = Date.now() + 3_000;
  while (found.size < 60 && Date.now() < deadline) {
    const rest = await it.poll({ maxTasks: 100, wait: ms(500) });
    for (const task of rest) {
      expect(found.has(task.workflowId)).toBe(false);
      found.add(task.workflowId);
    }
  }
  expect(found.size).toBe(60);
  expect(server.held().polls).toBe(0);
});

/** Lets so many turns of the event loop pass. */
async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

test("takes what a poll claimed that ended meanwhile back to the queue at once", async () => {
  await it.start("claimed");
  const gone = new AbortController();
  const first = it.poll({}, gone.signal);
  gone.abort();
  expect(await first).toEqual([]);
  const [task] = await it.poll({ wait: ms(2_000) });
  expect(task?.workflowId).toBe("claimed");
});

test("has no fault and no open poll at the end", () => {
  expect(server.faults).toEqual([]);
  expect(server.held()).toMatchObject({ polls: 0, reserved: 0, busyIds: 0, runWaits: 0 });
});
