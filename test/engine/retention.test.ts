import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import * as ns from "../../gen/pawl/v1/namespace_service_pb.js";
import { ClosedIdPolicy, ParentClosePolicy } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { silentLogger } from "../../src/engine/logger.js";
import { startLoops } from "../../src/loops/start-loops.js";
import { type Actor, actor, completeWorkflow, ms } from "../support/actor.js";
import {
  type CommandInit,
  callOf,
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { tablesWith } from "../support/left-rows.js";
import { miscounted } from "../support/miscounted.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let b: TestServer;
let namespace: string;
let onA: Actor;
let onB: Actor;

const day = 24 * 3_600_000;

beforeEach(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  b = await cluster.open();
  await a.upkeep.beat();
  namespace = await makeNamespace(a);
  onA = actor(a, namespace);
  onB = actor(b, namespace);
});

afterEach(async () => {
  expect(await miscounted(cluster)).toEqual([]);
  await cluster.close();
});

const retain = (milliseconds: number, name = namespace) =>
  a.operations.updateNamespace(
    create(ns.UpdateNamespaceRequestSchema, { name, retention: ms(milliseconds) }),
    callOf(),
  );

/** Starts a run and closes it. Answers with its id. */
async function closedRun(workflowId: string, who = onA): Promise<string> {
  const { runId = "" } = await who.start(workflowId);
  await who.terminate(workflowId);
  return runId;
}

async function listed(who = a): Promise<string[]> {
  const list = create(wf.ListWorkflowsRequestSchema, { namespace, pageSize: 1_000 });
  const { workflows = [] } = await who.operations.listWorkflows(list, callOf());
  return workflows.map(({ workflowId = "" }) => workflowId).sort();
}

/** Lets a server remove all that is due. */
async function expire({ upkeep }: TestServer = a): Promise<void> {
  while ((await upkeep.expire()) === 0);
  while ((await upkeep.clearDeletions()) === 0);
}

test("removes a closed run with all that hung on it when its namespace has kept it for long enough, and not before", async () => {
  const runId = await closedRun("old");
  await onA.start("open");
  const longer = await makeNamespace(a);
  await retain(31 * day, longer);
  await closedRun("kept", actor(a, longer));
  cluster.moveTime(30 * day - 5_000);
  await expire();
  expect(await listed()).toEqual(["old", "open"]);
  await closedRun("young");
  cluster.moveTime(6_000);
  await expire();
  expect(await listed(b)).toEqual(["open", "young"]);
  expect(await reasonOf(onB.get("old"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(onA.signal("old"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await tablesWith(cluster, [runId])).toEqual([]);
  expect((await actor(b, longer).get("kept")).workflow).toBeDefined();
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("goes by the retention as it is now: a shorter one counts for what has closed before, as a longer one does", async () => {
  await closedRun("wf");
  cluster.moveTime(2 * day);
  await expire();
  await retain(3_650 * day);
  cluster.moveTime(3_000 * day);
  await expire();
  expect(await listed()).toEqual(["wf"]);
  await retain(60_000);
  await expire(b);
  expect(await listed()).toEqual([]);
});

test("with nothing kept removes what has closed at once", async () => {
  await cluster.run("update namespaces set retention_ms = 0 where name = $1", [namespace]);
  await onA.start("open");
  await closedRun("wf");
  cluster.moveTime(1);
  await expire();
  expect(await listed()).toEqual(["open"]);
});

test("says how long it can wait for the next run, a minute at most", async () => {
  expect(await a.upkeep.expire()).toBe(60_000);
  await closedRun("wf");
  expect(await a.upkeep.expire()).toBe(60_000);
  cluster.moveTime(30 * day - 20_000);
  const wait = await a.upkeep.expire();
  expect(wait).toBeGreaterThan(10_000);
  expect(wait).toBeLessThanOrEqual(20_000);
  expect(await listed()).toEqual(["wf"]);
});

test("costs one statement a minute where nothing is due", async () => {
  for (let n = 0; n < 5; n++) await closedRun(`wf-${n}`);
  a.statements.length = 0;
  await a.upkeep.expire();
  // The other server may still be told of the runs.
  expect(a.statements.filter((name) => name !== "notify")).toEqual(["find_expiries"]);
});

test("takes old runs of a workflow id and leaves its current one; with the last of them the id is free", async () => {
  const [first, second] = [await closedRun("id"), await closedRun("id")];
  cluster.moveTime(10 * day);
  const last = await closedRun("id");
  cluster.moveTime(20 * day + 1_000);
  await expire();
  expect(await tablesWith(cluster, [first, second])).toEqual([]);
  expect((await onB.get("id")).workflow?.runId).toBe(last);
  const reject = { spec: { closedIdPolicy: ClosedIdPolicy.REJECT } };
  expect(await reasonOf(onB.start("id", reject))).toBe("WORKFLOW_EXISTS");
  cluster.moveTime(10 * day);
  await expire();
  // B believes the id to be that of the run it has read.
  expect((await onB.start("id", reject)).isStarted).toBe(true);
});

test("moves the pointer to a run that closed later than the current one", async () => {
  const { runId: older = "" } = await onA.start("id");
  await onA.terminate("id");
  const current = await closedRun("id");
  await cluster.run("update runs set closed_at = closed_at + 86400000000 where run_id = $1", [older]);
  cluster.moveTime(30 * day + 1_000);
  await expire();
  expect(await tablesWith(cluster, [current])).toEqual([]);
  expect((await onB.get("id")).workflow?.runId).toBe(older);
});

test("waits while much is left to be removed of runs that have gone", async () => {
  const ids = Array.from({ length: 1_050 }, (_, n) => `wf-${n}`);
  await Promise.all(ids.map((id) => closedRun(id)));
  cluster.moveTime(30 * day + 1_000);
  for (let pass = 0; pass < 5; pass++) expect(await a.upkeep.expire()).toBe(0);
  expect(await a.upkeep.expire()).toBe(100);
  expect(await listed()).toHaveLength(50);
  while ((await a.upkeep.clearDeletions()) === 0);
  await expire();
  expect(await listed()).toEqual([]);
});

test("is shared by servers, in passes of a bounded size, and removes each run once", async () => {
  const ids = Array.from({ length: 450 }, (_, n) => `wf-${n}`);
  await Promise.all(ids.map((id, n) => closedRun(id, n % 2 === 0 ? onA : onB)));
  cluster.moveTime(30 * day + 1_000);
  expect(await a.upkeep.expire()).toBe(0);
  expect(await listed()).toHaveLength(250);
  await Promise.all([expire(a), expire(b), expire(a), expire(b)]);
  await expire();
  expect(await listed()).toEqual([]);
  for (const table of ["runs", "workflow_ids", "history", "deletions"])
    expect(await cluster.run(`select 1 from ${table}`)).toEqual([]);
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("and starts, deletions and signals of the same ids at once leave runs and pointers that fit", async () => {
  await retain(60_000);
  for (let n = 0; n < 15; n++) {
    await closedRun("race");
    const deleted = await closedRun("both");
    cluster.moveTime(61_000);
    const [, , started, told] = await Promise.all([
      a.upkeep.expire(),
      b.upkeep.expire(),
      onB.start("race"),
      reasonOf(onA.delete("both", deleted)),
    ]);
    expect([undefined, "WORKFLOW_NOT_FOUND"]).toContain(told);
    expect(started.isStarted).toBe(true);
    expect((await onA.get("race")).workflow?.runId).toBe(started.runId);
    await onA.signal("race");
    await onB.terminate("race");
  }
  const dangling = await cluster.run(
    "select i.workflow_id from workflow_ids i left join runs r using (run_id) where r.run_id is null",
  );
  expect(dangling).toEqual([]);
  cluster.moveTime(61_000);
  await expire();
  expect(await cluster.run("select 1 from workflow_ids")).toEqual([]);
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("tells those who read a history that its run is gone, in mid-page", async () => {
  const runId = await closedRun("pages");
  const first = await onB.historyPage("pages", { pageSize: 1 });
  cluster.moveTime(30 * day + 1_000);
  expect(await a.upkeep.expire()).toBe(0);
  const next = { pageSize: 1, pageToken: first.nextPageToken };
  expect(await reasonOf(onB.historyPage("pages", next))).toBe("RUN_DELETED");
  await expire();
  expect(await reasonOf(onB.historyPage("pages", next))).toBe("RUN_DELETED");
  expect(await reasonOf(onA.historyPage("pages", { runId }))).toBe("WORKFLOW_NOT_FOUND");
});

test("lets a child go on whose parent goes, and a parent whose child does", async () => {
  await retain(60_000);
  await onA.start("parent");
  const [task] = await onA.poll();
  const value = {
    spec: { workflowId: "child", workflowType: "order" },
    parentClosePolicy: ParentClosePolicy.ABANDON,
  };
  await onA.complete(task, [{ seq: 1, kind: { case: "startChildWorkflow", value } } as CommandInit]);
  await until("it has started", async () => (await reasonOf(onA.get("child"))) === undefined);
  await onA.terminate("parent");
  cluster.moveTime(61_000);
  await expire();
  expect(await listed()).toEqual(["child"]);
  const [own] = await onB.poll();
  await onB.complete(own, [completeWorkflow]);
  expect((await onB.result("child")).outcome?.value.case).toBe("result");
  await until("no message is left", async () => (await cluster.run("select * from messages")).length === 0);
  expect([...a.faults, ...b.faults]).toEqual([]);
});

describe("a pass that fails", () => {
  test("changes nothing, and the next does its work", async () => {
    await closedRun("wf");
    cluster.moveTime(30 * day + 1_000);
    await cluster.run(
      "create function refuse() returns trigger language plpgsql as $$ begin raise 'not yet'; end $$",
    );
    await cluster.run(
      "create trigger hold before insert on deletions for each row execute function refuse()",
    );
    await expect(a.upkeep.expire()).rejects.toThrow("not yet");
    expect(await listed()).toEqual(["wf"]);
    expect((await onB.get("wf")).outcome).toBeDefined();
    await cluster.run("drop trigger hold on deletions");
    await expire();
    expect(await listed()).toEqual([]);
  });

  test("leaves what hangs on its runs to any server, if its own stops there", async () => {
    const runId = await closedRun("wf");
    cluster.moveTime(30 * day + 1_000);
    await a.upkeep.expire();
    await a.stop();
    expect(await tablesWith(cluster, [runId])).toEqual(["deletions", "history"]);
    await expire(b);
    expect(await tablesWith(cluster, [runId])).toEqual([]);
  });
});

test("is woken by a change of a namespace", async () => {
  const stop = startLoops(a.upkeep, { slowPollMs: 0, rereadMs: 0 }, silentLogger);
  const passes = () => a.statements.filter((name) => name === "find_expiries").length;
  await until("the loop has begun", () => passes() === 1);
  const runId = await closedRun("wf");
  cluster.moveTime(2 * day);
  await retain(day);
  await until("the run is gone", async () => (await tablesWith(cluster, [runId])).length === 0);
  const request = create(ns.DeleteNamespaceRequestSchema, { name: namespace });
  await a.operations.deleteNamespace(request, callOf());
  await until("the namespace is gone", async () => {
    const left = await cluster.run("select 1 from namespaces where name = $1", [namespace]);
    return left.length === 0;
  });
  await stop();
});
