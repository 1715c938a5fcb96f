import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import {
  type Actor,
  actor,
  completeWorkflow,
  json,
  ms,
  scheduleActivity,
  scheduleTimer,
  tokenOf,
} from "../support/actor.js";
import {
  callOf,
  errorOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
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

async function list(filter: object = {}, rest: object = {}) {
  const request = create(wf.ListWorkflowsRequestSchema, { namespace, filter, ...rest });
  return create(wf.ListWorkflowsResponseSchema, await server.operations.listWorkflows(request, callOf()));
}

test("reads history in pages, in both directions", async () => {
  await it.start("pages");
  for (let n = 0; n < 7; n++) await it.signal("pages");
  const pages: number[][] = [];
  let pageToken = "";
  do {
    const page = await it.historyPage("pages", { pageSize: 4, pageToken });
    pages.push(page.events.map((event) => event.eventId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(pages).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
  const first = await it.historyPage("pages", { pageSize: 5, isDescending: true });
  expect(first.events.map((event) => event.eventId)).toEqual([9, 8, 7, 6, 5]);
  const rest = await it.historyPage("pages", { isDescending: true, pageToken: first.nextPageToken });
  expect(rest.events.map((event) => event.eventId)).toEqual([4, 3, 2, 1]);
});

test("refuses page tokens that are malformed or of another query", async () => {
  await it.start("tokens");
  await it.start("others");
  const { nextPageToken } = await it.historyPage("tokens", { pageSize: 1 });
  expect(nextPageToken).not.toBe("");
  const refused = (work: Promise<unknown>) => reasonOf(work);
  expect(await refused(it.historyPage("others", { pageToken: nextPageToken }))).toBe("INVALID_PAGE_TOKEN");
  expect(await refused(it.historyPage("tokens", { pageToken: nextPageToken, isDescending: true }))).toBe(
    "INVALID_PAGE_TOKEN",
  );
  expect(await refused(it.historyPage("tokens", { pageToken: "nonsense" }))).toBe("INVALID_PAGE_TOKEN");
  const forged = (position: object) => {
    const [hash] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
    return Buffer.from(JSON.stringify([hash, position])).toString("base64url");
  };
  for (const position of [
    { runId: "x", after: 1e300 },
    { runId: "x", after: 1, through: "x" },
    { runId: "x", after: -1 },
  ])
    expect(await refused(it.historyPage("tokens", { pageToken: forged(position) }))).toBe(
      "INVALID_PAGE_TOKEN",
    );
  const listed = await list({}, { pageSize: 1 });
  expect(await refused(list({ workflowType: "x" }, { pageToken: listed.nextPageToken }))).toBe(
    "INVALID_PAGE_TOKEN",
  );
  const [hash] = JSON.parse(Buffer.from(listed.nextPageToken, "base64url").toString());
  for (const position of [
    { startedAt: 1e300, runId: "x" },
    { startedAt: 1.5, runId: "x" },
    { startedAt: 1, runId: "x" },
  ]) {
    const pageToken = Buffer.from(JSON.stringify([hash, position])).toString("base64url");
    expect(await refused(list({}, { pageToken }))).toBe("INVALID_PAGE_TOKEN");
  }
});

test("waits for new events, and for the closing event alone", async () => {
  await it.start("long");
  const events = it.historyPage("long", { afterEventId: 2, wait: ms(5_000) });
  const closing = it.historyPage("long", { closingEventOnly: true, wait: ms(5_000) });
  await until("both wait", () => server.held().runWaits === 2);
  const [task] = await it.poll();
  const page = await events;
  expect(kindsOf(page.events)).toEqual(["workflowTaskStarted"]);
  expect(page.nextPageToken).not.toBe("");
  await it.complete(task, [completeWorkflow]);
  const last = await closing;
  expect(kindsOf(last.events)).toEqual(["workflowCompleted"]);
  expect(last.nextPageToken).toBe("");
  const rest = await it.historyPage("long", { pageToken: page.nextPageToken, wait: ms(5_000) });
  expect(kindsOf(rest.events)).toEqual(["workflowTaskCompleted", "workflowCompleted"]);
  expect(rest.nextPageToken).toBe("");
});

test("gives no token behind the closing event of a run that was open when it was looked at", async () => {
  await it.start("raced");
  const { database } = server;
  const slow = await cluster.open({
    database: {
      ...database,
      read: {
        async query(statement, values) {
          if (statement.name === "read_history") await it.terminate("raced");
          return database.read.query(statement, values);
        },
      },
    },
  });
  const page = await actor(slow, namespace).historyPage("raced", { afterEventId: 2, wait: ms(5_000) });
  expect(kindsOf(page.events)).toEqual(["workflowTerminated"]);
  expect(page.nextPageToken).toBe("");
  await slow.stop();
});

test("ends a wait whose caller has gone", async () => {
  await it.start("gone");
  const gone = new AbortController();
  const waits = [
    it.result("gone", {}, gone.signal),
    it.historyPage("gone", { afterEventId: 9, wait: ms(50_000) }, gone.signal),
  ];
  await until("both wait", () => server.held().runWaits === 2);
  gone.abort();
  const [result] = await Promise.all(waits);
  expect(result).not.toHaveProperty("outcome.value.value");
  expect(server.held().runWaits).toBe(0);
});

test("shows what a run waits for", async () => {
  await it.start("shown");
  expect(await it.get("shown")).toMatchObject({
    workflow: { workflowId: "shown", workflowType: "order", status: WorkflowStatus.PENDING },
    pendingWorkflowTask: { attempt: 1 },
  });
  const [task] = await it.poll();
  await it.complete(task, [scheduleActivity(1), scheduleTimer(2, 60)]);
  const shown = await it.get("shown");
  expect(shown.workflow?.status).toBe(WorkflowStatus.RUNNING);
  expect(shown.pendingActivities).toMatchObject([{ seq: 1, activityType: "charge", attempt: 1 }]);
  expect(shown.pendingTimers).toMatchObject([{ seq: 2 }]);
  expect(shown.pendingWorkflowTask).toBeUndefined();
  expect(await reasonOf(it.get("never-started"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(it.get("shown", "no-run-id"))).toBe("WORKFLOW_NOT_FOUND");
});

test("waits for a result, in the start as well", async () => {
  const started = it.start("waited", { wait: ms(5_000) });
  const [task] = await it.poll({ wait: ms(5_000) });
  const waiting = it.result("waited");
  await it.complete(task, [completeWorkflow]);
  expect((await waiting).outcome?.status).toBe(WorkflowStatus.COMPLETED);
  expect((await started).outcome?.status).toBe(WorkflowStatus.COMPLETED);
  expect((await it.result("waited", { wait: ms(0) })).outcome?.value.case).toBe("result");
  await it.start("open");
  expect((await it.result("open", { wait: ms(0) })).outcome).toBeUndefined();
});

test("lists and counts by status, type and id prefix", async () => {
  await it.start("a-1", { spec: { workflowType: "one" } });
  await it.start("a-2", { spec: { workflowType: "two" } });
  await it.start("b-1", { spec: { workflowType: "two" } });
  await it.terminate("a-2");
  const ids = async (filter: object) => (await list(filter)).workflows.map((run) => run.workflowId);
  expect(await ids({})).toEqual(["b-1", "a-2", "a-1"]);
  expect(await ids({ workflowType: "two" })).toEqual(["b-1", "a-2"]);
  expect(await ids({ workflowIdPrefix: "a-" })).toEqual(["a-2", "a-1"]);
  expect(await ids({ statuses: [WorkflowStatus.TERMINATED] })).toEqual(["a-2"]);
  const first = await list({}, { pageSize: 2 });
  const second = await list({}, { pageSize: 2, pageToken: first.nextPageToken });
  expect(second.workflows.map((run) => run.workflowId)).toEqual(["a-1"]);
  const request = create(wf.CountWorkflowsRequestSchema, { namespace, groupByStatus: true });
  expect(await server.operations.countWorkflows(request, callOf())).toMatchObject({
    count: 3n,
    byStatus: expect.arrayContaining([{ status: WorkflowStatus.TERMINATED, count: 1n }]),
  });
});

test("ends a page of history, and an answer to a poll, before they are larger than a response may be", async () => {
  const large = json(`"${"x".repeat(900_000)}"`);
  for (let n = 0; n < 6; n++) await it.start(`large-${n}`, { spec: { input: large } });
  for (let n = 0; n < 6; n++) await it.signal("large-0", { payload: large });
  const page = await it.historyPage("large-0", { pageSize: 1_000 });
  expect(page.events.length).toBeLessThan(8);
  expect(page.nextPageToken).not.toBe("");
  const first = await it.poll({ maxTasks: 6 });
  expect(first.length).toBeGreaterThan(0);
  expect(first.length).toBeLessThan(6);
  const found = new Set(first.map((task) => task.workflowId));
  for (let n = 0; n < 5 && found.size < 6; n++)
    for (const task of await it.poll({ maxTasks: 6, wait: ms(1_000) })) found.add(task.workflowId);
  expect(found.size).toBe(6);
});

test("gives the rest of a long history in pages", async () => {
  const large = json(`"${"x".repeat(900_000)}"`);
  await it.start("paged");
  for (let n = 0; n < 6; n++) await it.signal("paged", { payload: large });
  const [task] = await it.poll();
  expect(task?.nextPageToken).not.toBe("");
  const events = [...(task?.history ?? [])];
  for (let pageToken = task?.nextPageToken ?? ""; pageToken !== ""; ) {
    const page = await it.historyPage("paged", { pageToken });
    events.push(...page.events);
    pageToken = page.nextPageToken;
  }
  expect(events.map((event) => event.eventId)).toEqual(events.map((_, index) => index + 1));
  expect(kindsOf(events).at(-1)).toBe("workflowTaskStarted");
});

test("shows the text for people that a run was started with, unless it is long", async () => {
  const text = (length: number) => ({ spec: { userMetadata: { summary: json(`"${"x".repeat(length)}"`) } } });
  await it.start("told", text(9));
  expect((await it.get("told")).workflow?.userMetadata).toMatchObject({ summary: json('"xxxxxxxxx"') });
  await it.start("long", text(200_000));
  expect((await it.get("long")).workflow?.userMetadata).toBeUndefined();
});

test("isolates namespaces: ids, queues, listings and tokens", async () => {
  const other = actor(server, await makeNamespace(server));
  await it.start("private");
  expect(await reasonOf(other.get("private"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(other.signal("private"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await other.poll({ wait: ms(0) })).toEqual([]);
  const { runId = "" } = await it.start("private", { spec: { openIdPolicy: 3 } });
  expect(await reasonOf(other.get("private", runId))).toBe("WORKFLOW_NOT_FOUND");
  await other.start("private");
  expect((await list()).workflows).toHaveLength(2);
  const [task] = await it.poll();
  expect(errorOf(await other.complete(task, [completeWorkflow]))).toBe("INVALID_TOKEN");
  expect(errorOf(await other.fail(task))).toBe("INVALID_TOKEN");
  await other.register("worker");
  expect(await reasonOf(other.drain("worker", { workflowTaskTokens: [tokenOf(task)] }))).toBe(
    "INVALID_TOKEN",
  );
  expect(errorOf(await it.complete(task, [scheduleActivity(1)]))).toBeUndefined();
  const [activity] = await it.pollActivities();
  expect(errorOf(await other.completeActivity(activity))).toBe("INVALID_TOKEN");
  expect(errorOf(await other.failActivity(activity))).toBe("INVALID_TOKEN");
  expect(errorOf(await other.beat(activity))).toBe("INVALID_TOKEN");
  expect(errorOf(await it.completeActivity(activity))).toBeUndefined();
  expect(await reasonOf(actor(server, "no-such").start("x"))).toBe("NAMESPACE_NOT_FOUND");
});

test("refuses forged and cut tokens", async () => {
  await it.start("forged");
  const [task] = await it.poll();
  const token = tokenOf(task);
  const changed = Uint8Array.from(token);
  changed[20] = (changed[20] ?? 0) ^ 1;
  for (const taskToken of [changed, token.subarray(0, 10), new Uint8Array(), Uint8Array.of(1, 2, 3)])
    expect(errorOf(await it.complete({ taskToken }, [completeWorkflow]))).toBe("INVALID_TOKEN");
  expect(errorOf(await it.completeActivity(task))).toBe("INVALID_TOKEN");
  expect(errorOf(await it.complete(task, [completeWorkflow]))).toBeUndefined();
});
