import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isShort } from "../../support/is-short.js";
import { scheduleSeeds } from "../seeds.js";
import { operations } from "./operations.js";
import { ScheduleWorld } from "./schedule-world.js";

const sequences = fc.array(fc.oneof(...operations), { minLength: 20, maxLength: 200, size: "max" });
/** A few days before clocks are set in one zone or another. */
const beginnings = ["2026-03-07", "2026-03-21", "2026-04-04", "2026-10-02", "2026-10-24"];

let operationsPlayed = 0;

describe("any sequence of operations on a schedule", () => {
  test.each(scheduleSeeds)(
    "leaves it as the reference model says (seed %i)",
    (seed) => {
      fc.assert(
        fc.property(fc.constantFrom(...beginnings), sequences, (beginning, moves) => {
          const world = new ScheduleWorld(Date.parse(`${beginning}T00:00:00Z`));
          for (const { play } of moves) {
            play(world);
            operationsPlayed += 1;
          }
          world.finish();
        }),
        { numRuns: isShort ? 40 : 100, seed, endOnFailure: false },
      );
      expect(operationsPlayed).toBeGreaterThanOrEqual(isShort ? 3_000 : 8_000);
    },
    120_000,
  );
});
