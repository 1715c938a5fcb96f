import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { freePort, openSandbox, type Sandbox } from "../support/processes.js";

const repository = fileURLToPath(new URL("../../", import.meta.url));

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

test("what npm pack makes is installed into an empty folder, has entry points that all find, and serves there", {
  timeout: 180_000,
}, async () => {
  onTestFailed(() => console.error(sandbox.tell()));
  const tarball = await pack();
  await npx("publint", "run", tarball, "--strict");
  await npx("attw", tarball, "--profile", "esm-only");
  const folder = join(sandbox.folder, "elsewhere");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{"private":true}\n');
  await npm(["install", "--prefer-offline", "--no-audit", "--no-fund", "--prefix", folder, tarball], folder);

  const installed: { version: string } = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  const pawl = join(folder, "node_modules", ".bin", "pawl");
  const version = sandbox.run(pawl, ["--version"], { cwd: folder });
  await version.ended;
  expect(version.output()).toBe(`${installed.version}\n`);

  const imports = ["pawl", "pawl/client", "pawl/worker", "pawl/workflow"]
    .map((name) => `import "${name}";`)
    .join("");
  const entryPoints = sandbox.run(process.execPath, ["--input-type=module", "-e", imports], { cwd: folder });
  expect((await entryPoints.ended).code, entryPoints.output()).toBe(0);

  const port = await freePort();
  const server = sandbox.run(pawl, ["serve", "--port", String(port)], { cwd: folder });
  await server.waitForOutput(/Pawl serves/, 60_000);
  const response = await fetch(`http://127.0.0.1:${port}/pawl.v1.WorkflowService/ListWorkflows`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: {} });
  expect((await server.stop()).code).toBe(0);
  expect(await readdir(folder)).toContain(".pawl");
});

/** Packs a copy, so that building it disturbs nobody who uses what is built here. */
async function pack(): Promise<string> {
  const copy = join(sandbox.folder, "copy");
  const left = new Set([".git", ".pawl", "node_modules", "dist", "coverage"]);
  await cp(repository, copy, {
    recursive: true,
    filter: (path) => !left.has(path.slice(repository.length).split("/")[0] ?? ""),
  });
  await symlink(join(repository, "node_modules"), join(copy, "node_modules"));
  await npm(["pack", "--silent", "--pack-destination", sandbox.folder], copy);
  const tarball = (await readdir(sandbox.folder)).find((name) => name.endsWith(".tgz"));
  return join(sandbox.folder, tarball ?? "npm pack made nothing");
}

/** Runs a program of the repository's own packages. */
async function npx(program: string, ...args: readonly string[]): Promise<void> {
  const child = sandbox.run(join(repository, "node_modules", ".bin", program), args);
  expect((await child.ended).code, child.output()).toBe(0);
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const child = sandbox.run("npm", args, { cwd });
  expect((await child.ended).code, child.output()).toBe(0);
}
