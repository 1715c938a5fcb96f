import { once } from "node:events";
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

test("a taken port is named with its flag, and the Postgres that was started for it is stopped", {
  timeout: 60_000,
}, async () => {
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

test("a second server on the port of the first is refused, and the first and its Postgres go on", {
  timeout: 60_000,
}, async () => {
  const first = await sandbox.startServer({ data: "twice" });
  const postmaster = await first.postmasterPid();
  const second = serve("twice", ["--port", String(first.port), "--log-level", "error"]);
  const { code } = await second.ended;
  expect(second.output()).toMatch(
    new RegExp(`^pawl: port ${first.port} .*taken: [^\\n]*--port[^\\n]*\\n$`, "i"),
  );
  expect(code).toBe(1);
  expect(await first.postmasterPid()).toBe(postmaster);
  expect(await (await fetch(`http://${first.address}/readyz`)).text()).toBe("ready\n");
});

test("SIGTERM while it starts ends the server and leaves no Postgres", { timeout: 60_000 }, async () => {
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
