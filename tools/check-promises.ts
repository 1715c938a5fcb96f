/** Fails when a promise of ARCHITECTURE.md has no test, or one that is missing or skipped. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findBrokenPromises, readPromises } from "./promises.js";

const root = join(import.meta.dirname, "..");
const read = (path: string) =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined;
const broken = findBrokenPromises(readPromises(read("ARCHITECTURE.md") ?? ""), read);
for (const line of broken) console.error(line);
process.exitCode = broken.length === 0 ? 0 : 1;
