import { expect, test } from "vitest";
import { useRealServer } from "./real-server.js";
import { healthy, spin } from "./workflow-modules/bad.js";

const server = useRealServer();
const module = new URL("./workflow-modules/bad.ts", import.meta.url);
const workflowExecArgv = ["--import", "tsx"];

test("code that holds its thread fails its own task, named, and the other runs go on", async () => {
  await server.work({ workflows: module, workflowExecArgv, turnLimitMs: 500 });
  const runs = await Promise.all(Array.from({ length: 5 }, () => server.client.start(healthy, 3)));
  const spinning = await server.client.start(spin, null);
  await expect
    .poll(async () => (await spinning.describe()).pendingWorkflowTask?.lastFailure?.message, {
      timeout: 20_000,
    })
    .toMatch(
      /^workflow code of Spin \(.*, run .*\) held its thread for more than 0.5 s at .*bad\.ts:6:\d+\)?: /,
    );
  expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map(() => 3));
  const later = await server.client.start(healthy, 3);
  expect(await later.result()).toBe(3);
  await spinning.terminate();
});
