import { expect, test } from "vitest";
import {
  ApplicationFailure,
  type ChildFailure,
  defineSignal,
  workflow,
} from "../../src/sdk/workflow/index.js";
import { useRealServer } from "./real-server.js";

const server = useRealServer();
const go = defineSignal<string>("go");

const waiter = workflow("Waiter", async (ctx, name: string) => {
  const word = await ctx.signal(go).next();
  if (word === "fail") throw new ApplicationFailure(`${name} was told to`, { type: "Told" });
  return `${name} ${word}`;
});
const parent = workflow("Parent", async (ctx, ids: readonly string[]) => {
  const [a, b, c] = await Promise.all(
    ids.map((workflowId) => ctx.startChild(waiter, workflowId, { workflowId })),
  );
  if (!a || !b || !c) throw new ApplicationFailure("there are three");
  await a.signal(go, "went");
  await ctx.external(b.workflowId).signal(go, "fail");
  c.cancel("not needed");
  const failure = await b.result().catch((error: ChildFailure) => (error.cause as ApplicationFailure).type);
  const cancelled = await c.result().catch((error: ChildFailure) => (error.cause as Error).name);
  const nobody = await ctx
    .external("nobody")
    .signal(go, "x")
    .catch((error: ApplicationFailure) => error.type);
  return [await a.result(), failure, cancelled, nobody];
});
const keeper = workflow("Keeper", async (ctx, ids: readonly string[]): Promise<unknown> => {
  await Promise.all(ids.map((workflowId) => ctx.startChild(waiter, workflowId, { workflowId })));
  if (ids.length > 0) return ctx.continueAsNew([], { keepChildren: true });
  return Promise.all(ctx.keptChildren.map((child) => child.result()));
});

test("children are started, signalled, cancelled and heard of, and others too", async () => {
  await server.work({ workflows: [waiter, parent, keeper] });
  const ids = ["one", "two", "three"];
  expect(await server.client.execute(parent, ids)).toEqual([
    "one went",
    "Told",
    "CancelledFailure",
    "WORKFLOW_NOT_FOUND",
  ]);
});

test("children that continue-as-new keeps are heard of by the run that goes on", async () => {
  const handle = await server.client.start(keeper, ["kept 1", "kept 2"]);
  const isContinued = async () => (await handle.describe()).workflow?.runId !== handle.runId;
  await expect.poll(isContinued, { timeout: 5_000 }).toBe(true);
  for (const id of ["kept 1", "kept 2"]) await server.client.signal(id, go, "went");
  expect(await handle.result()).toEqual(["kept 1 went", "kept 2 went"]);
});
