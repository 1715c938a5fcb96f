import { expect, test } from "vitest";
import { WorkflowFailedError } from "../../src/sdk/client/index.js";
import { workflow } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer({ warnHistoryEvents: 20, maxHistoryEvents: 60 });

const heeding = workflow("Heeding", async (ctx, done: readonly number[]): Promise<readonly number[]> => {
  while (!ctx.info.isContinueAsNewSuggested) await ctx.sleep(1);
  const lengths = [...done, ctx.info.historyLength];
  return lengths.length < 2 ? ctx.continueAsNew(lengths) : lengths;
});
const heedless = workflow("Heedless", async (ctx) => {
  for (;;) await ctx.sleep(1);
});

test("a run is told that its history grows large, and one that does not listen is ended and says why", async () => {
  await server.work({ workflows: [heeding, heedless] });
  const ended = server.client.execute(heedless).catch((error: unknown) => error);
  const lengths = await server.client.execute(heeding, []);
  expect(lengths).toHaveLength(2);
  for (const length of lengths) expect(length).toBeGreaterThanOrEqual(20);
  for (const length of lengths) expect(length).toBeLessThan(40);
  const error = await ended;
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect(error).toMatchObject({ status: "TERMINATED" });
  expect(String((error as Error).message)).toMatch(/the history has reached its limit of 60 events/);
});
