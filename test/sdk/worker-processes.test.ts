import { afterAll, beforeAll, test } from "vitest";
import type { ActivityContext } from "../../src/sdk/worker/index.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { openSandbox, type Sandbox } from "../support/processes.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();
let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

const startProcess = (taskQueue: string) =>
  sandbox.runNode("test/sdk/programs/activity-worker.ts", [sandbox.folder, server.address, taskQueue]);

const pair = workflow("Pair", async (ctx) =>
  Promise.all([ctx.activity("finishing"), ctx.activity("endless", null, { startToCloseTimeout: "1h" })]),
);
const counted = workflow("Counted", async (ctx) =>
  ctx.activity("counting", null, { heartbeatTimeout: "1s", retry: { initialInterval: "10ms" } }),
);
const takeOver = async (_: unknown, { info }: ActivityContext) => ({
  attempt: info.attempt,
  details: info.heartbeatDetails,
  failure: info.lastFailure?.message,
});

test.concurrent("told by SIGTERM, a worker finishes what ends in time and gives back the rest, which another takes up at once", async ({
  expect,
}) => {
  const taskQueue = "terminated";
  await server.work({ taskQueue, workflows: [pair] });
  const process = startProcess(taskQueue);
  const run = await server.client.start(pair, undefined, { taskQueue });
  await Promise.all([process.waitForOutput(/began finishing/), process.waitForOutput(/began endless/)]);
  await server.work({ taskQueue, activities: { endless: takeOver } });
  const toldAt = performance.now();
  expect(await process.stop()).toEqual({ code: 0, signal: null });
  expect(process.output()).toContain("ended");
  const [finished, endless] = (await run.result()) as [unknown, { readonly failure: unknown }];
  expect(finished).toBe("finished by the process");
  expect(endless.failure).toBeUndefined();
  expect(performance.now() - toldAt).toBeLessThan(5_000);
});

test.concurrent("the activity of a worker that is killed goes on with another, from its last heartbeat, once it is missed", async ({
  expect,
}) => {
  const taskQueue = "killed";
  await server.work({ taskQueue, workflows: [counted] });
  const process = startProcess(taskQueue);
  const run = await server.client.start(counted, undefined, { taskQueue });
  await process.waitForOutput(/began counting/);
  const hasBeat = async () => (await run.describe()).pendingActivities[0]?.heartbeatDetails !== undefined;
  await expect.poll(hasBeat, { timeout: 5_000 }).toBe(true);
  await process.kill();
  await server.work({ taskQueue, activities: { counting: takeOver } });
  expect(await run.result()).toEqual({
    attempt: 2,
    details: { counted: 3 },
    failure: expect.stringMatching(/heartbeat/i),
  });
});
