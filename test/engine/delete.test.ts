import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClosedIdPolicy, ParentClosePolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import * as wf from "../../gen/pawl/v1/workflow_service_pb.js";
import { startLoops } from "../../src/loops/start-loops.js";
import {
  type Actor,
  actor,
  completeWorkflow,
  json,
  ms,
  scheduleActivity,
  scheduleTimer,
} from "../support/actor.js";
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
import { tablesWith } from "../support/left-rows.js";
import { miscounted } from "../support/miscounted.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let b: TestServer;
let namespace: string;
let onA: Actor;
let onB: Actor;

beforeEach(async () => {
  cluster = await openTestCluster();
  a = await cluster.open();
  b = await cluster.open();
  await a.upkeep.beat();
  namespace = await makeNamespace(a);
  onA = actor(a, namespace);
  onB = actor(b, namespace);
});

afterEach(() => cluster.close());

const reject = { closedIdPolicy: ClosedIdPolicy.REJECT };

const startChild = (seq: number, workflowId: string, parentClosePolicy = ParentClosePolicy.TERMINATE) =>
  ({
    seq,
    kind: {
      case: "startChildWorkflow",
      value: { spec: { workflowId, workflowType: "order" }, parentClosePolicy },
    },
  }) as CommandInit;

/** Starts a run and closes it. Answers with its id. */
async function closedRun(workflowId: string, who = onA): Promise<string> {
  const { runId = "" } = await who.start(workflowId);
  await who.terminate(workflowId);
  return runId;
}

async function listed(who = onA): Promise<(string | undefined)[]> {
  const operations = who === onA ? a.operations : b.operations;
  const list = create(wf.ListWorkflowsRequestSchema, { namespace, pageSize: 100 });
  const { workflows = [] } = await operations.listWorkflows(list, callOf());
  const { count } = await operations.countWorkflows(
    create(wf.CountWorkflowsRequestSchema, { namespace }),
    callOf(),
  );
  expect(Number(count)).toBe(workflows.length);
  return workflows.map(({ runId }) => runId);
}

async function children(workflowId: string): Promise<(string | undefined)[]> {
  const request = create(wf.ListChildWorkflowsRequestSchema, { namespace, workflowId, pageSize: 10 });
  const { workflows = [] } = await a.operations.listChildWorkflows(request, callOf());
  return workflows.map((child) => child.workflowId);
}

/** Lets all servers remove what is left, until there is nothing. */
async function clear(): Promise<void> {
  while ((await a.upkeep.clearDeletions()) === 0);
}

test("takes a closed run away at once, for every server, and then all that hung on it", async () => {
  const { runId = "" } = await onA.start("full", {
    spec: {
      memo: { note: json("1") },
      searchAttributes: { customer: { value: { case: "keyword", value: "x" } } },
    },
  });
  const other = await closedRun("other");
  await onA.signal("full", { requestId: "s" });
  const [task] = await onA.poll();
  await onA.complete(task, [
    scheduleActivity(1),
    scheduleTimer(2, 60),
    { seq: 3, kind: { case: "recordSnapshot", value: { state: json("2") } } },
  ]);
  const [activity] = await onA.pollActivities();
  await onA.beat(activity);
  await onA.signal("full");
  const [second] = await onA.poll();
  await onA.complete(second, [completeWorkflow]);
  expect(await tablesWith(cluster, [runId])).toEqual(
    expect.arrayContaining(["history", "run_attributes", "run_keys", "search_attributes", "snapshots"]),
  );
  expect(await onB.delete("full")).toEqual({});
  for (const who of [onA, onB]) {
    expect(await reasonOf(who.get("full"))).toBe("WORKFLOW_NOT_FOUND");
    expect(await reasonOf(who.get("full", runId))).toBe("WORKFLOW_NOT_FOUND");
    expect(await reasonOf(who.history("full"))).toBe("WORKFLOW_NOT_FOUND");
    expect(await reasonOf(who.signal("full"))).toBe("WORKFLOW_NOT_FOUND");
    expect(await reasonOf(who.delete("full", runId))).toBe("WORKFLOW_NOT_FOUND");
    expect(await listed(who)).toEqual([other]);
  }
  await clear();
  expect(await tablesWith(cluster, [runId])).toEqual([]);
  expect(await tablesWith(cluster, [other])).toContain("history");
  expect([...a.faults, ...b.faults]).toEqual([]);
});

test("refuses an open run, one that is not there, and one of another namespace", async () => {
  await onA.start("open");
  expect(await reasonOf(onA.delete("open"))).toBe("WORKFLOW_OPEN");
  expect(await reasonOf(onA.delete("nobody"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(onA.delete("open", crypto.randomUUID()))).toBe("WORKFLOW_NOT_FOUND");
  const runId = await closedRun("mine");
  const elsewhere = actor(a, await makeNamespace(a));
  expect(await reasonOf(elsewhere.delete("mine"))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(elsewhere.delete("mine", runId))).toBe("WORKFLOW_NOT_FOUND");
  expect(await reasonOf(actor(a, "nowhere").delete("mine"))).toBe("NAMESPACE_NOT_FOUND");
  expect((await onA.get("mine")).workflow?.runId).toBe(runId);
});

test("starts a deleted id anew, whatever servers have in their caches", async () => {
  await closedRun("again");
  expect(await reasonOf(onB.start("again", { spec: reject }))).toBe("WORKFLOW_EXISTS");
  expect(await reasonOf(onA.start("again", { spec: reject }))).toBe("WORKFLOW_EXISTS");
  await onB.delete("again");
  const { runId, isStarted } = await onA.start("again", { spec: reject });
  expect(isStarted).toBe(true);
  expect((await onB.get("again")).workflow?.runId).toBe(runId);
  await onB.terminate("again");
  await onA.delete("again");
  // B believes the id to be that of the run it has closed.
  expect((await onB.start("again")).isStarted).toBe(true);
});

test("makes the newest run that is left the latest of its workflow id", async () => {
  const runs = [await closedRun("id"), await closedRun("id"), await closedRun("id")] as const;
  await onA.delete("id", runs[1]);
  expect((await onB.get("id")).workflow?.runId).toBe(runs[2]);
  await onA.delete("id");
  expect((await onB.get("id")).workflow?.runId).toBe(runs[0]);
  expect(await reasonOf(onB.start("id", { spec: reject }))).toBe("WORKFLOW_EXISTS");
  const { runId } = await onB.start("id");
  expect(await reasonOf(onA.delete("id"))).toBe("WORKFLOW_OPEN");
  await onA.delete("id", runs[0]);
  expect(await listed()).toEqual([runId]);
  await onA.terminate("id");
  await onA.delete("id");
  expect(await reasonOf(onA.get("id"))).toBe("WORKFLOW_NOT_FOUND");
  await clear();
  expect(await tablesWith(cluster, [...runs, runId ?? ""])).toEqual([]);
});

describe("who reads a run while it is deleted is told so", () => {
  test("in the middle of its history", async () => {
    const runId = await closedRun("pages");
    const first = await onB.historyPage("pages", { pageSize: 1 });
    const last = await onB.historyPage("pages", { pageSize: 1, isDescending: true });
    await onA.delete("pages");
    const next = { pageSize: 1, pageToken: first.nextPageToken };
    expect(await reasonOf(onB.historyPage("pages", next))).toBe("RUN_DELETED");
    expect(await reasonOf(onB.historyPage("pages", { ...next, runId }))).toBe("RUN_DELETED");
    const before = { pageSize: 1, isDescending: true, pageToken: last.nextPageToken };
    expect(await reasonOf(onA.historyPage("pages", before))).toBe("RUN_DELETED");
  });

  test("in a wait that began while it was open", async () => {
    await onA.start("wait");
    await onA.update("wait", { updateId: "u", waitStage: wf.UpdateStage.ADMITTED });
    const [task] = await onA.poll();
    await onA.complete(task, [scheduleActivity(1)]);
    const waits = [
      onB.historyPage("wait", { afterEventId: 100, wait: ms(20_000) }),
      onB.result("wait"),
      onB.updateResult("wait", { updateId: "u" }),
    ];
    const told = Promise.all(waits.map(reasonOf));
    await until("B waits", () => b.held().runWaits === waits.length);
    // As if the hints of its end and of its deletion were lost.
    await cluster.run("delete from runs");
    await b.upkeep.rereadAll();
    expect(await told).toEqual(["RUN_DELETED", "RUN_DELETED", "RUN_DELETED"]);
  });

  test("when it is the next one of a chain", async () => {
    await onA.start("chain");
    const [task] = await onA.poll();
    await onA.complete(task, [{ kind: { case: "continueAsNew", value: {} } } as CommandInit]);
    await onA.terminate("chain");
    await onA.delete("chain");
    const firstRun = (await onB.get("chain")).workflow?.runId ?? "";
    expect(firstRun).toBe(task?.runId);
    expect(await reasonOf(onB.result("chain", { runId: firstRun }))).toBe("RUN_DELETED");
    expect((await onB.result("chain", { runId: firstRun, thisRunOnly: true })).outcome).toBeDefined();
  });

  test.each([
    ["the first events", "first_event_id = 1"],
    ["the last events", "first_event_id > 2"],
  ])("also where %s have gone since it was found", async (_, which) => {
    const { runId } = await onA.start("half");
    const [task] = await onA.poll();
    await onA.complete(task, [scheduleActivity(1)]);
    const [activity] = await onA.pollActivities();
    await onA.completeActivity(activity);
    await onA.terminate("half");
    await cluster.run(`delete from history where run_id = $1 and ${which}`, [runId]);
    for (const isDescending of [false, true])
      expect(await reasonOf(onB.historyPage("half", { isDescending }))).toBe("RUN_DELETED");
    const isEndGone = which !== "first_event_id = 1";
    const end = isEndGone ? "RUN_DELETED" : undefined;
    expect(await reasonOf(onB.historyPage("half", { closingEventOnly: true }))).toBe(end);
    expect(await reasonOf(onB.get("half"))).toBe(end);
  });
});

test("is done by one of two calls at once; the other finds nothing", async () => {
  for (let n = 0; n < 20; n++) {
    await closedRun(`twice-${n}`);
    const told = await Promise.all([onA, onB].map((who) => reasonOf(who.delete(`twice-${n}`))));
    expect(told.sort()).toEqual(["WORKFLOW_NOT_FOUND", undefined]);
  }
  expect(await cluster.run("select * from workflow_ids")).toEqual([]);
});

test("leaves the pointer at a run that is there, however many runs of an id are deleted at once", async () => {
  for (let n = 0; n < 10; n++) {
    const runs: string[] = [];
    for (let m = 0; m < 5; m++) runs.push(await closedRun("many"));
    const doomed = runs.filter((_, m) => m !== n % 5);
    await Promise.all(doomed.map((runId, m) => (m % 2 === 0 ? onA : onB).delete("many", runId)));
    expect((await onA.get("many")).workflow?.runId).toBe(runs[n % 5]);
    await onB.delete("many");
  }
});

test("and a start of the same id at once leave one of both orders behind", async () => {
  for (let n = 0; n < 30; n++) {
    const old = await closedRun("race", n % 2 === 0 ? onA : onB);
    const [deleted, started] = await Promise.all([
      reasonOf(onA.delete("race", old)),
      onB.start("race", { spec: { closedIdPolicy: ClosedIdPolicy.ALLOW } }),
    ]);
    expect(deleted).toBeUndefined();
    expect(started.isStarted).toBe(true);
    expect((await onA.get("race")).workflow?.runId).toBe(started.runId);
    expect(await listed()).toEqual([started.runId]);
    await onA.terminate("race");
    await onA.delete("race");
  }
  await clear();
  expect(await cluster.run("select run_id from history")).toEqual([]);
  expect(await miscounted(cluster)).toEqual([]);
  expect([...a.faults, ...b.faults]).toEqual([]);
});

describe("between runs", () => {
  test("a parent goes on after its closed child was deleted, and lists those that are left", async () => {
    await onA.start("parent");
    const [task] = await onA.poll();
    await onA.complete(task, [startChild(1, "one"), startChild(2, "two")]);
    await until("both have started", async () => (await children("parent")).length === 2);
    await onA.terminate("one");
    await onA.delete("one");
    expect(await children("parent")).toEqual(["two"]);
    await until("the parent hears of the end", async () =>
      kindsOf(await onA.history("parent")).includes("childWorkflowTerminated"),
    );
    expect((await onA.get("parent")).pendingChildren.map(({ workflowId }) => workflowId)).toEqual(["two"]);
    await onA.terminate("parent");
    await until("the policy reaches the other", async () => (await onA.get("two")).outcome !== undefined);
  });

  test("a child goes on after its parent was deleted, and its end is told to nobody", async () => {
    await onA.start("parent");
    const [task] = await onA.poll();
    await onA.complete(task, [startChild(1, "child", ParentClosePolicy.ABANDON)]);
    await until("it has started", async () => (await reasonOf(onA.get("child"))) === undefined);
    await onA.terminate("parent");
    await onA.delete("parent");
    await clear();
    expect((await onB.get("child")).workflow?.parent?.workflowId).toBe("parent");
    const tasks = await onB.poll({ maxTasks: 2 });
    await onB.complete(
      tasks.find(({ workflowId }) => workflowId === "child"),
      [completeWorkflow],
    );
    expect((await onB.result("child")).outcome?.value.case).toBe("result");
    await until("no message is left", async () => (await cluster.run("select * from messages")).length === 0);
    expect(await reasonOf(onA.get("parent"))).toBe("WORKFLOW_NOT_FOUND");
    expect([...a.faults, ...b.faults]).toEqual([]);
  });

  test("what a deleted run has sent arrives, and what is sent to it is answered", async () => {
    await onA.start("parent");
    const [task] = await onA.poll();
    await onA.complete(task, [startChild(1, "child")]);
    await until("it has started", async () => (await reasonOf(onA.get("child"))) === undefined);
    await until("all is delivered", async () => (await cluster.run("select * from messages")).length === 0);
    await cluster.run(
      "create function refuse() returns trigger language plpgsql as $$ begin raise 'not yet'; end $$",
    );
    await cluster.run("create trigger hold before delete on messages for each row execute function refuse()");
    await onA.terminate("parent");
    await until("the delivery has failed", () => a.faults.length > 0);
    await onA.delete("parent");
    await clear();
    await cluster.run("drop trigger hold on messages");
    expect(await cluster.run("select * from messages")).toHaveLength(1);
    cluster.moveTime(2_001);
    await b.upkeep.deliverOverdue();
    expect((await onB.get("child")).workflow?.status).toBe(WorkflowStatus.TERMINATED);
    const late = { workflowId: "parent", runId: task?.runId ?? "", namespace };
    await onB.start("sender");
    const sender = (await onB.poll({ maxTasks: 3 })).find(({ workflowId }) => workflowId === "sender");
    await onB.complete(sender, [
      { seq: 1, kind: { case: "signalExternalWorkflow", value: { target: late, name: "x" } } } as CommandInit,
    ]);
    await until("it is told", async () =>
      kindsOf(await onB.history("sender")).includes("externalSignalFailed"),
    );
    expect(b.faults).toEqual([]);
  });
});

test("is finished by another server if the one that began it stops, and by its own loop at once", async () => {
  const runId = await closedRun("left");
  await onA.delete("left");
  await a.stop();
  expect(await tablesWith(cluster, [runId])).toEqual(["deletions", "history"]);
  await b.upkeep.clearDeletions();
  expect(await tablesWith(cluster, [runId])).toEqual([]);
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const stop = startLoops(b.upkeep, { slowPollMs: 0, rereadMs: 0 }, silent);
  const cleared = () => b.statements.filter((name) => name === "clear_deletions").length;
  await until("the loop has begun", () => cleared() === 2);
  const next = await closedRun("looped", onB);
  await onB.delete("looped");
  await until("nothing is left", async () => (await tablesWith(cluster, [next])).length === 0);
  await stop();
});
