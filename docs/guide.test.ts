import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { startTestServer } from "../src/sdk/testing/index.js";
import { openSandbox, type Sandbox } from "../test/support/processes.js";
import { type Block, blocksOf, pages, references } from "./blocks.js";

const repository = fileURLToPath(new URL("../", import.meta.url));

let folder: string;
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await openSandbox();
  folder = await mkdtemp(join(tmpdir(), "pawl-guide-"));
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  await writeFile(join(folder, "vitest.config.mjs"), vitestConfig);
  for (const page of allPages) {
    await mkdir(join(folder, nameOf(page)));
    for (const { file, text } of filesOf(page)) await writeFile(join(folder, nameOf(page), file), text);
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await sandbox.close();
});

const allPages = [...pages, ...references];
const nameOf = (page: string) => basename(page, ".md");
const isFile = (block: Block): block is Block & { readonly file: string } => block.file !== undefined;
const filesOf = (page: string) => blocksOf(page).filter(isFile);

/** The package is its source here, by the paths of the repository, so that nothing has to be built. */
const tsconfig = {
  extends: join(repository, "tsconfig.json"),
  compilerOptions: { typeRoots: ["./node_modules/@types"] },
  include: ["*/*.ts"],
};

const vitestConfig = `export default {
  resolve: { tsconfigPaths: true },
  test: { maxWorkers: 2, include: ["*/*.test.ts"] },
};`;

/** Runs a program of the repository's packages over all pages. */
async function run(program: string, ...args: readonly string[]): Promise<void> {
  const child = sandbox.run(join(repository, "node_modules/.bin", program), args, { cwd: folder });
  expect((await child.ended).code, child.output()).toBe(0);
}

describe("the code of the guide", () => {
  test("is in files, each of which is a test, is used by another, or is run by a command", () => {
    for (const page of pages) {
      const blocks = blocksOf(page);
      const names = filesOf(page).map(({ file }) => file);
      const text = blocks.map((block) => block.text).join("\n");
      expect(new Set(names).size, page).toBe(names.length);
      const isReached = (file: string) =>
        file.endsWith(".test.ts") ||
        text.includes(`"./${file.replace(/ts$/, "js")}"`) ||
        text.includes(`tsx ${file}`) ||
        page === deployed;
      expect(names.filter((file) => !isReached(file))).toEqual([]);
    }
  });

  test("is all in files, in the guide and beside it", () => {
    const blocks = allPages.flatMap(blocksOf);
    expect(blocks.filter(({ language, file }) => language === "ts" && file === undefined)).toEqual([]);
  });

  test("compiles", { timeout: 120_000 }, () => {
    const { config } = ts.readConfigFile(join(folder, "tsconfig.json"), ts.sys.readFile);
    const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
    const program = ts.createProgram(fileNames, options);
    // The sources of the package are checked by themselves, which takes longer than all of this.
    const found = fileNames.flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)));
    expect(fileNames.length).toBeGreaterThan(pages.length);
    expect(ts.formatDiagnostics(found, formatHost)).toBe("");
  });

  test("is formatted", { timeout: 60_000 }, () =>
    run("biome", "format", `--config-path=${repository}`, "--vcs-enabled=false", ...allPages.map(nameOf)),
  );

  test("passes its tests", { timeout: 120_000 }, () => run("vitest", "run", "--config", "vitest.config.mjs"));

  test("runs as it is deployed", { timeout: 60_000 }, async () => {
    onTestFailed(() => console.error(sandbox.tell()));
    const server = await startTestServer();
    const page = join(folder, nameOf(deployed));
    const tsx = (file: string) =>
      sandbox.run(join(repository, "node_modules/.bin/tsx"), [join(page, file)], {
        cwd: folder,
        env: { PAWL_ADDRESS: server.address },
      });
    const worker = tsx("worker.ts");
    const start = tsx("start.ts");
    await start.ended;
    expect(start.output()).toBe("charged 1450\n");
    expect((await worker.stop()).code).toBe(0);
    await server.stop();
  });
});

const formatHost: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => folder,
  getNewLine: () => "\n",
};

const deployed = "9-deploying.md";
