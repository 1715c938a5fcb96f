import { expect, test } from "vitest";
import { createTestEnvironment } from "../../../src/sdk/testing/index.js";
import { defineSignal, workflow } from "../../../src/sdk/workflow/index.js";

const reminders = workflow("Reminders", async (ctx, days: number) => {
  for (let day = 0; day < days; day++) {
    await ctx.sleep("1 day");
    await ctx.activity("remind", day);
  }
  return "done";
});

test("a month with a reminder a day passes in milliseconds", async () => {
  const sent: number[] = [];
  const env = createTestEnvironment({
    workflows: [reminders],
    activities: { remind: async (day: number) => void sent.push(day) },
    startTime: "2026-01-01T00:00:00Z",
  });
  const begunAt = performance.now();
  expect(await env.execute(reminders, 30)).toBe("done");
  expect(performance.now() - begunAt).toBeLessThan(200);
  console.log(performance.now() - begunAt);
  expect(sent).toHaveLength(30);
  expect(env.now().toISOString()).toBe("2026-01-31T00:00:00.000Z");
  await env.close();
});
