import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PayloadSchema } from "../../gen/pawl/v1/payload_pb.js";
import { readHeartbeats, removeOldHeartbeats, writeHeartbeats } from "../../src/store/heartbeats.js";
import { readIncarnation } from "../../src/store/incarnation.js";
import { loadWorkflows, locateRuns } from "../../src/store/load.js";
import {
  findNamespaceRequest,
  noteNamespaceRequest,
  removeOldNamespaceRequests,
} from "../../src/store/namespace-requests.js";
import {
  createNamespace,
  findNamespace,
  findNamespaceById,
  listNamespaces,
  updateNamespace,
} from "../../src/store/namespaces.js";
import { checkSchema } from "../../src/store/readiness.js";
import { beatServer, readServerLoads, removeServer } from "../../src/store/servers.js";
import { dueWakeups } from "../../src/store/wakeups.js";
import {
  beatWorkers,
  drainWorker,
  findWorker,
  removeOldWorkers,
  upsertWorker,
} from "../../src/store/workers.js";
import { advance, makeActivity, makeLease, makeRun, startUnit, stepUnit } from "./support/runs.js";
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

const payload = (json: string) => create(PayloadSchema, { body: { case: "json", value: json } });

test("writes heartbeats where the lease still holds, and tells of a cancel request", async () => {
  const leased = (seq: number, epoch: number, cancelRequestedEventId?: number) =>
    makeActivity({
      seq,
      epoch,
      lease: makeLease({ epoch, identity: "with \0 and \ud800" }),
      cancelRequestedEventId,
    });
  const activities = [leased(1, 1), leased(2, 3, 0), makeActivity({ seq: 3, epoch: 1 })];
  const run = makeRun({ namespaceId, activities: new Map(activities.map((one) => [one.seq, one])) });
  await store.write(startUnit(run));
  const { runId, workflowId } = run;
  const beat = (seq: number, epoch: number, details?: string) => ({
    runId,
    seq,
    epoch,
    at: 5,
    details: details === undefined ? undefined : payload(details),
  });
  expect(
    await writeHeartbeats(store.database.read, [
      beat(3, 1),
      beat(2, 3, "2"),
      beat(1, 1, "1"),
      beat(1, 2),
      beat(9, 1),
    ]),
  ).toEqual([
    { isAccepted: false, isCancelRequested: false },
    { isAccepted: true, isCancelRequested: true },
    { isAccepted: true, isCancelRequested: false },
    { isAccepted: false, isCancelRequested: false },
    { isAccepted: false, isCancelRequested: false },
  ]);
  await writeHeartbeats(store.database.read, [{ ...beat(1, 1), at: 6 }]);
  const asks = [2, 3, 1].map((seq) => ({ runId, seq }));
  const found = await readHeartbeats(store.database.read, asks);
  expect(found).toEqual([
    { epoch: 3, at: 5, details: payload("2") },
    undefined,
    { epoch: 1, at: 6, details: payload("1") },
  ]);
  const { workflows } = await loadWorkflows(store.database.read, [{ namespaceId, workflowId }]);
  expect(workflows[0]?.run?.activities.get(1)?.heartbeat).toStrictEqual(found[2]);
  const left = new Map([...run.activities].filter(([seq]) => seq === 2));
  await store.write(stepUnit(run, advance(run, { activities: left })));
  expect(await removeOldHeartbeats(store.database.read, 100)).toBe(1);
  expect(await readHeartbeats(store.database.read, asks)).toEqual([found[0], undefined, undefined]);
});

test("finds what is due, the earliest first, and when the next is", async () => {
  const runs = [30, 10, 20].map((wakeupAt) => makeRun({ namespaceId, wakeupAt }));
  await store.write(...runs.map((run) => startUnit(run)));
  const [last, first, second] = runs.map(({ runId, workflowId, wakeupAt }) => ({
    namespaceId,
    workflowId,
    runId,
    dueAt: wakeupAt,
  }));
  const q = store.database.read;
  expect(await dueWakeups(q, 25, 9)).toEqual({ runs: [first, second], nextAt: 30 });
  expect(await dueWakeups(q, 30, 1)).toEqual({ runs: [first], nextAt: undefined });
  expect(await dueWakeups(q, 30, 9)).toEqual({ runs: [first, second, last], nextAt: undefined });
  expect(await dueWakeups(q, 9, 9)).toEqual({ runs: [], nextAt: 10 });
  const places = await locateRuns(q, [last?.runId ?? "", "no uuid"]);
  expect(places).toEqual([{ runId: last?.runId, namespaceId, workflowId: last?.workflowId }]);
});

test("creates a namespace once a name, finds and changes it", async () => {
  const q = store.database.read;
  const name = `b-${randomUUID()}`;
  const make = () =>
    createNamespace(q, { namespaceId: randomUUID(), name, description: "for tests", retentionMs: 5 });
  const created = await make();
  expect(created).toMatchObject({ name, description: "for tests", retentionMs: 5, isDeleting: false });
  expect(await make()).toBeUndefined();
  expect(await findNamespace(q, name)).toEqual(created);
  expect(await findNamespace(q, "none")).toBeUndefined();
  const { namespaceId: id = "" } = created ?? {};
  expect(await findNamespaceById(q, id)).toEqual(created);
  expect(await findNamespaceById(q, randomUUID())).toBeUndefined();
  const change = { namespaceId: id, description: "", retentionMs: undefined };
  expect(await updateNamespace(q, change)).toEqual({ ...created, description: "" });
  expect(await updateNamespace(q, { ...change, namespaceId: randomUUID() })).toBeUndefined();
  const names = (await listNamespaces(q, { after: "b-", limit: 100 })).map((row) => row.name);
  expect(names).toContain("main");
  expect(names).toContain(name);
  expect(names).toEqual([...names].sort());
});

test("keeps requests about namespaces for a day", async () => {
  const q = store.database.read;
  const request = { requestId: randomUUID(), contentHash: "a", namespaceId };
  const other = { ...request, contentHash: "b" };
  const age = () =>
    store.run(
      "update namespace_requests set requested_at = requested_at - 86400000000 where request_id = $1",
      [request.requestId],
    );
  expect(await findNamespaceRequest(q, request.requestId)).toBeUndefined();
  expect(await noteNamespaceRequest(q, request)).toBe(true);
  expect(await noteNamespaceRequest(q, other)).toBe(false);
  expect(await findNamespaceRequest(q, request.requestId)).toEqual(request);
  await removeOldNamespaceRequests(q);
  expect(await findNamespaceRequest(q, request.requestId)).toEqual(request);
  await age();
  expect(await findNamespaceRequest(q, request.requestId)).toBeUndefined();
  expect(await noteNamespaceRequest(q, other)).toBe(true);
  expect(await findNamespaceRequest(q, request.requestId)).toEqual(other);
  await age();
  await removeOldNamespaceRequests(q);
  expect(
    await store.run("select 1 from namespace_requests where request_id = $1", [request.requestId]),
  ).toEqual([]);
});

test("keeps workers, their load and whether they drain", async () => {
  const q = store.database.read;
  const spec = new Uint8Array([1, 2, 3]);
  const registered = { namespaceId, workerId: "w", spec, taskQueues: ["orders"], at: Date.now() * 1_000 };
  await upsertWorker(q, registered);
  const beat = { namespaceId, workerId: "w", at: registered.at + 5 };
  await beatWorkers(q, [
    { ...beat, workflowTasks: 2, activityTasks: 3 },
    { ...beat, workerId: "gone", workflowTasks: 0, activityTasks: 0 },
  ]);
  await beatWorkers(q, [{ ...beat, at: registered.at, workflowTasks: undefined, activityTasks: undefined }]);
  const worker = await findWorker(q, namespaceId, "w");
  expect(worker).toMatchObject({
    seenAt: beat.at,
    workflowTasks: 2,
    activityTasks: 3,
    isDraining: false,
  });
  expect([...(worker?.spec ?? [])]).toEqual([1, 2, 3]);
  expect(await drainWorker(q, namespaceId, "w")).toBe(true);
  expect(await drainWorker(q, namespaceId, "gone")).toBe(false);
  expect((await findWorker(q, namespaceId, "w"))?.isDraining).toBe(true);
  await upsertWorker(q, registered);
  expect((await findWorker(q, namespaceId, "w"))?.isDraining).toBe(false);
  expect(await findWorker(q, namespaceId, "gone")).toBeUndefined();
  await store.run("update workers set seen_at = seen_at - 90000000000");
  expect(await removeOldWorkers(q)).toBe(1);
});

test("tells which servers live", async () => {
  const q = store.database.read;
  const [a, b] = [randomUUID(), randomUUID()];
  expect(await beatServer(q, a)).toEqual([a]);
  expect(await beatServer(q, b, '["busy"]')).toEqual([a, b].sort());
  expect(await readServerLoads(q, a)).toEqual([["busy"]]);
  expect(await readServerLoads(q, b)).toEqual([]);
  await store.run("update servers set seen_at = seen_at - 20000000 where server_id = $1", [a]);
  expect(await beatServer(q, b)).toEqual([b]);
  await store.run("update servers set seen_at = seen_at - 3700000000 where server_id = $1", [a]);
  await beatServer(q, b);
  await removeServer(q, b);
  expect(await store.run("select from servers")).toEqual([]);
});

test("tells whether the database has the schema, and which life of it this is", async () => {
  const { incarnation, now } = await readIncarnation(store.database.read);
  expect(incarnation).toMatch(/^[0-9a-f-]{36}$/);
  expect(Math.abs(now / 1_000 - Date.now())).toBeLessThan(60_000);
  expect(await checkSchema(store.database.read)).toBe(true);
  await store.run("alter table schema_versions rename to hidden");
  expect(await checkSchema(store.database.read)).toBe(false);
  await store.run("alter table hidden rename to schema_versions");
});
