import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { RunState, Workflow } from "../../src/core/run-state.js";
import { openStateCache } from "../../src/engine/state-cache.js";
import { makeRun } from "../store/support/runs.js";

const namespaceId = randomUUID();
const large = 1024 ** 3;

function workflowOf(workflowId: string, fields: Partial<RunState> = {}): Workflow {
  const run = makeRun({ namespaceId, workflowId, ...fields });
  return { namespaceId, workflowId, pointer: { runId: run.runId, startRequestId: "", requestHash: "" }, run };
}

test("keeps open runs when many others have closed, and the newest of those", () => {
  const cache = openStateCache(large);
  cache.keep(workflowOf("open"), []);
  for (let n = 0; n < 1_500; n++) {
    cache.keep(workflowOf(`run-${n}`), []);
    cache.keep(workflowOf(`run-${n}`, { closedAt: 1 }), []);
  }
  const isCached = (workflowId: string) => cache.get(namespaceId, workflowId) !== undefined;
  expect(["open", "run-499", "run-500", "run-1499"].map(isCached)).toEqual([true, false, true, true]);
  expect(cache.entries()).toBe(1_001);
});

test("counts a workflow id that goes on with another run as open", () => {
  const cache = openStateCache(large);
  cache.keep(workflowOf("chain", { closedAt: 1 }), []);
  cache.keep(workflowOf("chain"), []);
  for (let n = 0; n < 1_100; n++) cache.keep(workflowOf(`run-${n}`, { closedAt: 1 }), []);
  expect(cache.get(namespaceId, "chain")).toBeDefined();
});

test("lets go of what nobody has used for half a minute", () => {
  let now = 0;
  const cache = openStateCache(large, () => now);
  for (const id of ["idle", "read", "written"]) cache.keep(workflowOf(id), []);
  now = 20_000;
  cache.get(namespaceId, "read");
  cache.keep(workflowOf("written"), []);
  cache.dropIdle();
  expect(cache.entries()).toBe(3);
  now = 30_000;
  cache.dropIdle();
  const isCached = (workflowId: string) => cache.get(namespaceId, workflowId) !== undefined;
  expect(["idle", "read", "written"].map(isCached)).toEqual([false, true, true]);
  now = 60_000;
  cache.dropIdle();
  expect([cache.entries(), cache.bytes()]).toEqual([0, 0]);
});

test("never holds more than it may, the least recently used going first", () => {
  const cache = openStateCache(20_000);
  for (let n = 0; n < 100; n++) {
    cache.keep(workflowOf(`run-${n}`), []);
    cache.get(namespaceId, "run-0");
    expect(cache.bytes()).toBeLessThanOrEqual(20_000);
  }
  expect(cache.get(namespaceId, "run-0")).toBeDefined();
  expect(cache.get(namespaceId, "run-1")).toBeUndefined();
});
