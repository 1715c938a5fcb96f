/** Writes docs/configuration.md from the table of settings. With --check it compares instead and fails on a difference. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { documentConfiguration } from "../src/server/config/document.js";

const target = join(import.meta.dirname, "..", "docs", "configuration.md");
const text = documentConfiguration();
if ((await readFile(target, "utf8").catch(() => "")) !== text) {
  if (process.argv.includes("--check")) {
    console.error(
      "docs/configuration.md is not current. Run npx tsx tools/config-docs.ts and commit the result.",
    );
    process.exitCode = 1;
  } else {
    await writeFile(target, text);
    console.log("wrote docs/configuration.md");
  }
}
