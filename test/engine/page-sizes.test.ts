import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import * as ns from "../../gen/pawl/v1/namespace_service_pb.js";
import * as sc from "../../gen/pawl/v1/schedule_service_pb.js";
import * as wk from "../../gen/pawl/v1/worker_service_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, scheduleActivity, scheduleTimer } from "../support/actor.js";
import {
  callOf,
  errorOf,
  makeNamespace,
  openTestCluster,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { minutely, scheduler } from "../support/schedules.js";

const mostBytes = 4 * 1024 * 1024 - 64 * 1024;
const count = 200;

let cluster: TestCluster;
let server: TestServer;
let namespace: string;
let it: Actor;

const text = (bytes: number) => ({
  body: { case: "json" as const, value: JSON.stringify("x".repeat(bytes)) },
});
const ids = Array.from({ length: count }, (_, n) => `wf-${String(n).padStart(3, "0")}`);

/** Many runs with a memo of 60 KiB, as if they were the children of another. */
beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
  namespace = await makeNamespace(server);
  it = actor(server, namespace);
  const { runId } = await it.start("parent");
  const searchAttributes = { colour: { value: { case: "keyword" as const, value: "red" } } };
  for (let n = 0; n < count; n += 50)
    await Promise.all(
      ids
        .slice(n, n + 50)
        .map((id) => it.start(id, { spec: { memo: { note: text(60 * 1024) }, searchAttributes } })),
    );
  await cluster.run("update runs set parent_run_id = $1 where workflow_id like 'wf-%'", [runId]);
});

afterAll(async () => {
  expect(server.faults).toEqual([]);
  await cluster.close();
});

interface Listing<Desc extends DescMessage> {
  readonly schema: Desc;
  read(pageToken: string): Promise<object>;
  idsOf(page: MessageShape<Desc>): (string | undefined)[];
}

const listing = <Desc extends DescMessage>(its: Listing<Desc>) => its;

function workflows(filter: Parameters<typeof create<typeof wf.WorkflowFilterSchema>>[1] = {}) {
  return listing({
    schema: wf.ListWorkflowsResponseSchema,
    read: (pageToken) =>
      server.operations.listWorkflows(
        create(wf.ListWorkflowsRequestSchema, { namespace, pageSize: 1_000, pageToken, filter }),
        callOf(),
      ),
    idsOf: (page) => page.workflows.map(({ workflowId }) => workflowId).filter((id) => id !== "parent"),
  });
}

/** All of a listing, with how large its pages were. */
async function readAll<Desc extends DescMessage>({ schema, read, idsOf }: Listing<Desc>) {
  const found: (string | undefined)[] = [];
  const sizes: number[] = [];
  let pageToken = "";
  do {
    const page = create(schema, (await read(pageToken)) as never);
    found.push(...idsOf(page));
    sizes.push(toBinary(schema, page).length);
    pageToken = (page as unknown as { nextPageToken: string }).nextPageToken;
  } while (pageToken !== "");
  return { found: found.sort(), sizes };
}

/** Each once, and no page larger than it may be, nor much smaller than it could be but the last. */
async function expectAll<Desc extends DescMessage>(
  its: Listing<Desc>,
  expected: readonly string[],
): Promise<void> {
  const { found, sizes } = await readAll(its);
  expect(found).toEqual([...expected].sort());
  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(mostBytes);
  expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(mostBytes * 0.8);
}

test("ListWorkflows ends a page early, by whatever it lists", async () => {
  await expectAll(workflows(), ids);
  await expectAll(workflows({ workflowIdPrefix: "wf-" }), ids);
  const condition = { case: "equals" as const, value: { value: { case: "keyword" as const, value: "red" } } };
  await expectAll(workflows({ searchAttributes: [{ name: "colour", condition }] }), ids);
});

test("ListChildWorkflows ends a page early", async () => {
  const read = (pageToken: string) =>
    server.operations.listChildWorkflows(
      create(wf.ListChildWorkflowsRequestSchema, {
        namespace,
        workflowId: "parent",
        pageSize: 1_000,
        pageToken,
      }),
      callOf(),
    );
  const schema = wf.ListChildWorkflowsResponseSchema;
  await expectAll(
    listing({ schema, read, idsOf: (page) => page.workflows.map(({ workflowId }) => workflowId) }),
    ids,
  );
});

test("ListWaiting ends a page early", async () => {
  const read = (pageToken: string) =>
    server.operations.listWaiting(
      create(wf.ListWaitingRequestSchema, { namespace, idleFor: {}, pageSize: 1_000, pageToken }),
      callOf(),
    );
  const schema = wf.ListWaitingResponseSchema;
  const idsOf = (page: wf.ListWaitingResponse) => page.workflows.map(({ workflow }) => workflow?.workflowId);
  await expectAll(listing({ schema, read, idsOf }), [...ids, "parent"]);
});

test("ListSchedules ends a page early", async () => {
  const schedules = ids.slice(0, 60);
  for (const id of schedules)
    await scheduler(server, namespace).create(id, {
      ...minutely,
      isPaused: true,
      workflow: { workflowType: "order", input: text(150 * 1024) },
    });
  const read = (pageToken: string) =>
    server.operations.listSchedules(
      create(sc.ListSchedulesRequestSchema, { namespace, pageSize: 1_000, pageToken }),
      callOf(),
    );
  const schema = sc.ListSchedulesResponseSchema;
  await expectAll(
    listing({ schema, read, idsOf: (page) => page.schedules.map(({ scheduleId }) => scheduleId) }),
    schedules,
  );
});

test("ListSchedules has a full page of small ones", async () => {
  await scheduler(server, "main").create("s", { ...minutely, isPaused: true });
  await cluster.run(
    `insert into schedules select namespace_id, 's-' || n, version, revision, definition, progress, last_result, next_fire_at, created_at, updated_at
     from schedules, generate_series(1, 1000) n where schedule_id = 's'`,
  );
  const { schedules } = await scheduler(server, "main").list(1_000);
  expect(schedules).toHaveLength(1_000);
});

test("ListWorkers ends a page early", async () => {
  const workers = ids.slice(0, 20);
  const types = Array.from({ length: 1_000 }, (_, n) => `${"x".repeat(250)}${n}`);
  for (const workerId of workers)
    await server.operations.registerWorker(
      create(wk.RegisterWorkerRequestSchema, {
        namespace,
        worker: { workerId, taskQueues: ["default"], workflowTypes: types, activityTypes: types },
      }),
      callOf(),
    );
  const read = (pageToken: string) =>
    server.operations.listWorkers(
      create(wk.ListWorkersRequestSchema, { namespace, pageSize: 1_000, pageToken }),
      callOf(),
    );
  const schema = wk.ListWorkersResponseSchema;
  await expectAll(
    listing({ schema, read, idsOf: (page) => page.workers.map(({ spec }) => spec?.workerId) }),
    workers,
  );
});

test("ListNamespaces ends a page early", async () => {
  await cluster.run(
    "insert into namespaces (name, description) select 'large-' || n || repeat('x', 240), repeat('\u{1f600}', 1000) from generate_series(1, 1500) n",
  );
  const read = (pageToken: string) =>
    server.operations.listNamespaces(
      create(ns.ListNamespacesRequestSchema, { pageSize: 1_000, pageToken }),
      callOf(),
    );
  const schema = ns.ListNamespacesResponseSchema;
  const idsOf = (page: ns.ListNamespacesResponse) =>
    page.namespaces.map(({ name }) => name).filter((name) => name.startsWith("large-"));
  const expected = Array.from({ length: 1_500 }, (_, n) => `large-${n + 1}${"x".repeat(240)}`);
  await expectAll(listing({ schema, read, idsOf }), expected);
});

test("GetHistory ends a page early", async () => {
  await it.start("long");
  const signal = (bytes: number) => it.signal("long", { payload: text(bytes) });
  await signal(4_000);
  const probe = (await it.history("long")).at(-1);
  // So that the events by themselves would just fit.
  const around = probe === undefined ? 0 : toBinary(HistoryEventSchema, probe).length - 4_000;
  const bytes = Math.floor(mostBytes / 1_000) - around - 2;
  for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 100 }, () => signal(bytes)));
  const events = Array.from({ length: 1_003 }, (_, n) => String(n + 1));
  const isDescending = true;
  const read = (pageToken: string) =>
    server.operations.getHistory(
      create(wf.GetHistoryRequestSchema, {
        ...{ namespace, workflowId: "long", pageSize: 1_000, isDescending },
        pageToken,
      }),
      callOf(),
    );
  const schema = wf.GetHistoryResponseSchema;
  const idsOf = (page: wf.GetHistoryResponse) => page.events.map(({ eventId }) => String(eventId));
  await expectAll(listing({ schema, read, idsOf }), events);
});

test("GetWorkflow leaves out the details and failures that the response has no room for, of the last activities first", async () => {
  const pending = 2_000;
  const name = (n: number) => `${String(n).padStart(4, "0")}${"\u6f22".repeat(84)}`;
  const activities = Array.from({ length: pending }, (_, n) =>
    scheduleActivity(n + 1, {
      activityId: name(n),
      activityType: name(0),
      ...(n < 30 ? {} : { taskQueue: name(1) }),
    }),
  );
  const it = actor(server, await makeNamespace(server));
  await it.start("full", {
    spec: { memo: { note: text(250_000) }, userMetadata: { summary: text(100_000) } },
  });
  const [task] = await it.poll();
  const timers = Array.from({ length: pending }, (_, n) => scheduleTimer(pending + n + 1, 3_600));
  const child = {
    seq: 2 * pending + 1,
    kind: {
      case: "startChildWorkflow" as const,
      value: { spec: { workflowId: name(2), workflowType: name(0) } },
    },
  };
  expect(errorOf(await it.complete(task, [...activities, ...timers, child]))).toBeUndefined();
  await cluster.run(
    `insert into children (run_id, seq, state) select run_id, seq + n, state from children, generate_series(1, ${pending - 1}) n where run_id = $1`,
    [task?.runId],
  );
  const held = await it.pollActivities({ maxTasks: 30 });
  const details = { body: { case: "json" as const, value: JSON.stringify("\u6f22".repeat(80_000)) } };
  await Promise.all(held.map((activity) => it.beat(activity, details)));
  const shown = await it.get("full");
  const bytes = toBinary(wf.GetWorkflowResponseSchema, shown).length;
  expect(bytes).toBeLessThanOrEqual(mostBytes);
  expect(bytes).toBeGreaterThan(mostBytes - 250_000);
  expect(shown.pendingActivities).toHaveLength(pending);
  expect(shown.pendingTimers).toHaveLength(pending);
  expect(shown.pendingChildren).toHaveLength(pending);
  const told = shown.pendingActivities.map(({ heartbeatDetails }) => heartbeatDetails !== undefined);
  expect(told.slice(0, 30)).toContain(false);
  expect(told.lastIndexOf(true)).toBe(told.indexOf(false) - 1);
});
