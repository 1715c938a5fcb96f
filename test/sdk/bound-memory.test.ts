import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createExecution } from "../../src/sdk/replay/execution.js";
import { createRunCache } from "../../src/sdk/worker/run-cache.js";
import { boundMemory, shedAbove } from "../../src/sdk/worker/thread/bound-memory.js";
import { workflow } from "../../src/sdk/workflow/index.js";

const fill = (limit: number, count: number) => {
  const cache = createRunCache(limit);
  for (let n = 0; n < count; n++) cache.put(`${n}`, createExecution(workflow("W", async () => n)));
  return cache;
};
const kept = (cache: ReturnType<typeof fill>, count: number) =>
  Array.from({ length: count }, (_, n) => n).filter((n) => cache.take(`${n}`) !== undefined);

test("the run that was used longest ago makes room", () => {
  const cache = fill(3, 3);
  const first = cache.take("0");
  if (first !== undefined) cache.put("0", first);
  cache.put("3", createExecution(workflow("W", async () => 3)));
  expect(kept(cache, 4)).toEqual([0, 2, 3]);
});

test("a heap above its bound drops about the part of the runs by which it is too large, oldest first", () => {
  const cache = fill(10, 10);
  shedAbove(cache, 100, 100);
  shedAbove(cache, 75, 100);
  expect(kept(cache, 10)).toEqual([4, 5, 6, 7, 8, 9]);
});

test("the heap is looked at behind a full collection", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const shed = new Promise<number>((resolve) => boundMemory({ shed: resolve }, 1));
  collect();
  expect(await shed).toBe(1);
});
