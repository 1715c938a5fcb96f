import { expect, test } from "vitest";
import { CancelledFailure, createWorker } from "../../src/sdk/worker/index.js";
import { FakeRefusal, startFakeServer, untilGone } from "./fake-server.js";
import { accepted, activityTask, cleanUps, collect, pollOf, start, tokensOf } from "./worker-harness.js";

test("gives back what it holds when it stops", async () => {
  const drained = collect<string[]>();
  const begun = collect<string>();
  const { worker } = await start(
    {
      pollActivityTasks: pollOf([[activityTask("held")]]),
      drainWorker({ activityTaskTokens }) {
        drained.push(activityTaskTokens.map((token) => String(Buffer.from(token))));
        return {};
      },
    },
    {
      activities: {
        work: (_, { signal }) => {
          begun.push("work");
          return new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(new CancelledFailure())),
          );
        },
      },
      drainMs: 20,
    },
  );
  await begun.atLeast(1);
  await worker.stop();
  await worker.stop();
  expect(drained.items).toEqual([[], ["held"]]);
});

test("finishes what it has before it stops", async () => {
  const completed = collect<string>();
  const begun = collect<() => void>();
  const { worker } = await start(
    {
      pollActivityTasks: pollOf([[activityTask("a")]]),
      completeActivityTasks({ completions }) {
        completed.push("a");
        return { outcomes: completions.map(() => accepted) };
      },
    },
    { activities: { work: () => new Promise<void>((resolve) => begun.push(resolve)) }, drainMs: 10_000 },
  );
  const [finish] = await begun.atLeast(1);
  const stopped = worker.stop();
  finish?.();
  await stopped;
  expect(completed.items).toEqual(["a"]);
});

test("registers again at a server that does not know it", async () => {
  const registered = collect<string>();
  await start(
    {
      registerWorker({ worker }) {
        registered.push(String(worker?.workerId));
        return {};
      },
      async pollActivityTasks(_, { signal }) {
        if (registered.items.length === 1) throw new FakeRefusal(5, "WORKER_NOT_FOUND");
        await untilGone(signal);
        return {};
      },
    },
    { activities: { work: async () => 1 } },
  );
  const ids = await registered.atLeast(2);
  expect(new Set(ids).size).toBe(1);
});

test("survives a restart of the server, with what it finished meanwhile", async () => {
  const completed = collect<string>();
  const begun = collect<() => void>();
  const { port, stopServer } = await start(
    { pollActivityTasks: pollOf([[activityTask("before")]]) },
    {
      activities: {
        work: (input?: unknown) =>
          input !== undefined ? 1 : new Promise<void>((resolve) => begun.push(resolve)),
      },
    },
  );
  const [finish] = await begun.atLeast(1);
  stopServer();
  finish?.();
  const input = { body: { case: "json" as const, value: '{"seq":1}' } };
  const server = await startFakeServer(
    {
      pollActivityTasks: pollOf([[activityTask("after", { input })]]),
      completeActivityTasks({ completions }) {
        completed.push(...tokensOf(completions));
        return { outcomes: completions.map(() => accepted) };
      },
    },
    port,
  );
  cleanUps.push(server.stop);
  expect((await completed.atLeast(2)).sort()).toEqual(["after", "before"]);
});

const never = () => new Promise<never>(() => {});
const promptlyMs = 3_500;

test("stops promptly though the server has fallen silent", async () => {
  const beats = collect<string>();
  const { worker } = await start(
    {
      registerWorker: () => ({ heartbeatInterval: { nanos: 1_000_000 } }),
      heartbeatWorker({ workerId }) {
        beats.push(workerId);
        return never();
      },
      pollActivityTasks: never,
      drainWorker: never,
    },
    { activities: { work: async () => 1 } },
  );
  await beats.atLeast(1);
  const begunAt = performance.now();
  await worker.stop();
  expect(performance.now() - begunAt).toBeLessThan(promptlyMs);
});

test("stops promptly though the server never answered its registration", async () => {
  const asked = collect<string>();
  const server = await startFakeServer({
    registerWorker({ worker }) {
      asked.push(String(worker?.workerId));
      return never();
    },
    drainWorker: never,
  });
  cleanUps.push(server.stop);
  const worker = createWorker({
    address: server.address,
    logger: { info() {}, warn() {} },
    activities: { work: async () => 1 },
  });
  const started = worker.start();
  await asked.atLeast(1);
  const begunAt = performance.now();
  await worker.stop();
  await started;
  expect(performance.now() - begunAt).toBeLessThan(promptlyMs);
});
