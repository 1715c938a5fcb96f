/**
 * Runs npm scripts one after another (`judge.ts check test`) and ends with one closing line for all of them. Each script prints a closing
 * line of its own; one that fails without a failure in it, or prints none, counts as one failure more, so that no failure goes unseen.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Counts, closingLine, parseClosingLine } from "./closing-line.js";

const total = { passed: 0, failed: 0, skipped: 0 };
for (const script of process.argv.slice(2)) {
  const counts = await judge(script);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}
console.log(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;

async function judge(script: string): Promise<Counts> {
  const child = spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  let last: Counts | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const counts = parseClosingLine(line);
    if (counts === undefined) console.log(line);
    else last = counts;
  }
  const [code] = await closed;
  const isFailedUnseen = code !== 0 && (last === undefined || last.failed === 0);
  if (isFailedUnseen || last === undefined) {
    console.log(
      `npm run ${script} ended with ${code === null ? "a signal" : `exit code ${code}`} and named no failure`,
    );
    return { passed: last?.passed ?? 0, failed: 1, skipped: last?.skipped ?? 0 };
  }
  return last;
}
