import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseAccount, run } from "../../src/server/postgres/account.js";
import { packagedPostgres, prepareBinaries } from "../../src/server/postgres/binaries.js";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pawl-binaries-"));
  await chmod(folder, 0o755);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the programs of the embedded Postgres", () => {
  test("run where the install script has not linked their libraries", async () => {
    const packageDir = await copyPackage("unlinked");
    const binaries = await prepareBinaries({
      packageDir,
      account: await chooseAccount(undefined),
      homes: [],
    });
    expect(binaries.root).toBe(join(packageDir, "native"));
    expect(await readdir(join(binaries.root, "lib"))).toContain("libicui18n.so.60");
  });

  test("are copied where their package cannot be used in place, once for all servers", async () => {
    const packageDir = await copyPackage("unusable");
    // Not executable for anyone, as in a package that the account cannot enter.
    for (const name of ["postgres", "initdb"]) await chmod(join(packageDir, "native", "bin", name), 0o600);
    const account = await chooseAccount(undefined);
    const home = join(folder, "home");
    await mkdir(home);
    const prepare = () => prepareBinaries({ packageDir, account, homes: [join("/dev/null", "x"), home] });
    const [first, second] = await Promise.all([prepare(), prepare()]);
    expect(first).toEqual(second);
    expect(await readdir(home)).toEqual([`postgres-${first.version}`]);
    const outcome = await run({ account, file: first.postgres, args: ["--version"] });
    expect(outcome.output).toContain(`PostgreSQL) ${first.major}.`);
  });

  test("are refused with a way out where they cannot run anywhere", async () => {
    const packageDir = join(folder, "broken");
    await mkdir(join(packageDir, "native", "bin"), { recursive: true });
    await cp(join(packagedPostgres(), "package.json"), join(packageDir, "package.json"));
    const account = await chooseAccount(undefined);
    await expect(prepareBinaries({ packageDir, account, homes: [] })).rejects.toThrow(
      /cannot be run .*--data-dir, or a database with --database-url/,
    );
  });
});

/** The package as npm unpacks it: without the links. */
async function copyPackage(name: string): Promise<string> {
  const target = join(folder, name);
  await cp(packagedPostgres(), target, { recursive: true, verbatimSymlinks: true });
  const list = await readFile(join(target, "native", "pg-symlinks.json"), "utf8");
  const links: { target: string }[] = JSON.parse(list);
  for (const link of links) await rm(join(target, link.target), { force: true });
  return target;
}
