/** What every benchmark does around its work. */
import { existsSync } from "node:fs";
import { endProcesses } from "./processes.js";
import { program } from "./server.js";

/** Runs a benchmark to its end, which is an error if anything came out wrong. */
export async function runBenchmark(work: () => Promise<readonly string[]>): Promise<never> {
  // What is under way fails when its processes have gone, and cleans up after itself.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endProcesses);
  if (!existsSync(program)) {
    console.error("the program is not compiled: run `make build` first");
    process.exit(2);
  }
  const faults = await work().catch((error: unknown) => {
    console.error(error);
    return ["it ended early"];
  });
  for (const fault of faults) console.error(`WRONG: ${fault}`);
  process.exit(faults.length === 0 ? 0 : 1);
}
