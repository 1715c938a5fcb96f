/** The same workflows in an environment and on a real server: their histories have the same events. */
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApplicationFailure } from "../../../src/sdk/index.js";
import { createTestEnvironment, startTestServer, type TestServer } from "../../../src/sdk/testing/index.js";
import { defineQuery, defineSignal, defineUpdate, workflow } from "../../../src/sdk/workflow/index.js";
import { kindsOf } from "./environments.js";

const add = defineSignal<number>("add");
const total = defineQuery<number>("total");
const take = defineUpdate<number, number>("take");

const retried = workflow("Retried", async (ctx, _: null) => {
  const retry = { initialInterval: "10ms", maximumAttempts: 3 } as const;
  const good = await ctx.activity("flaky", 2, { retry });
  const bad = await ctx.activity("flaky", 9, { retry }).catch((error: Error) => String(error.cause));
  return [good, bad];
});

const till = workflow("Till", async (ctx, start: number) => {
  let cents = start;
  ctx.onSignal(add, (more) => {
    cents += more;
  });
  ctx.onQuery(total, () => cents);
  ctx.onUpdate(
    take,
    (less) => {
      cents -= less;
      return cents;
    },
    {
      validate: (less) => {
        if (less > cents) throw new ApplicationFailure("not so much");
      },
    },
  );
  await ctx.waitForSignal("close", { timeout: "1h" });
  return cents;
});

const child = workflow("Child", async (ctx, ms: number) => {
  await ctx.sleep(ms);
  if (ms === 13) throw new ApplicationFailure("bad luck");
  return ms;
});

const parent = workflow("Parent", async (ctx, _: null) => {
  const first = await ctx.child(child, 5);
  const second = await ctx.child(child, 13).catch((error: Error) => String(error.cause));
  const left = await ctx.startChild(child, 100_000);
  await ctx.external(left.workflowId).signal(add, 1);
  return [first, second];
});

const recording = workflow("Recording", async (ctx, count: number): Promise<unknown> => {
  ctx.upsertSearchAttributes({ count });
  ctx.upsertMemo({ count });
  ctx.sideEffect("made", () => count);
  await ctx.local("step", () => count);
  ctx.patched("new");
  const limit = ctx.timeout("10ms", () => ctx.sleep("1h"));
  const late = await limit.catch((error: Error) => error.name);
  if (count < 2) return ctx.continueAsNew(count + 1);
  return late;
});

const workflows = [retried, till, child, parent, recording];
const activities = {
  flaky: async (times: number, { info }: { info: { attempt: number } }) => {
    if (info.attempt <= times) throw new ApplicationFailure(`attempt ${info.attempt}`);
    return info.attempt;
  },
};

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.work({ workflows, activities, logger: { info() {}, warn() {} } });
});
afterAll(() => server.stop());

const folders = () =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`pawl-test-server-${process.pid}-`));

type World = Pick<TestServer["client"], "start" | "handle" | "history" | "list">;

/** What a course comes to, and the kinds of the events of every run that it started, in order. */
async function courseOf(client: World, run: (client: World) => Promise<unknown>) {
  const before = new Set<string>();
  for await (const { runId } of client.list()) before.add(runId);
  const result = await run(client);
  const histories: string[] = [];
  for await (const { workflowId, runId, workflowType } of client.list()) {
    if (before.has(runId)) continue;
    const kinds = await kindsOf(client.history({ workflowId, runId }));
    histories.push([workflowType, ...kinds].join(" "));
  }
  return { result, histories: histories.sort() };
}

async function expectSame(run: (client: World) => Promise<unknown>): Promise<void> {
  const env = createTestEnvironment({ workflows, activities });
  const inMemory = await courseOf(env.client, run);
  await env.close();
  expect(inMemory).toEqual(await courseOf(server.client, run));
}

test("activities with retries", () =>
  expectSame(async (client) => (await client.start(retried, null)).result()));

test("signals, queries and updates", () =>
  expectSame(async (client) => {
    const handle = await client.start(till, 100);
    const seen: unknown[] = [await handle.query(total)];
    await handle.signal(add, 5);
    seen.push(await handle.query(total), await handle.update(take, 50));
    seen.push(await handle.update(take, 500).catch((error: Error) => error.message));
    await handle.signal("close");
    return [...seen, await handle.result()];
  }));

test("children, their failures, and what becomes of them", () =>
  expectSame(async (client) => {
    const result = await (await client.start(parent, null)).result();
    // The policy of the parent reaches the child a moment later.
    for await (const run of client.list({ workflowType: "Child" }))
      await client
        .handle(run.workflowId)
        .result()
        .catch(() => {});
    return result;
  }));

test("records, timeouts, and going on as a new run", () =>
  expectSame(async (client) => (await client.start(recording, 0)).result()));

test("cancelling and terminating", () =>
  expectSame(async (client) => {
    const ends: unknown[] = [];
    for (const end of ["cancel", "terminate"] as const) {
      const handle = await client.start(till, 1);
      await handle.query(total);
      await handle[end]("enough");
      ends.push(await handle.result().catch(({ status, message }) => [status, message.split(" ended ")[1]]));
    }
    return ends;
  }));

test("refusals have the reason and the code of a server", () =>
  expectSame(async (client) => {
    const refused: unknown[] = [];
    const note = ({ code, reason }: { code: number; reason: string }) => void refused.push([code, reason]);
    const handle = await client.start(child, 0);
    await handle.result();
    await handle.signal(add, 1).catch(note);
    await handle.cancel().catch(note);
    await client.handle("no-such").describe().catch(note);
    await client.start(child, 0, { workflowId: handle.workflowId, closedIdPolicy: "reject" }).catch(note);
    return refused;
  }));

test("a server that is stopped leaves nothing behind", async () => {
  expect(folders()).toHaveLength(1);
  const { client, address } = server;
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  await Promise.all([server.stop(), server.stop()]);
  expect(folders()).toEqual([]);
  await expect(client.count()).rejects.toThrow();
});
