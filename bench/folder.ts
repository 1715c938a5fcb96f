/** Where a benchmark keeps its data. */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a benchmark leaves behind. */
export const outDir = fileURLToPath(new URL("out/", import.meta.url));

/** Gives work a new folder on a disk, and removes it afterwards. */
export async function inNewFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await makeFolder();
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A new folder on a disk: what is committed to memory alone is no measure. Others may enter it, since Postgres runs as another user where this one is root. */
async function makeFolder(): Promise<string> {
  const parent = existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
  const memoryFileSystem = 0x01021994;
  if ((await statfs(parent)).type === memoryFileSystem)
    console.warn(`${parent} is in memory: commits cost nothing there`);
  const dir = await mkdtemp(join(parent, "pawl-bench-"));
  await chmod(dir, 0o755);
  return dir;
}
