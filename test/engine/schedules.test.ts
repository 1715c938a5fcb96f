import { afterEach, beforeEach, expect, test } from "vitest";
import { type Actor, actor } from "../support/actor.js";
import {
  makeNamespace,
  openTestCluster,
  reasonOf,
  type TestCluster,
  type TestServer,
} from "../support/engine.js";
import { type Scheduler, scheduler } from "../support/schedules.js";

let cluster: TestCluster;
let server: TestServer;
let it: Actor;
let its: Scheduler;

beforeEach(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
  const namespace = await makeNamespace(server);
  it = actor(server, namespace);
  its = scheduler(server, namespace);
});

afterEach(async () => {
  expect(server.faults).toEqual([]);
  await cluster.close();
});

const workflow = { workflowId: "report", workflowType: "order", taskQueue: "default" };

test("fires at the next matching time, and never at creation", async () => {
  const created = await its.create("s", { spec: { cron: ["* * * * *"] }, workflow });
  expect(created.lastRuns).toEqual([]);
  await server.upkeep.fireSchedules();
  expect((await its.get("s")).lastRuns).toEqual([]);
  cluster.moveTime(60_000);
  await server.upkeep.fireSchedules();
  const { lastRuns } = await its.get("s");
  expect(lastRuns).toHaveLength(1);
  const [run] = lastRuns;
  expect(run?.scheduledTime).toEqual(created.nextFireTimes[0]);
  const [started] = await it.history(run?.workflowId ?? "");
  expect(started?.kind).toMatchObject({
    case: "workflowStarted",
    value: { scheduleId: "s", scheduledTime: run?.scheduledTime },
  });
  await its.delete("s");
  expect(await reasonOf(its.get("s"))).toBe("SCHEDULE_NOT_FOUND");
});
