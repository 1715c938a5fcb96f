/** Fails when gen/ is not exactly what proto/ generates today. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";

const directory = await mkdtemp(join(tmpdir(), "pawl-gen-"));
try {
  await promisify(execFile)("npx", ["buf", "generate", "--output", directory]);
  const [wanted, found] = await Promise.all([readTree(join(directory, "gen")), readTree("gen")]);
  const paths = new Set([...wanted.keys(), ...found.keys()]);
  const stale = [...paths].filter((path) => wanted.get(path) !== found.get(path));
  if (stale.length > 0) {
    console.error(`gen is not current: ${stale.join(", ")}. Run npm run gen and commit the result.`);
    process.exitCode = 1;
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function readTree(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map(async (file) => [relative(root, file), await readFile(file, "utf8")] as const);
  return new Map(await Promise.all(texts));
}
