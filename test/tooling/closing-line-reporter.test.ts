import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const passing = 'test("one", () => {}); test("two", () => {});';

test("counts tests that pass, fail and are skipped", async () => {
  const { lastLine, code } = await runTests({
    "pass.test.js": passing,
    "mixed.test.js": 'test("three", () => { throw new Error("wrong"); }); test.skip("four", () => {});',
  });
  expect(lastLine).toBe("2 passed, 1 failed, 1 skipped");
  expect(code).toBe(1);
});

test("ends a good run with zero failures and exit code 0", async () => {
  expect(await runTests({ "pass.test.js": passing })).toEqual({ lastLine: "2 passed, 0 failed", code: 0 });
});

test("counts a file that fails to load as failed", async () => {
  const { lastLine, code } = await runTests({
    "pass.test.js": passing,
    "broken.test.js": 'import "./missing.js";',
  });
  expect(lastLine).toBe("2 passed, 1 failed");
  expect(code).toBe(1);
});

test("counts a file whose set-up fails as failed", async () => {
  const source = 'beforeAll(() => { throw new Error("no database"); }); test("three", () => {});';
  const { lastLine, code } = await runTests({ "pass.test.js": passing, "setup.test.js": source });
  expect(lastLine).toBe("2 passed, 1 failed, 1 skipped");
  expect(code).toBe(1);
});

test("counts an error outside of any test as failed", async () => {
  const source = 'test("three", () => { Promise.reject(new Error("nobody waits")); });';
  const { lastLine, code } = await runTests({ "stray.test.js": source });
  expect(lastLine).toBe("1 passed, 1 failed");
  expect(code).toBe(1);
});

test("counts a run that finds no tests as failed", async () => {
  const { lastLine, code } = await runTests({});
  expect(lastLine).toBe("0 passed, 1 failed");
  expect(code).toBe(1);
});

async function runTests(
  files: Record<string, string>,
): Promise<{ lastLine: string | undefined; code: number | null }> {
  const directory = await mkdtemp(join(tmpdir(), "pawl-reporter-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const reporter = join(root, "tools", "closing-line-reporter.ts");
  const config = `import { closingLineReporter } from ${JSON.stringify(reporter)};
    export default { test: { globals: true, reporters: ["default", closingLineReporter()] } };`;
  await writeFile(join(directory, "vitest.config.ts"), config);
  for (const [name, source] of Object.entries(files)) await writeFile(join(directory, name), source);
  const vitest = join(root, "node_modules", ".bin", "vitest");
  const result = spawnSync(vitest, ["run", "--root", directory], { encoding: "utf8", cwd: root });
  return { lastLine: result.stdout.trimEnd().split("\n").at(-1), code: result.status };
}
