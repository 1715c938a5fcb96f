import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OverlapPolicy, ScheduleDefinitionSchema } from "../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { openScheduleTroubles } from "../../src/engine/schedule-troubles.js";
import type { Actor } from "../support/actor.js";
import type { TestCluster, TestServer } from "../support/engine.js";
import {
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
let it: Actor;
let its: Scheduler;
let namespace: string;

beforeEach(async () => {
  ({ cluster, server: a, namespace, it, its } = await openScheduleScene());
});

afterEach(() => cluster.close());

const always = { ...minutely, overlapPolicy: OverlapPolicy.ALLOW_ALL };
const inGoneZone = { ...always, spec: { cron: ["* * * * *"], timeZone: "Atlantis/Harbour" } };
const isGone = /definition\.spec\.time_zone/;

/** Lets the zone of a schedule be one that there is no more. */
async function loseZone(scheduleId: string): Promise<void> {
  const bytes = Buffer.from(toBinary(ScheduleDefinitionSchema, create(ScheduleDefinitionSchema, inGoneZone)));
  await cluster.run("update schedules set definition = $1 where schedule_id = $2", [bytes, scheduleId]);
}

/** Lets no run of a type be stored. */
const refuseType = (type: string) =>
  cluster.run(`alter table runs add constraint "no such type" check (workflow_type <> '${type}') not valid`);
const acceptAll = () => cluster.run('alter table runs drop constraint if exists "no such type"');

/** Fires what is due, also what nobody else fired in time. */
async function pass(ms: number, server = a): Promise<void> {
  await firePast(cluster, server, ms);
  while ((await server.upkeep.fireOverdueSchedules()) === 0);
}

/** How often a server has read schedules to let them go on. */
const tries = () => a.statements.filter((name) => name === "load_schedules").length;

async function triesOf(work: () => Promise<void>): Promise<number> {
  const before = tries();
  await work();
  return tries() - before;
}

test("a schedule whose zone has gone says so, is logged once, and fires at once when it is given another", async () => {
  await its.create("s", always);
  await loseZone("s");
  for (let n = 0; n < 5; n++) await pass(minute);
  expect(a.faults).toMatchObject([
    { message: "a schedule can't fire", scheduleId: "s", namespaceId: expect.any(String) },
  ]);
  expect((a.faults[0] as { reason: string }).reason).toMatch(isGone);
  const shown = await its.get("s");
  expect(shown.lastError).toMatch(isGone);
  expect(shown.nextFireTimes).toEqual([]);
  expect((await its.list()).schedules[0]?.lastError).toMatch(isGone);
  const updated = await its.update("s", shown.revision, always);
  expect(updated.lastError).toBe("");
  await pass(minute);
  expect(await its.runs("s")).toHaveLength(1);
  expect(await its.get("s")).toMatchObject({ lastError: "", nextFireTimes: { length: 10 } });
});

test("a schedule that can't fire is tried ever less often, and once an hour at the least", async () => {
  await its.create("s", always);
  await loseZone("s");
  await pass(minute);
  const first = await triesOf(async () => {
    for (let n = 0; n < 60; n++) await pass(500);
  });
  expect(first).toBeGreaterThan(2);
  expect(first).toBeLessThan(8);
  for (let n = 0; n < 20; n++) await pass(60 * minute);
  expect(await triesOf(() => pass(59 * minute))).toBe(0);
  expect(await triesOf(() => pass(2 * minute))).toBe(1);
  expect(a.faults).toHaveLength(1);
});

test("a schedule that can't fire can be paused, and is well then", async () => {
  await its.create("s", always);
  await loseZone("s");
  await pass(minute);
  expect(await its.pause("s")).toMatchObject({ lastError: "", definition: { isPaused: true } });
  expect(await triesOf(() => pass(60 * minute))).toBe(0);
  expect(await its.get("s")).toMatchObject({ lastError: "" });
});

test("a run that the database refuses keeps its schedule from firing alone, which is logged once and ends by itself", async () => {
  await its.create("s", { ...always, workflow: { ...workflow, workflowType: "refund" } });
  await its.create("healthy", { ...always, workflow: { ...workflow, workflowId: "healthy" } });
  await refuseType("refund");
  for (let n = 0; n < 4; n++) await pass(minute);
  expect(await its.runs("healthy")).toHaveLength(4);
  expect(a.faults).toMatchObject([{ message: "a schedule can't fire", scheduleId: "s" }]);
  expect((a.faults[0] as { error: Error }).error.message).toContain("no such type");
  const { lastError } = await its.get("s");
  expect(lastError).toContain("could not be stored");
  await acceptAll();
  await pass(60 * minute);
  expect(await its.get("s")).toMatchObject({ lastError: "", lastRuns: [{}] });
});

test.each(["its zone has gone", "its run is refused"])(
  "a schedule hears how its runs end although %s",
  async (why) => {
    await its.create("s", always);
    await pass(minute);
    const [run] = await its.runs("s");
    if (why === "its zone has gone") await loseZone("s");
    else await refuseType("order");
    await pass(minute);
    expect((await its.get("s")).lastError).not.toBe("");
    await acceptAll();
    await it.terminate(run?.workflowId ?? "");
    await until(
      "its end is heard of",
      async () => (await its.runs("s"))[0]?.status === WorkflowStatus.TERMINATED,
    );
    await until(
      "the message is gone",
      async () => (await cluster.run("select 1 from messages")).length === 0,
    );
    expect(a.faults).toHaveLength(1);
  },
);

test("however many schedules can't fire, those that can do so in time", async () => {
  const b = await cluster.open();
  await its.create("x", always);
  await loseZone("x");
  await cluster.run(
    `insert into schedules select namespace_id, 'x-' || n, version, revision, definition, progress, last_result, next_fire_at - n, created_at, updated_at
     from schedules, generate_series(1, 1200) n`,
  );
  await scheduler(b, namespace).create("healthy", {
    ...always,
    workflow: { ...workflow, workflowId: "healthy" },
  });
  await b.stop();
  for (let n = 1; n <= 3; n++) {
    await pass(minute);
    expect(await its.runs("healthy")).toHaveLength(n);
  }
  expect(a.faults).toHaveLength(1201);
});

test("of very many schedules that can't fire, those that were found first are forgotten", () => {
  const troubles = openScheduleTroubles(() => 0);
  const nth = (n: number) => ({ namespaceId: "ns", scheduleId: `s-${n}`, revision: 1, nextFireAt: 1 });
  for (let n = 0; n < 10_001; n++) expect(troubles.note(nth(n), "why")).toBe(true);
  expect(troubles.note(nth(10_000), "why")).toBe(false);
  expect([0, 1, 10_000].map((n) => troubles.reasonOf(nth(n)))).toEqual([undefined, "why", "why"]);
  expect(troubles.note(nth(10_000), "why else")).toBe(true);
});

test("another server tries anew what was changed, though it could not fire it before", async () => {
  const b = await cluster.open();
  const onB = scheduler(b, namespace);
  await its.create("s", always);
  await loseZone("s");
  for (let n = 0; n < 10; n++) await pass(10 * minute);
  await b.upkeep.fireOverdueSchedules();
  expect((await onB.get("s")).lastError).toMatch(isGone);
  await onB.update("s", (await onB.get("s")).revision, always);
  await b.stop();
  expect((await its.get("s")).lastError).toBe("");
  await pass(minute);
  expect(await its.runs("s")).toHaveLength(1);
});
