import { afterEach, beforeEach, expect, test } from "vitest";
import { WorkerStatus } from "../../gen/pawl/v1/worker_pb.js";
import { type Actor, actor, ms } from "../support/actor.js";
import {
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";

let cluster: TestCluster;
let a: TestServer;
let namespace: string;
let it: Actor;

beforeEach(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  namespace = await makeNamespace(a);
  it = actor(a, namespace);
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
