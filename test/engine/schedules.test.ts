import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OverlapPolicy, type ScheduleRun } from "../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { silentLogger } from "../../src/engine/logger.js";
import { startLoops } from "../../src/loops/start-loops.js";
import { type Actor, actor, ms } from "../support/actor.js";
import { kindsOf, type TestCluster, type TestServer } from "../support/engine.js";
import {
  finishRun,
  firePast,
  minute,
  minutely,
  openScheduleScene,
  type Scheduler,
  scheduler,
  workflow,
} from "../support/schedules.js";
import { until } from "../support/until.js";

let cluster: TestCluster;
let a: TestServer;
let namespace: string;
let it: Actor;
let its: Scheduler;

beforeEach(async () => {
  ({ cluster, server: a, namespace, it, its } = await openScheduleScene());
});

afterEach(async () => {
  expect(a.faults).toEqual([]);
  await cluster.close();
});

const pass = (ms: number, server = a) => firePast(cluster, server, ms);
const finish = (run: ScheduleRun | undefined) => finishRun(it, run);

test("fires at the next matching time, and never at creation", async () => {
  const created = await its.create("s", minutely);
  await pass(0);
  expect(await its.runs()).toEqual([]);
  await pass(minute);
  const [run, ...others] = await its.runs();
  expect(others).toEqual([]);
  expect(run).toMatchObject({ scheduledTime: created.nextFireTimes[0], status: WorkflowStatus.PENDING });
  const [started] = await it.history(run?.workflowId ?? "");
  expect(started?.kind).toMatchObject({
    case: "workflowStarted",
    value: { scheduleId: "s", scheduledTime: run?.scheduledTime },
  });
});

test("never fires early, though each server's clock may be ahead", async () => {
  const { nextFireTimes, createTime } = await its.create("s", minutely);
  const [next] = nextFireTimes;
  if (next === undefined || createTime === undefined) throw new Error("it fires");
  await pass(timestampMs(next) - timestampMs(createTime) - 10_000);
  expect(await its.runs()).toEqual([]);
  await pass(minute);
  const [run] = await its.runs();
  if (run?.startTime === undefined) throw new Error("it has fired");
  expect(timestampMs(run.startTime)).toBeGreaterThanOrEqual(timestampMs(next));
});

test("is shown with its next fires, its last runs and its counts", async () => {
  const created = await its.create("s", { ...minutely, note: "for tests" });
  expect(created.nextFireTimes).toHaveLength(10);
  expect(created).toMatchObject({ revision: 1n, definition: { note: "for tests" } });
  for (let n = 0; n < 12; n++) await its.trigger("s", { overlapPolicy: OverlapPolicy.ALLOW_ALL });
  await its.trigger("s");
  const shown = await its.get("s");
  expect(shown).toMatchObject({ skippedCount: 1n, missedCount: 0n, nextFireTimes: created.nextFireTimes });
  expect(shown.lastRuns).toHaveLength(10);
  const [newest, second] = shown.lastRuns;
  await it.terminate(newest?.workflowId ?? "");
  await until("its end is heard of", async () => (await its.runs())[0]?.status === WorkflowStatus.TERMINATED);
  await it.poll();
  await it.delete(newest?.workflowId ?? "");
  expect((await its.runs())[1]?.workflowId).toBe(second?.workflowId);
});

describe("on two servers", () => {
  test("each fire happens once, whoever comes first", async () => {
    const b = await cluster.open();
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.ALLOW_ALL });
    for (let n = 0; n < 8; n++) {
      cluster.moveTime(minute);
      await Promise.all([
        a.upkeep.fireSchedules(),
        b.upkeep.fireSchedules(),
        b.upkeep.fireOverdueSchedules(),
        a.upkeep.fireOverdueSchedules(),
      ]);
    }
    const times = (await its.runs()).map(({ scheduledTime }) => Number(scheduledTime?.seconds));
    expect(times).toHaveLength(8);
    expect(times).toEqual(times.map((_, index) => (times[0] ?? 0) - 60 * index));
    expect(await cluster.run("select count(*)::int as runs from runs")).toEqual([{ runs: 8 }]);
    expect(b.faults).toEqual([]);
  });

  test("a fire whose server stops at that moment is made by the other", async () => {
    const b = await cluster.open();
    await scheduler(b, namespace).create("s", minutely);
    await b.stop();
    cluster.moveTime(minute);
    await a.upkeep.fireSchedules();
    expect(await its.runs()).toEqual([]);
    cluster.moveTime(500);
    await a.upkeep.fireOverdueSchedules();
    expect(await its.runs()).toHaveLength(1);
  });

  test("a fire whose answer was lost happened once", async () => {
    let cut = false;
    const b = await cluster.open({
      holdAnswer: async (statement) => {
        if (!cut || !statement.startsWith("write_batch")) return;
        cut = false;
        await cluster.run(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pawl' and query like '%changed_schedule%'",
        );
      },
    });
    await scheduler(b, namespace).create("s", minutely);
    cut = true;
    await pass(minute, b);
    expect(await its.runs()).toHaveLength(1);
    await pass(minute);
    await a.upkeep.fireOverdueSchedules();
    expect((await its.runs()).length).toBeLessThanOrEqual(2);
  });

  test("the end of a run that its server did not tell is told by another", async () => {
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.QUEUE });
    await pass(minute);
    await pass(minute);
    const [run] = await its.runs();
    let goOn = () => {};
    const isOver = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const b = await cluster.open({
      holdAnswer: (statement) => (statement === "load_messages" ? isOver : Promise.resolve()),
    });
    await actor(b, namespace).terminate(run?.workflowId ?? "");
    cluster.moveTime(2_100);
    await a.upkeep.deliverOverdue();
    expect(await its.runs()).toHaveLength(2);
    goOn();
  });
});

describe("while the run of an earlier fire is open", () => {
  test("SKIP skips, until it ends", async () => {
    await its.create("s", minutely);
    await pass(minute);
    await pass(minute);
    expect(await its.get("s")).toMatchObject({ skippedCount: 1n, lastRuns: [{}] });
    await finish((await its.runs())[0]);
    await until(
      "its end is heard of",
      async () => (await its.runs())[0]?.status === WorkflowStatus.COMPLETED,
    );
    await pass(minute);
    const [run] = await its.runs();
    const [started] = await it.history(run?.workflowId ?? "");
    expect(started?.kind.value).toMatchObject({ lastResult: { body: { case: "json" } } });
  });

  test("QUEUE starts the one that waits when it ends", async () => {
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.QUEUE });
    await pass(minute);
    await pass(minute);
    await pass(minute);
    const [run, ...others] = await its.runs();
    expect(others).toEqual([]);
    await finish(run);
    await until("the next has started", async () => (await its.runs()).length === 2);
    expect((await its.get("s")).skippedCount).toBe(1n);
    expect(await cluster.run("select * from messages")).toEqual([]);
  });

  test("CANCEL_OLD asks it to cancel, and starts when it has ended", async () => {
    await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.CANCEL_OLD });
    await pass(minute);
    const [run] = await its.runs();
    const [task] = await it.poll();
    await it.complete(task, []);
    await pass(minute);
    expect(await its.runs()).toHaveLength(1);
    await until("it was asked", async () =>
      kindsOf(await it.history(run?.workflowId ?? "")).includes("workflowCancelRequested"),
    );
    const [next] = await it.poll();
    await it.complete(next, [{ kind: { case: "cancelWorkflow", value: {} } }]);
    await until("the next has started", async () => (await its.runs()).length === 2);
    expect((await its.runs())[1]?.status).toBe(WorkflowStatus.CANCELLED);
  });

  test("a run that goes on in another is open until that ends, also if it was reset", async () => {
    await its.create("s", minutely);
    await pass(minute);
    const [run] = await its.runs();
    const workflowId = run?.workflowId ?? "";
    const [task] = await it.poll();
    await it.complete(task, [{ kind: { case: "continueAsNew", value: {} } }]);
    cluster.moveTime(1_100);
    await a.upkeep.wakeDueRuns();
    const [second] = await it.poll();
    await it.complete(second, []);
    await it.reset(workflowId, second?.startedEventId ?? 0);
    await pass(minute);
    expect(await its.get("s")).toMatchObject({
      skippedCount: 1n,
      lastRuns: [{ status: WorkflowStatus.RUNNING }],
    });
    await it.terminate(workflowId);
    await until(
      "its end is heard of",
      async () => (await its.runs())[0]?.status === WorkflowStatus.TERMINATED,
    );
    await pass(minute);
    expect(await its.runs()).toHaveLength(2);
  });
});

test("after downtime makes up for the last missed fire, and counts the others", async () => {
  await its.create("s", minutely);
  await pass(10 * minute);
  expect(await its.get("s")).toMatchObject({ missedCount: 9n, skippedCount: 0n, lastRuns: [{}] });
});

test("fires nothing twice when the clock is set back by an hour, and goes on when it is there again", async () => {
  await its.create("s", { ...minutely, overlapPolicy: OverlapPolicy.ALLOW_ALL });
  await pass(minute);
  cluster.moveTime(-60 * minute);
  for (let n = 0; n < 3; n++) {
    cluster.moveTime(minute);
    await a.upkeep.fireSchedules();
    await a.upkeep.fireOverdueSchedules();
  }
  expect(await its.runs()).toHaveLength(1);
  await its.pause("s");
  await its.resume("s");
  await pass(minute);
  expect(await its.runs()).toHaveLength(1);
  await pass(57 * minute);
  expect(await its.runs()).toHaveLength(2);
  expect((await its.get("s")).skippedCount).toBe(0n);
});

test("starts workflows of a type that nobody handles, which wait", async () => {
  await its.create("s", { ...minutely, workflow: { ...workflow, workflowType: "unknown" } });
  await pass(minute);
  const [run] = await its.runs();
  expect(run?.status).toBe(WorkflowStatus.PENDING);
  expect(await it.poll({ workflowTypes: ["order"], wait: ms(0) })).toEqual([]);
  await pass(minute);
  expect((await its.get("s")).skippedCount).toBe(1n);
});

test("skips a fire whose workflow id somebody else has used, and goes on", async () => {
  const { nextFireTimes } = await its.create("s", minutely);
  const time = new Date(Number(nextFireTimes[0]?.seconds) * 1_000).toISOString().replace(".000Z", "Z");
  await it.start(`report-${time}`);
  await pass(minute);
  expect(await its.get("s")).toMatchObject({ skippedCount: 1n, lastRuns: [] });
  await pass(minute);
  expect(await its.runs()).toHaveLength(1);
});

describe("many schedules", () => {
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `s-${index}`);
  const each = (scheduleId: string) => ({ ...minutely, workflow: { ...workflow, workflowId: scheduleId } });

  test("that are due at once fire in batches, not one by one", async () => {
    await Promise.all(ids(300).map((scheduleId) => its.create(scheduleId, each(scheduleId))));
    const before = a.statements.length;
    await pass(minute);
    const statements = a.statements.slice(before);
    expect(await cluster.run("select count(*)::int as runs from runs")).toEqual([{ runs: 300 }]);
    expect(statements.filter((name) => name.startsWith("write_batch")).length).toBeLessThan(40);
    expect(statements.length).toBeLessThan(150);
  });

  test("none of which is due cost nothing", async () => {
    const [first] = ids(1);
    await its.create(first ?? "", each(first ?? ""));
    await cluster.run(
      `insert into schedules select namespace_id, 'x-' || n, version, revision, definition, progress, last_result, next_fire_at, created_at, updated_at
       from schedules, generate_series(1, 10000) n`,
    );
    const before = a.statements.length;
    expect(await a.upkeep.fireSchedules()).toBeGreaterThan(0);
    expect(a.statements).toHaveLength(before);
    await a.upkeep.fireOverdueSchedules();
    expect(a.statements.slice(before)).toEqual(["due_schedules"]);
  });
});

test("loops let schedules fire, as soon as they are due", async () => {
  const stop = startLoops(a.upkeep, { slowPollMs: 0, rereadMs: 0 }, silentLogger);
  try {
    await its.create("s", { ...minutely, spec: { intervals: [{ every: { seconds: 1n } }] } });
    await until("it has fired", async () => (await its.runs()).length > 0);
    const [run] = await its.runs();
    if (run?.startTime === undefined || run.scheduledTime === undefined) throw new Error("it has fired");
    expect(timestampMs(run.startTime) - timestampMs(run.scheduledTime)).toBeLessThan(500);
  } finally {
    await stop();
  }
});
