import { afterAll, beforeAll, expect, test } from "vitest";
import { openPollAnswers } from "../../src/engine/dispatch/poll-answers.js";
import { openQueueDirectory } from "../../src/engine/dispatch/queue-directory.js";
import { openDueRuns } from "../../src/engine/due-runs.js";
import { type Actor, actor } from "../support/actor.js";
import { makeNamespace, openTestCluster, type TestCluster, type TestServer } from "../support/engine.js";

let cluster: TestCluster;
let server: TestServer;
let it: Actor;

beforeAll(async () => {
  cluster = await openTestCluster();
  server = await cluster.open({ cacheBytes: 100_000 });
  it = actor(server, await makeNamespace(server));
});

afterAll(() => cluster.close());

test("keeps the cache of states within its bound, and writes what fell out of it", async () => {
  await Promise.all(Array.from({ length: 300 }, (_, n) => it.start(`run-${n}`)));
  const { cachedRuns, cachedBytes } = server.held();
  expect(cachedBytes).toBeLessThanOrEqual(100_000);
  expect(cachedRuns).toBeGreaterThan(0);
  expect(cachedRuns).toBeLessThan(300);
  await Promise.all(Array.from({ length: 300 }, (_, n) => it.signal(`run-${n}`)));
  expect(server.held().cachedBytes).toBeLessThanOrEqual(100_000);
});

test("keeps the due runs within their bound, whatever becomes of them", () => {
  const due = openDueRuns(100);
  const run = (n: number) => ({ namespaceId: "n", workflowId: "w", runId: `run-${n}` });
  for (let n = 0; n < 50_000; n++) {
    due.note(run(n), 1_000_000_000 + n);
    due.note(run(n), 1_000 + n);
    due.note(run(n), undefined);
  }
  expect(due.size()).toBe(0);
  expect(due.entries()).toBeLessThan(2_000);
  for (let n = 0; n < 200; n++) due.note(run(n), 1_000 - n);
  expect(due.size()).toBe(100);
  expect(due.take(2_000, 3).map(({ dueAt }) => dueAt)).toEqual([901, 902, 903]);
  expect(due.nextAt()).toBe(904);
});

test("forgets the queues that were not polled for longest", () => {
  const queues = openQueueDirectory(10);
  const name = (n: number) => ({ kind: "workflow", namespaceId: "n", taskQueue: `q-${n}` }) as const;
  for (let n = 0; n < 100; n++) {
    queues.open(name(n));
    queues.open(name(0));
  }
  expect(queues.size()).toBeLessThanOrEqual(11);
  expect(queues.find(name(0))).toBeDefined();
  expect(queues.find(name(50))).toBeUndefined();
});

test("keeps no more answers to polls than it may", async () => {
  const answers = openPollAnswers<readonly string[]>({ empty: [], nowMs: () => 0 });
  const { signal } = new AbortController();
  let repeats = 0;
  const work = async () => ({
    answer: ["task"],
    repeat: async () => {
      repeats++;
      return ["task"];
    },
  });
  for (let n = 0; n < 20_010; n++) await answers.ask(`poll-${n}`, signal, work);
  await answers.ask("poll-0", signal, work);
  expect(repeats).toBe(0);
  await answers.ask("poll-20005", signal, work);
  expect(repeats).toBe(1);
});
