import { expect, test } from "vitest";
import { workflow } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();
let reads = 0;
const rates = workflow("Rates", async (ctx, factor: number) => {
  const rate = await ctx.local("rate", async ({ attempt }) => {
    reads++;
    if (attempt === 1) throw new Error("not yet");
    return 3;
  });
  await ctx.sleep(1);
  return rate * factor;
});

test("a local step is recorded by the server, and not done again by another worker", async () => {
  const first = await server.work({ workflows: [rates] });
  const handle = await server.client.start(rates, 2);
  expect(await handle.result()).toBe(6);
  await first.stop();
  const events = [];
  for await (const event of server.client.history(handle.workflowId)) events.push(event);
  const local = events.find((event) => event.kind.case === "localActivityRecorded");
  expect(local?.kind.value).toMatchObject({ activityType: "rate", attempts: 2 });
  await server.work({ workflows: [rates] });
  await expect(handle.query("anything")).rejects.toThrow("has no handler");
  expect(reads).toBe(2);
});
