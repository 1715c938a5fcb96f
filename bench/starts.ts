/** Measures how long a server takes from the start of its process to its first answered call, with no data folder and with one. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Figure, figureOf } from "./figures.js";
import type { Options } from "./options.js";
import { startServer } from "./server.js";

/** Starts servers, one after the other: each folder is new at its first start. */
export async function measureStarts({ only, rounds }: Options, dir: string): Promise<Figure[]> {
  if (!only.includes("start-cold") && !only.includes("start-warm")) return [];
  const times = { "start-cold": [] as number[], "start-warm": [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const fresh = join(dir, `start-${round}`);
    await mkdir(fresh);
    for (const name of ["start-cold", "start-warm"] as const) {
      const server = await startServer({ dir: fresh });
      await server.stop();
      times[name].push(server.firstAnswerMs);
      console.log(`round ${name}: ${server.firstAnswerMs.toFixed(0)} ms`);
    }
  }
  return (["start-cold", "start-warm"] as const)
    .filter((name) => only.includes(name))
    .map((name) =>
      figureOf(
        name,
        "pawl",
        times[name].map((ms) => ({ perSecond: 1_000 / ms, latencies: [ms] })),
      ),
    );
}
