/** Measures throughput and latency of a server of its own: `make bench`. Ends with an error if anything came out wrong. */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measureClosedLoop } from "./closed-loop.js";
import { makeFolder } from "./folder.js";
import { type Options, readOptions } from "./options.js";
import { endProcesses } from "./processes.js";
import { describeCosts, describeFigures, describeRatios } from "./report.js";
import { requireProgram } from "./server.js";
import { measureStarts } from "./starts.js";

const outDir = fileURLToPath(new URL("out/", import.meta.url));

// What is under way fails when its processes have gone, and cleans up after itself.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endProcesses);

requireProgram();
process.exitCode = (await bench(readOptions(process.argv.slice(2)))) ? 0 : 1;
process.exit();

async function bench(options: Options): Promise<boolean> {
  await mkdir(outDir, { recursive: true });
  const dir = await makeFolder();
  try {
    const starts = await measureStarts(options, dir);
    const { measured, faults } = await measureClosedLoop(options, dir);
    const figures = [...measured.map(({ figure }) => figure), ...starts];
    console.log(`\n${describeFigures(figures)}\n`);
    for (const line of describeRatios(figures)) console.log(line);
    console.log(`\n${describeCosts(measured)}`);
    for (const fault of faults) console.error(`WRONG: ${fault}`);
    await writeFile(join(outDir, "latest.json"), `${JSON.stringify(figures, undefined, 2)}\n`);
    if (options.isProfiled) await cp(join(dir, "profile"), outDir, { recursive: true });
    return faults.length === 0;
  } catch (error) {
    console.error("WRONG:", error);
    return false;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
