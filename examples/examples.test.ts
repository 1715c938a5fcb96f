import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../src/sdk/testing/index.js";
import { openSandbox, type Sandbox } from "../test/support/processes.js";

let sandbox: Sandbox;
let server: TestServer;

beforeAll(async () => {
  sandbox = await openSandbox();
  server = await startTestServer();
}, 60_000);
afterAll(async () => {
  await server.stop();
  await sandbox.close();
});

test.concurrent.each([
  ["agent", /^It is 42\.$/m],
  ["approval", /^approved: true$/m],
  ["batch", /^990 resized, 10 broken$/m],
  ["report", /^to board@example\.com: 2026-03-03: [\d.]+/m],
  ["saga", /^Atlantis: no cars under water$/m],
])("the example %s runs at a real server", { timeout: 60_000 }, async (name, expected) => {
  // The folder of the sandbox goes along, by which it is found at the end.
  const args = ["--address", server.address, "--", sandbox.folder];
  const example = sandbox.runNode(join("examples", name, "run.ts"), args);
  expect((await example.ended).code, example.output()).toBe(0);
  expect(example.output()).toMatch(expected);
});
