import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestCluster, type TestCluster, type TestServer } from "../../support/engine.js";
import { isShort } from "../../support/is-short.js";
import { engineSeeds } from "../seeds.js";
import { EngineWorld } from "./engine-world.js";
import { operations } from "./operations.js";

const names = Object.entries(operations).map(([value, { weight }]) => ({
  weight,
  arbitrary: fc.constant(value),
}));

const operation = fc.record({ op: fc.oneof(...names), a: fc.nat(1_000), b: fc.nat(1_000) });
/** What happens at once. */
const step = fc.array(operation, { minLength: 1, maxLength: 6, size: "max" });

/** What a server reads of messages and schedules is late, so that another may have delivered them, or fired, by then. */
const holdAnswer = async (statement: string) => {
  if (statement === "load_messages") await delay(15);
  if (statement === "load_schedules") await delay(5);
};

let cluster: TestCluster;
let servers: TestServer[];

beforeAll(async () => {
  cluster = await openTestCluster();
  servers = [await cluster.open({ holdAnswer }), await cluster.open({ holdAnswer })];
  for (const { upkeep } of servers) await upkeep.beat();
});

afterAll(() => cluster.close());

describe("any operations on two servers, at once and one after another", () => {
  test.each(engineSeeds)(
    "keep the invariants of the run model (seed %i)",
    async (seed) => {
      let operationsPlayed = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 110, size: "max" }), async (steps) => {
          const world = await EngineWorld.open(cluster, servers);
          for (const together of steps) {
            operationsPlayed += together.length;
            await Promise.all(together.map(({ op, ...dice }) => operations[op]?.play(world, dice)));
            await world.check();
          }
          await world.finish();
        }),
        { numRuns: isShort ? 8 : 25, seed, endOnFailure: false, interruptAfterTimeLimit: 120_000 },
      );
      expect(operationsPlayed).toBeGreaterThanOrEqual(isShort ? 1_500 : 5_000);
    },
    300_000,
  );
});
