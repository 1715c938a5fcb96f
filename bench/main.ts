/** Measures throughput and latency of a server of its own: `make bench`. Ends with an error if anything came out wrong. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { measureClosedLoop } from "./closed-loop.js";
import { inNewFolder, outDir } from "./folder.js";
import { readOptions } from "./options.js";
import { describeCosts, describeFigures, describeRatios } from "./report.js";
import { runBenchmark } from "./run.js";
import { measureStarts } from "./starts.js";

const options = readOptions(process.argv.slice(2));

await runBenchmark(async () => {
  await mkdir(outDir, { recursive: true });
  const starts = await inNewFolder((dir) => measureStarts(options, dir));
  const { measured, faults } = await measureClosedLoop(options);
  const figures = [...measured.map(({ figure }) => figure), ...starts];
  console.log(`\n${describeFigures(figures)}\n`);
  for (const line of describeRatios(figures)) console.log(line);
  console.log(`\n${describeCosts(measured)}`);
  await writeFile(join(outDir, "latest.json"), `${JSON.stringify(figures, undefined, 2)}\n`);
  return faults;
});
