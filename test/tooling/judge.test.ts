import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

test("adds up the closing lines of the scripts and prints one of its own, last", async () => {
  const outcome = await judge({
    check: "echo 8 passed, 0 failed",
    test: "echo 5 passed, 0 failed, 1 skipped; echo table",
  });
  expect(outcome).toEqual({ lines: ["table", "13 passed, 0 failed, 1 skipped"], code: 0 });
});

test("runs the next script after a failure and fails in the end", async () => {
  const outcome = await judge({ check: "echo 7 passed, 1 failed; exit 1", test: "echo 5 passed, 0 failed" });
  expect(outcome).toEqual({ lines: ["12 passed, 1 failed"], code: 1 });
});

test("counts a failure that the script's closing line does not show", async () => {
  const { lines, code } = await judge({ check: "echo 8 passed, 0 failed; exit 1" });
  expect(lines.at(-1)).toBe("8 passed, 1 failed");
  expect(code).toBe(1);
});

test("counts a script that ends without a closing line as failed", async () => {
  const { lines, code } = await judge({ check: "true" });
  expect(lines.at(-1)).toBe("0 passed, 1 failed");
  expect(code).toBe(1);
});

async function judge(scripts: Record<string, string>): Promise<{ lines: string[]; code: number | null }> {
  const directory = await mkdtemp(join(tmpdir(), "pawl-judge-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "package.json"), JSON.stringify({ name: "judged", scripts }));
  const tsx = join(root, "node_modules", ".bin", "tsx");
  const args = [join(root, "tools", "judge.ts"), ...Object.keys(scripts)];
  const result = spawnSync(tsx, args, { cwd: directory, encoding: "utf8" });
  return { lines: result.stdout.trimEnd().split("\n"), code: result.status };
}
