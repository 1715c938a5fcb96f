import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { type Client, createClient } from "../../src/sdk/client/index.js";
import { isShort } from "../support/is-short.js";
import { openSandbox, type Sandbox, type ServerProcess, type TestProcess } from "../support/processes.js";
import { until } from "../support/until.js";
import { expectAllRight, shipWithinMs, takeOrders } from "./orders.js";

const victims = ["the server", "the worker", "Postgres"] as const;
type Victim = (typeof victims)[number];

const rounds = Number(process.env.PAWL_TEST_KILL_ROUNDS ?? (isShort ? "1" : "3"));
const firstSeed = Number(process.env.PAWL_TEST_KILL_SEED ?? "1");
const retryForMs = 60_000;

let sandbox: Sandbox;
let server: ServerProcess;
let worker: TestProcess;
let client: Client;

beforeAll(async () => {
  sandbox = await openSandbox();
  server = await startServer();
  worker = sandbox.startOrderWorker(server.address);
  client = createClient({ address: server.address, retryForMs });
});

afterAll(async () => {
  client?.close();
  await sandbox.close();
});

// To run a failed round again: PAWL_TEST_KILL_SEED=<seed> PAWL_TEST_KILL_ROUNDS=1.
const plans = Array.from({ length: rounds }, (_, round) => planRound(firstSeed + round));

test.each(plans)(
  "seed $seed: $victim killed with -9 $first ms and $second ms into the orders leaves every order right and charged once",
  { timeout: 120_000 },
  async ({ seed, victim, first, second }) => {
    onTestFailed(() => console.error(sandbox.tell()));
    const idPrefix = `kill-${seed}-`;
    const work = takeOrders(client, idPrefix);
    work.catch(() => undefined);
    await delay(first);
    await killAndRestart(victim);
    await delay(Math.max(0, second - first));
    await killAndRestart(victim);
    await work;
    await expectAllRight({ client, idPrefix, ledgerFolder: sandbox.ledgerFolder });
    expect(server.output()).not.toContain("a call failed by a fault of the server");
  },
);

function startServer(port?: number): Promise<ServerProcess> {
  // A worker that is killed holds its tasks until their leases expire, for which the test does not want to wait long.
  const flags = ["--workflow-task-timeout-ms", "2000", "--log-level", "info"];
  return sandbox.startServer({ flags, ...(port !== undefined && { port }) });
}

async function killAndRestart(victim: Victim): Promise<void> {
  switch (victim) {
    case "the server":
      await server.kill();
      server = await startServer(server.port);
      return;
    case "the worker":
      await worker.kill();
      worker = sandbox.startOrderWorker(server.address);
      return;
    case "Postgres": {
      // The server starts it again by itself.
      const pid = await server.postmasterPid();
      process.kill(pid, "SIGKILL");
      await until(
        "Postgres is back",
        () =>
          server.postmasterPid().then(
            (next) => next !== pid,
            () => false,
          ),
        {
          withinMs: 30_000,
        },
      );
      return;
    }
  }
}

/** One kill while the orders are worked on, and one either there as well or when those that never ship are refunded. */
function planRound(seed: number) {
  const random = mulberry32(seed);
  const victim = victims[(seed - 1) % victims.length] ?? "the server";
  const first = Math.round(random() * 1_500);
  const second =
    random() < 0.5 ? first + Math.round(random() * 2_500) : shipWithinMs + Math.round(random() * 2_000);
  return { seed, victim, first, second };
}

/** A small generator of random numbers from 0 to 1 that gives the same ones for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
