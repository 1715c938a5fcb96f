import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coreSeeds } from "../seeds.js";
import { CoreWorld } from "./core-world.js";
import { operations } from "./operations.js";

const names = Object.entries(operations).map(([value, { weight }]) => ({
  weight,
  arbitrary: fc.constant(value),
}));

const step = fc.record({ op: fc.oneof(...names), a: fc.nat(1_000), b: fc.nat(1_000) });
const sequences = fc.array(step, { minLength: 1, maxLength: 500, size: "max" });

let operationsPlayed = 0;

describe("any sequence of operations on core", () => {
  test.each(coreSeeds)(
    "keeps the invariants of the run model after every step (seed %i)",
    (seed) => {
      fc.assert(
        fc.property(fc.boolean(), sequences, (mayReset, sequence) => {
          const world = new CoreWorld();
          for (const { op, ...dice } of sequence) {
            // What is told of a run once may come true again by a reset; without any, more can be checked.
            if (op === "reset" && !mayReset) continue;
            operations[op]?.play(world, dice);
            operationsPlayed += 1;
          }
          world.finish();
        }),
        { numRuns: 450, seed, endOnFailure: false },
      );
      expect(operationsPlayed).toBeGreaterThanOrEqual(100_000);
    },
    120_000,
  );
});
