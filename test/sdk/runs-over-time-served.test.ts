import { expect, test } from "vitest";
import { defineSignal, workflow } from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();
const add = defineSignal<number>("add");

const sum = workflow("Sum", async (ctx, input: { readonly total: number; readonly rounds: number }) => {
  const total = input.total + ((await ctx.signal(add).next()) ?? 0);
  ctx.patched("nothing");
  ctx.upsertSearchAttributes({ total, round: BigInt(input.rounds) });
  ctx.upsertMemo({ total });
  if (input.rounds > 1) ctx.continueAsNew({ total, rounds: input.rounds - 1 }, { memo: { isLate: true } });
  const { memo, searchAttributes, continuedFromRunId, firstRunId, runId } = ctx.info;
  const round = Number(searchAttributes.round);
  return { total, memo, round, isContinued: continuedFromRunId === firstRunId && runId !== firstRunId };
});

test("a run continues as new with its signals, memo and attributes", async () => {
  await server.work({ workflows: [sum] });
  const options = { memo: { from: "test" }, searchAttributes: { owner: "Ada" } };
  const handle = await server.client.start(sum, { total: 1, rounds: 2 }, options);
  await Promise.all([handle.signal(add, 10), handle.signal(add, 10)]);
  expect(await handle.result()).toEqual({
    total: 21,
    memo: { from: "test", total: 21, isLate: true },
    round: 1,
    isContinued: true,
  });
  const filter = {
    searchAttributes: [
      {
        name: "owner",
        condition: { case: "equals" as const, value: { value: { case: "keyword" as const, value: "Ada" } } },
      },
    ],
  };
  expect(await server.client.count(filter)).toMatchObject({ count: 2 });
});
