import { expect, test } from "vitest";
import type { ActivityContext } from "../../../src/sdk/index.js";
import { sleep } from "../../../src/sdk/testing/index.js";
import { workflow } from "../../../src/sdk/workflow/index.js";
import { open, openBroken } from "./environments.js";

/** An activity that is told to cancel and goes on. */
const stubborn = async (_: unknown, { signal, heartbeat }: ActivityContext) => {
  for (let n = 0; n < 5; n++) {
    heartbeat(n);
    await sleep("1s").catch(() => "cut short by the cancellation, and ignored");
  }
  return `done, told to cancel: ${signal.aborted}`;
};

test.each([
  ["request", "the run goes on at once", 2_000, "the wait was cancelled"],
  ["wait", "what it returns counts", expect.any(Number), "done, told to cancel: true"],
] as const)("an activity that ignores its cancellation: with %s %s", async (onCancel, _, tookMs, outcome) => {
  const impatient = workflow("Impatient", async (ctx) => {
    const begunAt = ctx.now().getTime();
    const outcome = await ctx
      .timeout("2s", () => ctx.activity<string>("stubborn", null, { onCancel, heartbeatTimeout: "10s" }))
      .catch(() => "the wait was cancelled");
    return { outcome, tookMs: ctx.now().getTime() - begunAt };
  });
  const env = open({ workflows: [impatient], activities: { stubborn } });
  expect(await env.execute(impatient)).toEqual({ outcome, tookMs });
});

test("two pending activities of one id are refused, with the id", async () => {
  const twice = workflow("Twice", async (ctx) =>
    Promise.all(["a", "b"].map((name) => ctx.activity("echo", name, { activityId: "mail" }))),
  );
  const env = openBroken({ workflows: [twice], activities: { echo: async (name: string) => name } });
  await expect(env.execute(twice)).rejects.toThrow(/activity_id.*"mail"/s);
});
