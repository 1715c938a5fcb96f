import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NamespaceState } from "../../gen/pawl/v1/namespace_pb.js";
import * as ns from "../../gen/pawl/v1/namespace_service_pb.js";
import { RegisterWorkerRequestSchema } from "../../gen/pawl/v1/worker_service_pb.js";
import { ParentClosePolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { openConnection } from "../../src/store/pool.js";
import { type Actor, actor, completeWorkflow, ms } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  kindsOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { miscounted } from "../support/miscounted.js";
import { scheduler } from "../support/schedules.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
  other = await cluster.open();
});
afterAll(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  expect([...server.faults, ...other.faults]).toEqual([]);
  await cluster.close();
});

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

const make = (request: Init<typeof ns.CreateNamespaceRequestSchema>, at = server) =>
  at.operations.createNamespace(create(ns.CreateNamespaceRequestSchema, request), callOf());
const update = (request: Init<typeof ns.UpdateNamespaceRequestSchema>) =>
  server.operations.updateNamespace(create(ns.UpdateNamespaceRequestSchema, request), callOf());
const remove = (request: Init<typeof ns.DeleteNamespaceRequestSchema>, at = server) =>
  at.operations.deleteNamespace(create(ns.DeleteNamespaceRequestSchema, request), callOf());

/** The namespace as it is listed. */
async function listed(name: string) {
  const request = create(ns.ListNamespacesRequestSchema, { pageSize: 1_000 });
  const { namespaces = [] } = await server.operations.listNamespaces(request, callOf());
  return namespaces.find((one) => one.name === name);
}

/** What is counted, without the statuses that no run has. */
async function stats(name: string) {
  const request = create(ns.GetNamespaceStatsRequestSchema, { name });
  const { workflows = [], schedules, workers } = await server.operations.getNamespaceStats(request, callOf());
  expect(workflows).toHaveLength(8);
  const runs = workflows.flatMap(({ status = 0, count = 0n }) =>
    count === 0n ? [] : [[WorkflowStatus[status], Number(count)]],
  );
  return { runs: Object.fromEntries(runs), schedules, workers };
}

const forget = (requestId: string) =>
  cluster.run(
    "update namespace_requests set requested_at = requested_at - 86400000000 where request_id = $1",
    [requestId],
  );

/** Lets a server remove all that is due. */
async function expire(at = server): Promise<void> {
  for (let isBusy = true; isBusy; ) {
    isBusy = (await at.upkeep.expire()) <= 1_000;
    while ((await at.upkeep.clearDeletions()) === 0);
  }
}

describe("creating a namespace", () => {
  test("makes one of a request, however often and at once it comes", async () => {
    const request = { name: "once", description: "for tests", requestId: "r-once" };
    const made = await Promise.all([make(request), make(request), make(request)]);
    expect(new Set(made.map(({ namespace }) => namespace?.namespaceId)).size).toBe(1);
    expect(await make(request)).toEqual(made[0]);
  });

  test("is refused for a request id that was used with another name, description or retention", async () => {
    const request = { name: "first", requestId: "r-other" };
    await make(request);
    for (const change of [{ name: "second" }, { description: "other" }, { retention: ms(60_000) }])
      expect(await reasonOf(make({ ...request, ...change }))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(make({ ...request, requestId: "r-third" }))).toBe("NAMESPACE_EXISTS");
    expect(await reasonOf(update(request))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(remove(request))).toBe("REQUEST_ID_REUSED");
  });

  test("takes effect for one of several that use a request id at once, at any server; the others are told as later ones", async () => {
    for (let n = 0; n < 20; n++) {
      const requestId = `r-at-once-${n}`;
      const names = ["a", "b", "c", "d"].map((letter) => `at-once-${n}-${letter}`);
      if (n % 2 === 1) {
        await make({ name: `at-once-${n}`, requestId });
        await forget(requestId);
      }
      const reasons = await Promise.all(
        names.map((name, index) => reasonOf(make({ name, requestId }, index % 2 === 0 ? server : other))),
      );
      expect(reasons.sort()).toEqual([...Array(3).fill("REQUEST_ID_REUSED"), undefined]);
      expect((await Promise.all(names.map(listed))).filter((found) => found !== undefined)).toHaveLength(1);
    }
  });

  test("is known again after the namespace was changed, and answers it as it is now", async () => {
    const request = { name: "moved-on", description: "before", requestId: "r-moved-on" };
    await make(request);
    await update({ name: "moved-on", description: "after" });
    expect((await make(request)).namespace).toMatchObject({ description: "after" });
  });

  test("forgets its request id after 24 hours", async () => {
    const request = { name: "old", requestId: "r-old" };
    await make(request);
    await forget("r-old");
    expect(await reasonOf(make(request))).toBe("NAMESPACE_EXISTS");
    await make({ ...request, name: "new" });
  });

  test("keeps no request id that was refused", async () => {
    await make({ name: "taken" });
    expect(await reasonOf(make({ name: "taken", requestId: "r-taken" }))).toBe("NAMESPACE_EXISTS");
    expect((await make({ name: "free", requestId: "r-taken" })).namespace?.name).toBe("free");
  });
});

describe("updating a namespace", () => {
  test("changes what is given and leaves the rest", async () => {
    const { namespace } = await make({ name: "up", description: "a", retention: ms(60_000) });
    const { namespace: renamed } = await update({ name: "up", description: "b" });
    expect(renamed).toEqual({ ...namespace, description: "b" });
    const { namespace: kept } = await update({ name: "up", retention: ms(120_000) });
    expect(kept).toMatchObject({ description: "b", retention: { seconds: 120n } });
    expect((await update({ name: "up", description: "" })).namespace?.description).toBe("");
    expect(await update({ name: "up" })).toEqual({ namespace: await listed("up") });
  });

  test("has one effect under its request id", async () => {
    await make({ name: "up-once" });
    const request = { name: "up-once", description: "mine", requestId: "r-up" };
    await Promise.all([update(request), update(request)]);
    await update({ name: "up-once", description: "theirs" });
    expect((await update(request)).namespace?.description).toBe("theirs");
    expect(await reasonOf(update({ ...request, description: "x" }))).toBe("REQUEST_ID_REUSED");
    await forget("r-up");
    expect((await update(request)).namespace?.description).toBe("mine");
  });

  test("finds no namespace that is not there, and changes none that is being deleted", async () => {
    expect(await reasonOf(update({ name: "nowhere" }))).toBe("NAMESPACE_NOT_FOUND");
    await make({ name: "up-late" });
    await remove({ name: "up-late" });
    expect(await reasonOf(update({ name: "up-late", description: "x" }))).toBe("NAMESPACE_IN_USE");
    await expire();
    expect(await reasonOf(update({ name: "up-late", description: "x" }))).toBe("NAMESPACE_NOT_FOUND");
  });
});

describe("the numbers of a namespace", () => {
  test("are those of its runs by every status, its schedules and its workers", async () => {
    const name = await makeNamespace(server);
    const its = actor(server, name);
    expect(await stats(name)).toEqual({ runs: {}, schedules: 0n, workers: 0n });
    for (const id of ["a", "b", "c", "d"]) await its.start(id);
    const [task] = await its.poll();
    await its.complete(task, [completeWorkflow]);
    await its.poll();
    await its.terminate("c");
    const worker = { namespace: name, worker: { workerId: "w", taskQueues: ["default"] } };
    await server.operations.registerWorker(create(RegisterWorkerRequestSchema, worker), callOf());
    const runs = { PENDING: 1, RUNNING: 1, COMPLETED: 1, TERMINATED: 1 };
    expect(await stats(name)).toEqual({ runs, schedules: 0n, workers: 1n });
    cluster.moveTime(91_000);
    expect((await stats(name)).workers).toBe(0n);
    await its.delete("c");
    expect((await stats(name)).runs).toEqual({ PENDING: 1, RUNNING: 1, COMPLETED: 1 });
    expect(await reasonOf(stats("nowhere"))).toBe("NAMESPACE_NOT_FOUND");
  });
});

describe("deleting a namespace", () => {
  let name: string;
  let its: Actor;

  async function withRuns(closed: number): Promise<void> {
    name = await makeNamespace(server);
    its = actor(server, name);
    for (let n = 0; n < closed; n++) {
      await its.start(`wf-${n % 3}`);
      await its.terminate(`wf-${n % 3}`);
    }
  }

  /** The tables that have rows of the namespace. */
  async function tables(namespaceId = ""): Promise<string[]> {
    const names = await cluster.run<{ name: string }>(
      `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'namespace_id'
       where c.relnamespace = 'pawl'::regnamespace and c.relkind = 'r' and not a.attisdropped and c.relname <> 'namespace_requests'
       order by 1`,
    );
    const selects = names.map(
      (table) => `select '${table.name}' as name from ${table.name} where namespace_id = $1`,
    );
    return (await cluster.run<{ name: string }>(selects.join(" union "), [namespaceId]))
      .map((row) => row.name)
      .sort();
  }

  test("is refused for main, for one with an open run and for one with a schedule", async () => {
    expect(await reasonOf(remove({ name: "main" }))).toBe("NAMESPACE_IN_USE");
    await withRuns(1);
    await its.start("open");
    expect(await reasonOf(remove({ name }))).toBe("NAMESPACE_IN_USE");
    await its.terminate("open");
    const schedules = scheduler(server, name);
    await schedules.create("nightly", daily);
    expect((await stats(name)).schedules).toBe(1n);
    expect(await reasonOf(remove({ name }))).toBe("NAMESPACE_IN_USE");
    await schedules.delete("nightly");
    expect(await remove({ name })).toEqual({});
    expect(await reasonOf(remove({ name: "nowhere" }))).toBe("NAMESPACE_NOT_FOUND");
    await expire();
  });

  test("lets nothing start in it any more, at any server, and leaves what is there to be read until it goes", async () => {
    await withRuns(2);
    const onOther = actor(other, name);
    await onOther.get("wf-0");
    await remove({ name });
    expect(await listed(name)).toMatchObject({ state: NamespaceState.DELETING });
    for (const who of [its, onOther]) {
      expect(await reasonOf(who.start("new"))).toBe("NAMESPACE_IN_USE");
      expect(await reasonOf(who.start("wf-0"))).toBe("NAMESPACE_IN_USE");
      expect(await reasonOf(who.reset("wf-0", 4))).toMatch(/NAMESPACE_IN_USE|RESET_POINT_INVALID/);
      expect((await who.get("wf-1")).workflow?.status).toBe(WorkflowStatus.TERMINATED);
    }
    expect((await stats(name)).runs).toEqual({ TERMINATED: 2 });
    expect(await reasonOf(make({ name }))).toBe("NAMESPACE_EXISTS");
    await expire(other);
    expect(await listed(name)).toBeUndefined();
    expect(await reasonOf(onOther.get("wf-0"))).toBe("NAMESPACE_NOT_FOUND");
  });

  test("removes its runs, however long they were to be kept, then all else, and itself last", async () => {
    await withRuns(7);
    const worker = { namespace: name, worker: { workerId: "w", taskQueues: ["default"] } };
    await server.operations.registerWorker(create(RegisterWorkerRequestSchema, worker), callOf());
    const namespaceId = (await listed(name))?.namespaceId;
    expect(await tables(namespaceId)).toEqual([
      "namespaces",
      "run_counts",
      "runs",
      "workers",
      "workflow_ids",
    ]);
    await remove({ name });
    while ((await server.upkeep.expire()) === 0);
    expect(await tables(namespaceId)).toEqual(["deletions", "namespaces", "run_counts", "workers"]);
    await expire();
    expect(await tables(namespaceId)).toEqual([]);
    expect(await make({ name })).toBeDefined();
    expect(await reasonOf(actor(server, name).get("wf-0"))).toBe("WORKFLOW_NOT_FOUND");
  });

  test("is finished by another server", async () => {
    await withRuns(1);
    const third = await cluster.open();
    await remove({ name }, third);
    await third.stop();
    await expire(other);
    expect(await listed(name)).toBeUndefined();
  });

  test("has one effect under its request id, also when it is gone", async () => {
    await withRuns(1);
    const request = { name, requestId: `r-${name}` };
    expect(await Promise.all([remove(request), remove(request)])).toEqual([{}, {}]);
    expect(await reasonOf(remove({ name }))).toBe("NAMESPACE_IN_USE");
    await expire();
    expect(await remove(request)).toEqual({});
    expect(await reasonOf(remove({ ...request, name: "other" }))).toBe("REQUEST_ID_REUSED");
    expect(await reasonOf(remove({ name }))).toBe("NAMESPACE_NOT_FOUND");
  });

  test("and starts at once leave one of both orders behind: an open run, or a namespace that takes none", async () => {
    for (let n = 0; n < 20; n++) {
      await withRuns(0);
      const onOther = actor(other, name);
      const starts = [0, 1, 2, 3].map((m) => reasonOf((m % 2 === 0 ? its : onOther).start(`wf-${m}`)));
      const [deleted, ...started] = await Promise.all([reasonOf(remove({ name })), ...starts]);
      const isKept = started.includes(undefined);
      expect(deleted).toBe(isKept ? "NAMESPACE_IN_USE" : undefined);
      if (!isKept) expect(new Set(started)).toEqual(new Set(["NAMESPACE_IN_USE"]));
    }
    await expire();
  });

  test("works while a transaction is open that has read the namespaces, such as that of a backup", async () => {
    await withRuns(1);
    const backup = await openConnection({ url: cluster.url, name: "pawl-test-backup" });
    try {
      await backup.query("begin isolation level repeatable read, read only");
      await backup.query("lock table namespaces, runs, workflow_ids, batches in access share mode");
      await backup.query("select * from namespaces");
      expect(await remove({ name })).toEqual({});
      expect(await reasonOf(its.start("new"))).toBe("NAMESPACE_IN_USE");
    } finally {
      await backup.end();
    }
    await expire();
  });

  const daily = {
    spec: { cron: ["@daily"] },
    workflow: { workflowId: "nightly", workflowType: "order" },
  };

  /** How many connections wait for a lock. */
  async function waiting(): Promise<number> {
    const rows = await cluster.run(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.length;
  }

  test.each(["a start", "a schedule"])(
    "waits for %s that is under way, and then is refused",
    async (what) => {
      // Their statements have been prepared, so that nothing but running one takes a lock.
      await withRuns(3);
      await scheduler(other, name).create("gone", daily);
      await scheduler(other, name).delete("gone");
      const namespaceId = (await listed(name))?.namespaceId;
      const blocker = await openConnection({ url: cluster.url, name: "pawl-test-blocker" });
      try {
        await blocker.query("begin");
        const under =
          what === "a start"
            ? "insert into workflow_ids (namespace_id, workflow_id, run_id, start_request_id, request_hash) values ($1, 'x', gen_random_uuid(), '', '')"
            : "insert into schedules (namespace_id, schedule_id, version, revision, definition, progress, created_at, updated_at) values ($1, 'x', 1, 1, '', '{}', 1, 1)";
        await blocker.query(under, [namespaceId]);
        const making = what === "a start" ? its.start("x") : scheduler(other, name).create("x", daily);
        await until("it is under way", async () => (await waiting()) === 1);
        const deleting = reasonOf(remove({ name }));
        await until("the deletion waits", async () => (await waiting()) === 2);
        await blocker.query("rollback");
        await making;
        expect(await deleting).toBe("NAMESPACE_IN_USE");
      } finally {
        await blocker.end();
      }
    },
  );

  test("lets a child not start in it", async () => {
    await withRuns(0);
    const parentsName = await makeNamespace(server);
    const parents = actor(server, parentsName);
    await parents.start("parent");
    const [task] = await parents.poll();
    const value = {
      namespace: name,
      spec: { workflowId: "child", workflowType: "order" },
      parentClosePolicy: ParentClosePolicy.ABANDON,
    };
    await remove({ name });
    await parents.complete(task, [{ seq: 1, kind: { case: "startChildWorkflow", value } } as CommandInit]);
    await until("the parent hears that it could not", async () =>
      kindsOf(await parents.history("parent")).includes("childWorkflowStartFailed"),
    );
    await expire();
  });
});
