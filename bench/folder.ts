/** The folder that a benchmark works in. */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder on a disk: what is committed to memory alone is no measure. Others may enter it, since Postgres runs as another user where this one is root. */
export async function makeFolder(): Promise<string> {
  const parent = existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
  const memoryFileSystem = 0x01021994;
  if ((await statfs(parent)).type === memoryFileSystem)
    console.warn(`${parent} is in memory: commits cost nothing there`);
  const dir = await mkdtemp(join(parent, "pawl-bench-"));
  await chmod(dir, 0o755);
  return dir;
}
