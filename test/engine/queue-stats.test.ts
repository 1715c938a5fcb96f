import { afterEach, beforeEach, expect, test } from "vitest";
import { TaskKind } from "../../gen/pawl/v1/namespace_pb.js";
import { type Actor, actor, completeWorkflow, ms, scheduleActivity } from "../support/actor.js";
import { makeNamespace, reasonOf, type TestCluster, type TestServer } from "../support/engine.js";
import { openScene } from "../support/scene.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let namespace: string;
let it: Actor;

beforeEach(async () => {
  ({ cluster, server: a, namespace, it } = await openScene());
});

afterEach(async () => {
  expect(a.faults).toEqual([]);
  await cluster.close();
});

async function sideOf(kind: TaskKind, taskQueue = "default", who = it) {
  const queues = await who.queueStats(taskQueue);
  expect(queues.map((side) => [side.taskQueue, TaskKind[side.kind]])).toEqual([
    [taskQueue, "WORKFLOW"],
    [taskQueue, "ACTIVITY"],
  ]);
  return queues.find((side) => side.kind === kind);
}

test("counts workflow tasks that are ready, running and backing off", async () => {
  const before = Date.now();
  for (const id of ["one", "two", "three", "closed"]) await it.start(id);
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ ready: 4n, running: 0n, backingOff: 0n });
  await it.terminate("closed");
  const tasks = await it.poll({ maxTasks: 3 });
  await it.complete(
    tasks.find(({ workflowId }) => workflowId === "one"),
    [completeWorkflow],
  );
  await it.fail(tasks.find(({ workflowId }) => workflowId === "two"));
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ ready: 0n, running: 1n, backingOff: 1n });
  expect((await sideOf(TaskKind.WORKFLOW))?.oldestReadyTime).toBeUndefined();
  cluster.moveTime(11_000);
  await a.upkeep.wakeDueRuns();
  const late = await sideOf(TaskKind.WORKFLOW);
  expect(late).toMatchObject({ ready: 2n, running: 0n, backingOff: 0n });
  const oldest = Number(late?.oldestReadyTime?.seconds ?? 0);
  expect(oldest).toBeGreaterThanOrEqual(Math.floor(before / 1_000));
  expect(oldest).toBeLessThan(before / 1_000 + 12);
});

test("counts activities apart, in the queues that they were scheduled to", async () => {
  await it.start("run");
  const [task] = await it.poll();
  await it.complete(task, [
    ...[1, 2, 3].map((seq) => scheduleActivity(seq)),
    scheduleActivity(4, { taskQueue: "elsewhere" }),
  ]);
  const [first] = await it.pollActivities({ maxTasks: 1 });
  expect(await sideOf(TaskKind.ACTIVITY)).toMatchObject({ ready: 2n, running: 1n, backingOff: 0n });
  await it.failActivity(first);
  await it.pollActivities({ maxTasks: 1 });
  expect(await sideOf(TaskKind.ACTIVITY)).toMatchObject({ ready: 1n, running: 1n, backingOff: 1n });
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ ready: 0n, running: 0n, backingOff: 0n });
  const all = await it.queueStats();
  expect(all.map(({ taskQueue, kind, ready }) => [taskQueue, TaskKind[kind], ready])).toEqual([
    ["default", "WORKFLOW", 0n],
    ["default", "ACTIVITY", 1n],
    ["elsewhere", "WORKFLOW", 0n],
    ["elsewhere", "ACTIVITY", 1n],
  ]);
  await it.terminate("run");
  expect(await sideOf(TaskKind.ACTIVITY)).toMatchObject({ ready: 0n, running: 0n, backingOff: 0n });
});

test("tells nothing of another namespace, and knows none that is not there", async () => {
  await it.start("mine");
  const other = actor(a, await makeNamespace(a));
  expect(await other.queueStats()).toEqual([]);
  expect(await sideOf(TaskKind.WORKFLOW, "default", other)).toMatchObject({
    ready: 0n,
    pollers: 0,
    rateIn: 0,
  });
  expect(await reasonOf(actor(a, "nowhere").queueStats())).toBe("NAMESPACE_NOT_FOUND");
});

test("tells what came in and went out over the last minute, each task once", async () => {
  for (let n = 0; n < 30; n++) await it.start(`run-${n}`);
  await it.poll({ maxTasks: 12 });
  const given = it.poll({ taskQueue: "handed" });
  await until("the poll waits", () => a.held().waitingPolls === 1);
  await it.start("handed", { spec: { taskQueue: "handed" } });
  await given;
  cluster.moveTime(50_000);
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ rateIn: 0.5, rateOut: 0.2 });
  expect(await sideOf(TaskKind.WORKFLOW, "handed")).toMatchObject({ rateIn: 1 / 60, rateOut: 1 / 60 });
  cluster.moveTime(20_000);
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ ready: 18n, rateIn: 0, rateOut: 0 });
});

test("sums up polls and traffic over all servers that live", async () => {
  const b = await cluster.open();
  const onB = actor(b, namespace);
  const gone = new AbortController();
  const polls = [it, onB, onB].map((who) => who.pollActivities({ wait: ms(20_000) }, gone.signal));
  await until("the polls wait", () => a.held().waitingPolls + b.held().waitingPolls === 3);
  for (const [who, id] of [
    [it, "on-a"],
    [onB, "on-b"],
  ] as const)
    await who.start(id);
  for (const server of [a, b]) await server.upkeep.beat();
  for (const who of [it, onB]) {
    expect(await sideOf(TaskKind.ACTIVITY, "default", who)).toMatchObject({ pollers: 3 });
    expect(await sideOf(TaskKind.WORKFLOW, "default", who)).toMatchObject({ ready: 2n, rateIn: 2 / 60 });
  }
  gone.abort();
  await Promise.all(polls);
  await b.stop();
  expect(await sideOf(TaskKind.ACTIVITY)).toMatchObject({ pollers: 0 });
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ rateIn: 1 / 60 });
});

test("publishes nothing while nothing goes on, and passes over what it can't read", async () => {
  await a.upkeep.beat();
  expect(await cluster.run("select load from servers")).toEqual([{ load: null }]);
  const odd = JSON.stringify([["workflow", 7, "q", 1, 1, 1], "what", ["workflow", "ns", "q", 1], null]);
  for (const load of [odd, "{}"])
    await cluster.run(
      `insert into servers select gen_random_uuid(), seen_at, seen_at + 60000000, $1::json from servers limit 1`,
      [load],
    );
  await it.start("run");
  expect(await sideOf(TaskKind.WORKFLOW)).toMatchObject({ ready: 1n, rateIn: 1 / 60 });
  await a.upkeep.beat();
  const { taskQueue, pollers } = (await sideOf(TaskKind.WORKFLOW)) ?? {};
  expect([taskQueue, pollers]).toEqual(["default", 0]);
});
