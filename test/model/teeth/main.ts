/**
 * Plants bugs in a copy of the project, one after another, and shows which the model tests see. Ends with 1 if one goes unseen. Given words, it plants
 * only the bugs whose names have one of them.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { plantedBugs } from "../planted-bugs.js";

const words = process.argv.slice(2);
const chosen = plantedBugs.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);
const root = resolve(import.meta.dirname, "../../..");
const copy = mkdtempSync(join(tmpdir(), "pawl-teeth-"));
const left = new Set(["node_modules", ".git", "dist", "coverage", ".pawl"]);
cpSync(root, copy, {
  recursive: true,
  filter: (from) => !left.has(from.slice(root.length + 1).split("/")[0] ?? ""),
});
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));

// That a bug is seen is enough: nothing is made smaller.
for (const test of ["core", "engine", "schedules"]) {
  const path = join(copy, "test/model", test, "model.test.ts");
  writeFileSync(path, readFileSync(path, "utf8").replace("endOnFailure: false", "endOnFailure: true"));
}

/** Runs a folder of tests in the copy. */
function run(suite: string): { readonly output: string; readonly status: number | null } {
  const { stdout, stderr, status } = spawnSync("npx", ["vitest", "run", suite], {
    cwd: copy,
    encoding: "utf8",
  });
  return { output: `${stdout}${stderr}`, status };
}

let seen = 0;
try {
  const sound = run("test/model");
  if (sound.status !== 0) throw new Error(`the tests fail without a planted bug:\n${sound.output}`);
  for (const { name, file, find, replace, suite } of chosen) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    if (text.split(find).length !== 2) {
      console.log(`NOT PLANTED  ${name}: ${file} does not have its place once`);
      continue;
    }
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    const began = Date.now();
    const { output, status } = run(suite);
    writeFileSync(path, text);
    const why = /a rule is broken: [^\n]{0,160}/.exec(output)?.[0] ?? /Error: [^\n]*/.exec(output)?.[0] ?? "";
    const runs = /failed after (\d+) tests/.exec(output)?.[1] ?? "?";
    const seconds = Math.round((Date.now() - began) / 1_000);
    if (status !== 0) seen += 1;
    console.log(
      `${status === 0 ? "UNSEEN" : "seen"}  ${name} (${suite}, sequence ${runs}, ${seconds} s): ${why}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${seen} of ${chosen.length} planted bugs seen`);
process.exitCode = seen === chosen.length ? 0 : 1;
