import { expect, test } from "vitest";
import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();

const add = defineSignal<number>("add");
const total = defineQuery<number>("total");
const scaled = defineQuery<number, { readonly factor: number }>("scaled");
const touch = defineUpdate("touch");
const close = defineUpdate<string, { readonly by: string }>("close");

const counter = workflow("Counter", async (ctx, start: number) => {
  let sum = start;
  let closedBy: string | undefined;
  ctx.onSignal(add, (n) => {
    sum += n;
  });
  ctx.onUpdate(touch, () => undefined);
  ctx.onQuery(total, () => sum);
  ctx.onQuery(scaled, ({ factor }) => sum * factor);
  ctx.onUpdate(
    close,
    async ({ by }) => {
      await ctx.sleep(1);
      closedBy = by;
      return `closed at ${sum}`;
    },
    {
      validate({ by }) {
        if (by === "nobody") throw new ApplicationFailure("somebody must close it", { type: "Anonymous" });
      },
    },
  );
  await ctx.condition(() => closedBy !== undefined);
  return { sum, closedBy };
});

test("signals, queries and updates are typed, go to a run and come back, cached or replayed", async () => {
  const { client } = server;
  const first = await server.work({ workflows: [counter] });
  const handle = await client.start(counter, 1);
  await handle.signal(add, 2);
  await handle.signal(add, 3);
  expect(await handle.query(total)).toBe(6);
  await first.stop();
  await server.work({ workflows: [counter] });
  expect(await handle.query(scaled, { factor: 2 })).toBe(12);
  await expect(handle.query("unknown")).rejects.toThrow("has no handler");
  expect(await handle.update(touch)).toBeUndefined();
  await expect(handle.update(close, { by: "nobody" })).rejects.toMatchObject({
    name: "ApplicationFailure",
    type: "Anonymous",
  });
  expect(await handle.update(close, { by: "Ada" }, { updateId: "once" })).toBe("closed at 6");
  expect(await handle.update(close, { by: "Ada" }, { updateId: "once" })).toBe("closed at 6");
  expect(await client.handle(counter, handle.workflowId).result()).toEqual({ sum: 6, closedBy: "Ada" });
  expect(await handle.query(total)).toBe(6);
});
