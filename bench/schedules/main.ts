/** Measures schedules: `make bench-schedules`. Ends with an error if a fire was lost or a figure is beyond its bound. */
import { parseArgs } from "node:util";
import { type Bounded, beyondBounds, describeBounded } from "../bounds.js";
import { startProgram, stopProcess } from "../processes.js";
import { runBenchmark } from "../run.js";
import { type Measurable, withServer } from "../stage.js";
import { measureBurst } from "./burst.js";
import { measureIdle } from "./idle.js";
import { measureSteady } from "./steady.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "idle,burst,steady" },
    schedules: { type: "string", default: "10000" },
    minutes: { type: "string", default: "10" },
    "at-once": { type: "string", default: "2000" },
    seconds: { type: "string", default: "60" },
    profile: { type: "boolean", default: false },
  },
});

const parts: Readonly<Record<string, (measurable: Measurable) => Promise<Bounded[]>>> = {
  idle: (measurable) =>
    measureIdle(measurable, { count: Number(flags.schedules), seconds: Number(flags.seconds) }),
  burst: (measurable) => measureBurst(measurable, Number(flags["at-once"])),
  steady: (measurable) =>
    measureSteady(measurable, { count: Number(flags.schedules), minutes: Number(flags.minutes) }),
};

await runBenchmark(() =>
  withServer({ flags: positionals, isProfiled: flags.profile }, async (measurable) => {
    const worker = await startProgram("worker.ts", [measurable.server.address, "4"]);
    const figures: Bounded[] = [];
    for (const name of flags.only.split(",")) figures.push(...((await parts[name]?.(measurable)) ?? []));
    await stopProcess(worker);
    console.log(`\n${describeBounded(figures)}\n`);
    return beyondBounds(figures);
  }),
);
