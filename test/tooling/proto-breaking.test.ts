import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const buf = join(root, "node_modules", ".bin", "buf");
const fieldFile = join("proto", "pawl", "v1", "payload.proto");

test("accepts the API as it was when the baseline was written", async () => {
  expect(findBreakage(await copyOfProtos())).toEqual({ output: "", code: 0 });
});

test("refuses to remove a field of the API", async () => {
  const copy = await copyOfProtos();
  const source = await readFile(join(copy, fieldFile), "utf8");
  const removed = source.replace(/^\s*bytes data = 2.*;$/m, "");
  expect(removed).not.toBe(source);
  await writeFile(join(copy, fieldFile), removed);
  const { output, code } = findBreakage(copy);
  expect(output).toMatch(/Previously present field "2" .* on message "Payload" was deleted/);
  expect(code).toBe(100);
});

async function copyOfProtos(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "pawl-breaking-"));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  for (const path of ["proto", "third_party", "buf.yaml"])
    await cp(join(root, path), join(copy, path), { recursive: true });
  return copy;
}

function findBreakage(directory: string): { output: string; code: number | null } {
  const against = join(root, "proto", "baseline.binpb");
  const result = spawnSync(buf, ["breaking", "proto", "--against", against], {
    cwd: directory,
    encoding: "utf8",
  });
  return { output: result.stdout + result.stderr, code: result.status };
}
