import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isRunning, readPostmasterPid } from "../../src/server/postgres/postmaster.js";
import { freePort, openSandbox, type Sandbox } from "../support/processes.js";

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

test("a taken port is named with its flag, and the Postgres that was started for it is stopped", async () => {
  const holder = createServer().listen(await freePort(), "127.0.0.1");
  await once(holder, "listening");
  const address = holder.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const server = serve("taken", ["--port", String(port), "--log-format", "json"]);
  const [, dataDir = ""] = await server.waitForOutput(/"dataDir":"([^"]+)"/);
  const postmaster = (await readPostmasterPid(dataDir)) ?? 0;
  const { code } = await server.ended;
  holder.close();
  expect(server.output().trim().split("\n").at(-1)).toMatch(
    new RegExp(`^pawl: port ${port} .*taken: .*--port`, "i"),
  );
  expect(code).toBe(1);
  expect(postmaster).toBeGreaterThan(0);
  expect(await isRunning(postmaster)).toBe(false);
});

test("a port that is no number is refused before anything is started", async () => {
  const server = serve("never-made", ["--port", "seventy"]);
  const { code } = await server.ended;
  expect(server.output()).toMatch(/^pawl: --port "seventy" is not valid[^\n]*\n$/);
  expect(code).toBe(2);
});

test("a flag that does not exist is refused in one line", async () => {
  const server = serve("never-made", ["--prot", "7300"]);
  const { code } = await server.ended;
  expect(server.output()).toMatch(/^pawl: unknown option '--prot'[^\n]*--port[^\n]*\n$/);
  expect(code).toBe(2);
});

test("a data folder of another major version is refused with the way out", async () => {
  const folder = join(sandbox.folder, "old");
  await mkdir(join(folder, "data"), { recursive: true });
  await writeFile(join(folder, "data", "PG_VERSION"), "16\n");
  const server = serve("old", []);
  const { code } = await server.ended;
  expect(server.output()).toMatch(/^pawl: The data in \S+ is of Postgres 16[^\n]*--data-dir\.\n$/);
  expect(code).toBe(1);
  expect(await readFile(join(folder, "data", "PG_VERSION"), "utf8")).toBe("16\n");
});

test("a data folder that is a file is refused in one line", async () => {
  await writeFile(join(sandbox.folder, "file"), "");
  await chmod(join(sandbox.folder, "file"), 0o644);
  const server = serve("file", []);
  const { code } = await server.ended;
  expect(server.output()).toMatch(/^pawl: The data folder \S+ cannot be used [^\n]*--data-dir[^\n]*\n$/);
  expect(code).toBe(1);
});

test("SIGTERM while it starts ends the server and leaves no Postgres", async () => {
  const server = serve("interrupted", ["--port", String(await freePort()), "--log-format", "json"]);
  const [, dataDir = ""] = await server.waitForOutput(/"dataDir":"([^"]+)"/);
  const postmaster = (await readPostmasterPid(dataDir)) ?? 0;
  const { code } = await server.stop();
  expect(code).toBe(0);
  expect(await isRunning(postmaster)).toBe(false);
});

function serve(data: string, flags: readonly string[]) {
  return sandbox.runNode("src/cli/main.ts", ["serve", "--data-dir", join(sandbox.folder, data), ...flags]);
}
