/** What every benchmark does around its work. */
import { endProcesses } from "./processes.js";
import { requireProgram } from "./server.js";

/** Runs a benchmark to its end, which is an error if anything came out wrong. */
export async function runBenchmark(work: () => Promise<readonly string[]>): Promise<never> {
  // What is under way fails when its processes have gone, and cleans up after itself.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endProcesses);
  requireProgram();
  const faults = await work().catch((error: unknown) => {
    console.error(error);
    return ["it ended early"];
  });
  for (const fault of faults) console.error(`WRONG: ${fault}`);
  process.exit(faults.length === 0 ? 0 : 1);
}
