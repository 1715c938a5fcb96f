/**
 * Keeps package-lock.json fit for `npm ci` on every platform: adds the entries that npm leaves out for binaries of platforms other than
 * the one it ran on, and removes download addresses, so that every machine installs from its own registry. With --check it only says
 * what it would change, and fails.
 */
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

/** One entry of the lockfile's `packages`, as far as this tool looks at it. */
export interface LockEntry {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  os?: string[];
  cpu?: string[];
  optionalDependencies?: Record<string, string>;
}

/** A lockfile of version 2 or 3. */
export interface Lockfile {
  packages: Record<string, LockEntry>;
}

/** Completes the lockfile in place and returns a line for each thing that was wrong. */
export function completeLockfile(lockfile: Lockfile): string[] {
  const changes: string[] = [];
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    if (entry.resolved !== undefined) {
      delete entry.resolved;
      changes.push(`${path} has a download address`);
    }
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isLocked(lockfile, path, name)) continue;
      lockfile.packages[`node_modules/${name}`] = platformEntry({ name, version, isDev: entry.dev === true });
      changes.push(`${name}@${version}, wanted by ${path}, has no entry`);
    }
  }
  lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).sort(([a], [b]) => compare(a, b)));
  return changes;
}

/** Looks where Node would: beside the package that wants it, then in each folder above. */
function isLocked(lockfile: Lockfile, wantedBy: string, name: string): boolean {
  for (let base = wantedBy; ; base = base.slice(0, Math.max(base.lastIndexOf("/node_modules/"), 0))) {
    if (`${base === "" ? "" : `${base}/`}node_modules/${name}` in lockfile.packages) return true;
    if (base === "") return false;
  }
}

function platformEntry(wanted: { name: string; version: string; isDev: boolean }): LockEntry {
  const { name, version, isDev } = wanted;
  if (!/^\d+\.\d+\.\d+/.test(version))
    throw new Error(`${name} is wanted as ${version}, which is no exact version`);
  const match = /(?<os>android|darwin|freebsd|linux|openbsd|win32)-(?<cpu>arm64|armv7|arm|ia32|x64)/.exec(
    name,
  );
  if (match?.groups?.os === undefined || match.groups.cpu === undefined) {
    throw new Error(
      `cannot tell the platform of ${name} by its name; add its entry to package-lock.json by hand`,
    );
  }
  const cpu = match.groups.cpu === "armv7" ? "arm" : match.groups.cpu;
  return { version, cpu: [cpu], ...(isDev ? { dev: true } : {}), optional: true, os: [match.groups.os] };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

async function main(): Promise<void> {
  const path = "package-lock.json";
  const lockfile: Lockfile = JSON.parse(await readFile(path, "utf8"));
  const changes = completeLockfile(lockfile);
  if (changes.length === 0) return;
  console.log(changes.join("\n"));
  if (process.argv.includes("--check")) {
    console.error(
      `${path} does not fit every platform. Run npm run complete-lockfile and commit the result.`,
    );
    process.exitCode = 1;
    return;
  }
  await writeFile(path, `${JSON.stringify(lockfile, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
