import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { createExecution } from "../../src/sdk/replay/execution.js";
import { replayHistory } from "../../src/sdk/replay/replay-history.js";
import { splitTurns } from "../../src/sdk/replay/turns.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { type Actor, actor } from "../support/actor.js";
import { makeNamespace, openTestCluster, type TestCluster, type TestServer } from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open();
  it = actor(server, await makeNamespace(server));
});

afterAll(() => cluster.close());

/** Takes random numbers, runs activities named by them, and waits for a signal and a timer. */
const definition = workflow("order", async (ctx) => {
  const drawn = [ctx.uuid()];
  await ctx.activity("charge", drawn[0]);
  drawn.push(ctx.sideEffect("salt", () => String(Math.random())));
  const paid = await ctx.signal<string>("paid").next();
  await ctx.sleep(3_600_000);
  drawn.push(ctx.uuid());
  await ctx.activity("ship", drawn);
  return [...drawn, paid];
});

/** Does what the code says to the next workflow task, as the SDK's worker does that has nothing in memory. */
async function work(): Promise<WorkflowTask> {
  const [task] = await it.poll();
  if (task === undefined) throw new Error("there is no workflow task");
  const result = await createExecution(definition).advance(splitTurns(task.history, 0));
  if (result.kind === "failed") throw new Error(result.failure.message);
  await it.complete(task, result.commands);
  return task;
}

async function workActivity(type: string): Promise<void> {
  const [task] = await it.pollActivities();
  expect(task?.activityType).toBe(type);
  await it.completeActivity(task);
}

test("code of the SDK goes through a run that was reset as it ran, and on from there", async () => {
  const { runId } = await it.start("wf");
  await work();
  await workActivity("charge");
  const second = await work();
  await it.signal("wf", { name: "paid", payload: { body: { case: "json", value: '"card"' } } });
  await work();
  cluster.moveTime(3_600_000);
  await server.upkeep.wakeDueRuns();
  await work();
  await workActivity("ship");
  await work();
  const first = (await it.result("wf")).outcome;
  expect(first?.status).toBe(WorkflowStatus.COMPLETED);

  const made = await it.reset("wf", second.startedEventId);
  expect((await work()).runId).toBe(made.runId);
  cluster.moveTime(3_600_000);
  await server.upkeep.wakeDueRuns();
  await work();
  await workActivity("ship");
  await work();
  const again = (await it.result("wf")).outcome;
  expect(again?.status).toBe(WorkflowStatus.COMPLETED);
  for (const id of [runId, made.runId]) {
    const replayed = await replayHistory(definition, await it.history("wf", id));
    expect(replayed.kind).toBe("completed");
  }
  // What is drawn from the run's seed comes out the same, since the new run has the original's.
  const drawn = (outcome: typeof first) =>
    JSON.parse(String(outcome?.value.case === "result" && outcome.value.value.body.value));
  expect([drawn(again)[0], drawn(again)[2], drawn(again)[3]]).toEqual([
    drawn(first)[0],
    drawn(first)[2],
    "card",
  ]);
});
