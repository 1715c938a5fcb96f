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
