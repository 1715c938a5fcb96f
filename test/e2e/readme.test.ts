import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../src/sdk/client/index.js";
import { openSandbox, type Sandbox } from "../support/processes.js";

const repository = fileURLToPath(new URL("../../", import.meta.url));
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

test("the first workflow of the README has right types, runs, waits for its signal and prints its result", {
  timeout: 120_000,
}, async () => {
  const server = await sandbox.startServer();
  const file = join(sandbox.folder, "first-workflow.ts");
  await symlink(join(repository, "node_modules"), join(sandbox.folder, "node_modules"));
  await writeFile(join(sandbox.folder, "package.json"), '{ "type": "module" }');
  await writeFile(file, await firstWorkflow(server.address));
  const config = join(sandbox.folder, "tsconfig.json");
  const options = { rootDir: "/", types: ["node"], noEmit: true };
  await writeFile(
    config,
    JSON.stringify({ extends: join(repository, "tsconfig.json"), compilerOptions: options, include: [file] }),
  );

  const types = sandbox.run("npx", ["tsc", "-p", config]);
  expect((await types.ended).code, types.output()).toBe(0);

  const program = sandbox.run(process.execPath, ["--import", "tsx", file], { cwd: repository });
  const client = createClient({ address: server.address });
  // The program may not have started the run yet; the call is repeated until it has.
  await expect
    .poll(
      () =>
        client.describe("hello-1").then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
  await client.signal("hello-1", "approved", { by: "Grace" });
  await program.waitForOutput(/Hello, Ada! Approved by Grace\./);
  client.close();
  await program.stop();
});

/** The code block of the README, with the entry points where they are in the repository and the address of the test's server. */
async function firstWorkflow(address: string): Promise<string> {
  const readme = await readFile(join(repository, "README.md"), "utf8");
  const [, code] = /<!-- test: first-workflow -->\n```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  if (code === undefined) throw new Error("README.md has no first workflow");
  return code
    .replace(/from "pawl(\/\w+)?"/g, `from "${join(repository, "src/sdk")}$1/index.js"`)
    .replace("createWorker({", `createWorker({ address: "${address}",`)
    .replace("createClient()", `createClient({ address: "${address}" })`);
}
