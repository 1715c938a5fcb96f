/**
 * Prints how much code and set-up the comparison counts, and writes that and the code of docs/comparison into docs/comparison.md. With --check it
 * compares instead and fails on a difference.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { countsTable, fillIn, readCode } from "./comparison.js";

const target = join(import.meta.dirname, "..", "docs", "comparison.md");
const code = await readCode();
const text = await readFile(target, "utf8");
const filled = fillIn(text, code);
if (process.argv.includes("--check")) {
  if (filled !== text) {
    console.error(
      "docs/comparison.md is not current. Run npx tsx tools/comparison-docs.ts and commit the result.",
    );
    process.exitCode = 1;
  }
} else {
  await writeFile(target, filled);
  console.log(countsTable(code));
}
