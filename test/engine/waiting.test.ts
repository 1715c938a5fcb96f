import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import { type ListWaitingResponse, WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import { type Actor, actor, ms, scheduleActivity, scheduleTimer } from "../support/actor.js";
import {
  type CommandInit,
  makeNamespace,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
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

const startChild: CommandInit = {
  seq: 1,
  kind: {
    case: "startChildWorkflow",
    value: { spec: { workflowId: "child", workflowType: "other", taskQueue: "child" } },
  },
} as CommandInit;

/** Polls that find nothing, so that a worker was seen. */
async function seeWorker(who: Actor, types: string[] = []): Promise<void> {
  await who.poll({ wait: ms(0), workflowTypes: types });
}

/** The leading reasons by workflow id, in the order of the ids; runs come in that of their starts, by a clock that servers know to a millisecond or so. */
async function listed(rest: Parameters<Actor["waiting"]>[0] = {}, who = it): Promise<[string, string][]> {
  const { workflows } = await who.waiting(rest);
  const times = workflows.map(({ workflow }) => timeOf(workflow?.startTime));
  expect(times).toEqual(times.toSorted((x, y) => x - y));
  const reasons = workflows.map(({ workflow, reason }): [string, string] => [
    workflow?.workflowId ?? "",
    WaitingReason[reason],
  ]);
  return reasons.sort(([x], [y]) => (x < y ? -1 : 1));
}

function timeOf(time: { seconds: bigint; nanos: number } | undefined): number {
  return Number(time?.seconds) * 1_000_000 + (time?.nanos ?? 0) / 1_000;
}

describe("what a run waits for", () => {
  test("is a worker that nobody has seen, or one that is busy, at whichever server it polls", async () => {
    const b = await cluster.open();
    const onB = actor(b, namespace);
    const polling = onB.poll({ workflowTypes: ["order"], wait: ms(20_000) });
    await until("B's poll waits", () => b.held().waitingPolls === 1);
    await onB.start("taken");
    await polling;
    await it.start("waits");
    const first = async (who = it) => (await who.get("waits")).waitingFor[0];
    expect(await first()).toMatch(/^No worker polls queue "default" for workflow tasks of type "order"/);
    expect(await first(onB)).toMatch(/^Waits since .* all are busy\.$/);
    await b.upkeep.beat();
    expect(await first()).toMatch(/^Waits since .* all are busy\.$/);
    cluster.moveTime(31_000);
    expect(await first(onB)).toMatch(/^No worker polls/);
    await b.upkeep.beat();
    expect(await first()).toMatch(/^No worker polls/);
    expect(b.faults).toEqual([]);
  });

  test("is a worker for the type: polls for another, or of the other side of the queue, do not count", async () => {
    const gone = new AbortController();
    const polls = [
      it.poll({ workflowTypes: ["another"], wait: ms(20_000) }, gone.signal),
      it.pollActivities({ activityTypes: ["order"], wait: ms(20_000) }, gone.signal),
      actor(a, await makeNamespace(a)).poll({ wait: ms(20_000) }, gone.signal),
    ];
    await until("they wait", () => a.held().waitingPolls === 3);
    await it.start("waits");
    cluster.moveTime(60_000);
    expect((await it.get("waits")).waitingFor).toEqual([expect.stringMatching(/^No worker polls/)]);
    gone.abort();
    await Promise.all(polls);
  });

  test("is no worker that is missing where one is registered and alive, which does not poll while it is busy", async () => {
    await it.register("busy", { taskQueues: ["default"], workflowTypes: ["order"] });
    await it.start("waits");
    const first = async () => (await it.get("waits")).waitingFor[0];
    expect(await first()).toMatch(/^Waits since .* all are busy\.$/);
    cluster.moveTime(91_000);
    expect(await first()).toMatch(/^No worker polls/);
    await it.register("busy", { taskQueues: ["default"], activityTypes: ["order"] });
    expect(await first()).toMatch(/^No worker polls/);
  });

  test("is busy workers, not missing ones, where more are alive than are looked at", async () => {
    const [row] = await cluster.run<{ id: string }>(
      "select namespace_id as id from namespaces where name = $1",
      [namespace],
    );
    const register = (first: number, last: number, seenAt: number) =>
      cluster.run(
        `insert into workers (namespace_id, worker_id, spec, registered_at, seen_at)
         select $1, 'w-' || n, '', $4::bigint, $4::bigint from generate_series($2::int, $3::int) n`,
        [row?.id, first, last, seenAt],
      );
    await it.start("waits");
    const first = async () => (await it.get("waits")).waitingFor[0];
    await register(1, 1_001, 1);
    expect(await first()).toMatch(/^No worker polls/);
    await register(2_001, 3_001, Date.now() * 1_000);
    expect(await first()).toMatch(/all are busy\.$/);
  });

  test("is what workers have told of what their code does", async () => {
    await it.start("broken");
    const [task] = await it.poll();
    const difference = 'recorded is event 5: activity 1 "charge", but the code made timer 1';
    await it.fail(task, {
      cause: WorkflowTaskFailureCause.NON_DETERMINISM,
      failure: { message: difference },
    });
    expect((await it.get("broken")).waitingFor[0]).toContain(difference);
    cluster.moveTime(61_000);
    await a.upkeep.wakeDueRuns();
    await seeWorker(it, ["another"]);
    expect(await listed()).toEqual([["broken", "NO_WORKER"]]);
    expect((await it.waiting()).workflows[0]?.explanation).toContain(difference);
  });

  test("asks nobody who polls when all tasks are taken", async () => {
    await it.start("taken");
    await it.poll();
    const before = a.statements.length;
    expect((await it.get("taken")).waitingFor[0]).toMatch(/^Worker "anonymous" has its workflow task since/);
    expect(a.statements.slice(before)).toEqual(["load_workflows"]);
  });

  test("passes over what it can't read of other servers", async () => {
    const odd = [["polls", 7], ["polls", "workflow", "ns", "q", [1]], "what", null, 5];
    for (const load of [JSON.stringify(odd), "{}"])
      await cluster.run(
        "insert into servers select gen_random_uuid(), seen_at, seen_at + 60000000, $1::json from servers limit 1",
        [load],
      );
    await it.start("waits");
    expect((await it.get("waits")).waitingFor[0]).toMatch(/^No worker polls/);
    await cluster.run("update servers set load = $1::json", ['[["more-polls"]]']);
    expect((await it.get("waits")).waitingFor[0]).toMatch(/all are busy\.$/);
  });
});

describe("runs that do not move", () => {
  /** A run for each reason but those of failing code. */
  async function startAll(): Promise<void> {
    await it.start("no-worker", { spec: { taskQueue: "nobody" } });
    for (const workflowId of ["activity", "backs-off", "timer", "signal", "parent", "held"])
      await it.start(workflowId, { spec: { workflowTaskTimeout: ms(600_000) } });
    const tasks = new Map((await it.poll({ maxTasks: 6 })).map((task) => [task.workflowId, task]));
    const retryPolicy = { initialInterval: ms(600_000), maximumInterval: ms(600_000) };
    await it.complete(tasks.get("activity"), [scheduleActivity(1, { taskQueue: "run" })]);
    await it.complete(tasks.get("backs-off"), [scheduleActivity(1, { retryPolicy }), scheduleTimer(2, 900)]);
    await it.complete(tasks.get("timer"), [scheduleTimer(1, 600)]);
    await it.complete(tasks.get("signal"), []);
    await it.complete(tasks.get("parent"), [startChild]);
    await it.pollActivities({ taskQueue: "run" });
    const [failing] = await it.pollActivities();
    await it.failActivity(failing);
    await until("the child has started", async () => (await reasonOf(it.get("child"))) === undefined);
    // The parent hears that its child has started.
    const [news] = await it.poll();
    await it.complete(news, []);
  }

  const all = [
    ["activity", "ACTIVITY"],
    ["backs-off", "ACTIVITY_BACK_OFF"],
    ["child", "NO_WORKER"],
    ["held", "WORKFLOW_TASK"],
    ["no-worker", "NO_WORKER"],
    ["parent", "CHILD"],
    ["signal", "SIGNAL"],
    ["timer", "TIMER"],
  ] as const;

  test("are listed with the reason that leads, those that were started first coming first, once they are idle for so long", async () => {
    await startAll();
    expect(await listed()).toEqual([]);
    cluster.moveTime(59_000);
    expect(await listed()).toEqual([]);
    cluster.moveTime(2_000);
    expect(await listed()).toEqual(all);
    for (const reason of new Set(all.map(([, name]) => name)))
      expect(await listed({ reason: WaitingReason[reason] })).toEqual(
        all.filter(([, name]) => name === reason),
      );
    expect(await listed({ reason: WaitingReason.NON_DETERMINISM })).toEqual([]);
    expect(await listed({ idleFor: ms(120_000) })).toEqual([]);
    expect(await listed({ idleFor: { seconds: 315_576_000_000n, nanos: 0 } })).toEqual([]);
    await it.signal("timer");
    expect((await listed()).map(([id]) => id)).not.toContain("timer");
    expect(await listed({ idleFor: ms(0) })).toHaveLength(8);
    const { workflows } = await it.waiting({ reason: WaitingReason.ACTIVITY });
    expect(workflows[0]).toMatchObject({
      workflow: { workflowId: "activity", workflowType: "order", namespace },
      explanation: expect.stringMatching(/^Worker "anonymous" runs activity "1" of type "charge" since/),
    });
    const age = Date.now() / 1_000 + 61 - Number(workflows[0]?.since?.seconds);
    expect(age).toBeGreaterThan(60);
    expect(age).toBeLessThan(75);
  });

  test("tell of workers that were seen at another server", async () => {
    const b = await cluster.open();
    await it.start("waits");
    await it.start("other", { spec: { workflowType: "another" } });
    cluster.moveTime(61_000);
    const gone = new AbortController();
    const polling = actor(b, namespace).poll({ workflowTypes: ["third"], wait: ms(20_000) }, gone.signal);
    await until("B's poll waits", () => b.held().waitingPolls === 1);
    await b.upkeep.beat();
    expect(await listed()).toEqual([
      ["other", "NO_WORKER"],
      ["waits", "NO_WORKER"],
    ]);
    gone.abort();
    await polling;
    // Seen, but with nothing taken.
    await cluster.run("update ready_tasks set claimed_until = 9000000000000000");
    await seeWorker(actor(b, namespace), ["order"]);
    await b.upkeep.beat();
    expect(await listed()).toEqual([
      ["other", "NO_WORKER"],
      ["waits", "WORKERS_BUSY"],
    ]);
  });

  test("are told of none in another namespace, and none that is closed or deleted", async () => {
    await it.start("open");
    await it.start("closed");
    await it.start("deleted");
    for (const id of ["closed", "deleted"]) await it.terminate(id);
    await it.delete("deleted");
    cluster.moveTime(61_000);
    expect(await listed()).toEqual([["open", "NO_WORKER"]]);
    expect(await listed({}, actor(a, await makeNamespace(a)))).toEqual([]);
    expect(await reasonOf(actor(a, "nowhere").waiting())).toBe("NAMESPACE_NOT_FOUND");
  });

  test("come in pages that stay right while runs come and go", async () => {
    for (let n = 0; n < 40; n++) await it.start(`run-${n}`);
    for (let n = 1; n < 6; n++) await it.start(`gone-${n}`);
    cluster.moveTime(61_000);
    const found: string[] = [];
    let pageToken = "";
    let pages = 0;
    do {
      const page = await it.waiting({ pageSize: 10, pageToken });
      found.push(...page.workflows.map(({ workflow }) => workflow?.workflowId ?? ""));
      pageToken = page.nextPageToken;
      pages++;
      await it.start(`late-${pages}`);
      await it.terminate(`gone-${pages}`);
    } while (pageToken !== "");
    expect(pages).toBe(5);
    const stayed = found.filter((id) => id.startsWith("run-"));
    expect(new Set(found).size).toBe(found.length);
    expect(stayed.toSorted()).toEqual(Array.from({ length: 40 }, (_, n) => `run-${n}`).toSorted());
  });

  test("have a page token that is bound to its query", async () => {
    for (let n = 0; n < 3; n++) await it.start(`run-${n}`);
    cluster.moveTime(61_000);
    const { nextPageToken: pageToken } = await it.waiting({ pageSize: 1 });
    for (const other of [{ reason: WaitingReason.SIGNAL }, { idleFor: ms(1_000) }])
      expect(await reasonOf(it.waiting({ pageToken, ...other }))).toBe("INVALID_PAGE_TOKEN");
    const elsewhere = actor(a, await makeNamespace(a));
    expect(await reasonOf(elsewhere.waiting({ pageToken }))).toBe("INVALID_PAGE_TOKEN");
    expect(await listed({ pageToken, pageSize: 2 })).toHaveLength(2);
  });

  test("end a page that has looked at enough of them, or has enough bytes", async () => {
    const large = JSON.stringify("x".repeat(200 * 1024));
    const memo = { note: { body: { case: "json" as const, value: large } } };
    for (let n = 0; n < 24; n++) await it.start(`large-${n}`, { spec: { memo } });
    cluster.moveTime(61_000);
    const first = await it.waiting();
    expect(first.workflows).toHaveLength(20);
    const rest = await it.waiting({ pageToken: first.nextPageToken });
    const ids = [...first.workflows, ...rest.workflows].map(({ workflow }) => workflow?.workflowId);
    expect([rest.workflows.length, new Set(ids).size]).toEqual([4, 24]);
    expect(rest.nextPageToken).toBe("");
    await cluster.run(
      `insert into runs (run_id, namespace_id, workflow_id, workflow_type, task_queue, started_at, settings, version, status,
         next_event_id, history_bytes, last_event_at, last_seq, task_epoch, previous_started_event_id, last_closed_task_epoch,
         sticky_worker_id, sticky_event_id)
       select gen_random_uuid(), namespace_id, 'copy-' || n, 'order', 'default', 1000 + n, settings, 1, 2, 3, 0, 1000 + n, 0, 0, 0, 0, '', 0
       from runs, generate_series(1, 2100) n where workflow_id = 'large-0'`,
    );
    const reason = WaitingReason.NO_WORKER;
    let page = { workflows: [], nextPageToken: "" } as Pick<
      ListWaitingResponse,
      "workflows" | "nextPageToken"
    >;
    for (const pages of [1, 2, 3]) {
      const before = a.statements.length;
      page = await it.waiting({ reason, pageToken: page.nextPageToken });
      const loads = a.statements.slice(before).filter((name) => name === "load_workflows");
      expect(loads.length).toBeLessThanOrEqual(50);
      expect(page.nextPageToken).not.toBe("");
      if (pages < 3) expect(page.workflows).toEqual([]);
    }
    expect(page.workflows[0]?.workflow?.workflowId).toMatch(/^large-/);
  });

  test("end a page that has looked at 20,000 of them which do move", async () => {
    await it.start("still");
    await it.start("moves");
    await cluster.run(
      `insert into runs (run_id, namespace_id, workflow_id, workflow_type, task_queue, started_at, settings, version, status,
         next_event_id, history_bytes, last_event_at, last_seq, task_epoch, previous_started_event_id, last_closed_task_epoch,
         sticky_worker_id, sticky_event_id)
       select gen_random_uuid(), namespace_id, 'copy-' || n, 'order', 'default', 1000 + n, settings, 1, 2, 3, 0, 9000000000000000, 0, 0, 0, 0, '', 0
       from runs, generate_series(1, 20500) n where workflow_id = 'moves'`,
    );
    cluster.moveTime(61_000);
    const before = a.statements.length;
    const first = await it.waiting();
    expect(first.workflows).toEqual([]);
    expect(a.statements.length - before).toBeLessThan(25);
    const { workflows, nextPageToken } = await it.waiting({ pageToken: first.nextPageToken });
    expect(workflows.map(({ workflow }) => workflow?.workflowId)).toEqual(["still", "moves"]);
    expect(nextPageToken).toBe("");
  });

  test("that move while they are looked at are left out", async () => {
    for (const id of ["moves", "closes", "stays"]) await it.start(id);
    cluster.moveTime(61_000);
    const { read } = a.database;
    const query: typeof read.query = async <Row extends object>(
      ...[statement, values]: Parameters<typeof read.query>
    ) => {
      const rows = await read.query<Row>(statement, values);
      if (statement.name === "find_idle_runs")
        await Promise.all([it.signal("moves"), it.terminate("closes")]);
      return rows;
    };
    const c = await cluster.open({ database: { ...a.database, read: { query } } });
    expect((await listed({}, actor(c, namespace))).map(([id]) => id)).toEqual(["stays"]);
  });
});
