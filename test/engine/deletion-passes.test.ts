import { expect, test } from "vitest";
import { openDeletions } from "../../src/engine/deletions.js";
import { openRunWatch } from "../../src/engine/run-watch.js";
import { openStateCache } from "../../src/engine/state-cache.js";
import type { Queryable } from "../../src/store/database.js";

test("takes more runs a pass as long as passes are short, and few again after one that took long or failed", async () => {
  const asked: unknown[] = [];
  let now = 0;
  let takesMs = 1;
  let left = 0;
  const tx = {
    async query(_statement: unknown, [maxRuns]: readonly unknown[]) {
      asked.push(maxRuns);
      now += takesMs * 1_000;
      if (takesMs > 10_000) throw new Error("canceling statement due to statement timeout");
      return [{ taken: left, left }];
    },
  } as Queryable;
  const deletions = openDeletions({
    database: { transaction: (work) => work(tx) },
    clock: { steadyNow: () => now },
    cache: openStateCache(1),
    watch: openRunWatch(),
    tellGone: () => undefined,
  });
  const clear = async (passes: number) => {
    asked.length = 0;
    for (let pass = 0; pass < passes; pass++) await deletions.clear();
    return asked;
  };
  left = 1;
  expect(await clear(6)).toEqual([10, 20, 40, 80, 160, 160]);
  takesMs = 50;
  expect(await clear(2)).toEqual([160, 10]);
  takesMs = 49;
  expect(await clear(3)).toEqual([10, 20, 40]);
  takesMs = 10_001;
  await expect(deletions.clear()).rejects.toThrow("timeout");
  takesMs = 1;
  expect(await clear(2)).toEqual([10, 20]);
  left = 0;
  expect(await clear(2)).toEqual([40, 10]);
});
