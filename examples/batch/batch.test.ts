import { expect, test } from "vitest";
import { createTestEnvironment, sleep } from "../../src/sdk/testing/index.js";
import { batchActivities, imagesOf } from "./activities.js";
import { progress, resizeAll } from "./workflows.js";

test("a thousand images are resized, never more at once than allowed", async () => {
  let underWay = 0;
  let most = 0;
  async function resize(image: string): Promise<string> {
    most = Math.max(most, ++underWay);
    await sleep("10s");
    underWay--;
    return batchActivities.resize(image);
  }
  const before = process.cpuUsage();
  const startTime = "2026-01-01T00:00:00Z";
  const env = createTestEnvironment({ workflows: [resizeAll], activities: { resize }, startTime });
  const handle = await env.start(resizeAll, { images: imagesOf(1_000), concurrency: 50 });
  await env.sleep("1m 5s");
  expect(await handle.query(progress)).toMatchObject({ done: 297, failed: { length: 3 }, underWay: 50 });
  const result = await handle.result();
  expect(result).toMatchObject({ done: 990, underWay: 0 });
  expect(result.failed).toHaveLength(10);
  expect(most).toBe(50);
  await env.close();
  // About 2 s on a machine of 2 shared cores; work that grew with the square of the batch would be far beyond.
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(10_000);
});

test("a batch of nothing is done at once", async () => {
  const env = createTestEnvironment({ workflows: [resizeAll], activities: batchActivities });
  expect(await env.execute(resizeAll, { images: [], concurrency: 5 })).toEqual({
    done: 0,
    failed: [],
    underWay: 0,
  });
  await env.close();
});
