/** The first page of the guide, as a newcomer goes through it: an empty folder, the package as npm packs it, and what the page says. */
import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { openSandbox, type Sandbox, type TestProcess } from "../test/support/processes.js";
import { blocksOf } from "./blocks.js";

const repository = fileURLToPath(new URL("../", import.meta.url));

let sandbox: Sandbox;
let tarball: string;
let folder: string;

beforeAll(async () => {
  sandbox = await openSandbox();
  tarball = await pack();
  folder = join(sandbox.folder, "elsewhere");
  await mkdir(folder);
}, 120_000);
afterAll(() => sandbox.close());

test("publint and attw find nothing wrong with the package", { timeout: 60_000 }, async () => {
  await ends(bin("publint", "run", tarball, "--strict"));
  await ends(bin("attw", tarball, "--profile", "esm-only"));
});

test("the first page of the guide, typed in and run as it stands, does what it says", {
  timeout: 120_000,
}, async () => {
  onTestFailed(() => console.error(sandbox.tell()));
  expect(await isTaken(7295), "port 7295 of this machine is taken: stop what listens there").toBe(false);
  const terminals = new Map<string, TestProcess>();
  let printed = "";
  for (const { language, file, terminal, text } of blocksOf("1-first-workflow.md")) {
    if (file !== undefined) await writeFile(join(folder, file), text);
    else if (language === "text") expect(printed).toBe(text);
    else if (terminal !== undefined) {
      const process = shell(text);
      terminals.set(terminal, process);
      if (terminal === "server") await process.waitForOutput(/Pawl serves/, 60_000);
    } else {
      // The package is not in the registry yet, so what is installed is its file.
      const process = shell(
        text.replace("install pawl ", `install --prefer-offline --no-audit --no-fund ${tarball} `),
      );
      await ends(process);
      printed = process.standardOutput();
    }
  }
  expect(printed).not.toBe("");
  for (const terminal of [...terminals.values()].reverse()) await pressCtrlC(terminal);
});

test("the package that was installed has its command and its entry points", { timeout: 60_000 }, async () => {
  const { version }: { version: string } = JSON.parse(
    await readFile(join(repository, "package.json"), "utf8"),
  );
  const told = shell("npx pawl --version");
  await ends(told);
  expect(told.output()).toBe(`${version}\n`);
  const names = ["pawl", "pawl/client", "pawl/worker", "pawl/workflow", "pawl/testing"];
  const imports = names.map((name) => `import "${name}";`).join("");
  await ends(sandbox.run(process.execPath, ["--input-type=module", "-e", imports], { cwd: folder }));
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
  await ends(sandbox.run("npm", ["pack", "--silent", "--pack-destination", sandbox.folder], { cwd: copy }));
  const found = (await readdir(sandbox.folder)).find((name) => name.endsWith(".tgz"));
  return join(sandbox.folder, found ?? "npm pack made nothing");
}

/** Runs a program of the repository's own packages. */
function bin(program: string, ...args: readonly string[]): TestProcess {
  return sandbox.run(join(repository, "node_modules", ".bin", program), args);
}

/** Runs what somebody types into a terminal. The last command takes the shell's place, so that it gets its signals. */
function shell(commands: string): TestProcess {
  const lines = commands.trim().split("\n");
  const last = lines.pop() ?? "";
  return sandbox.run("sh", ["-ec", [...lines, `exec ${last}`].join("\n"), sandbox.folder], { cwd: folder });
}

/** As a terminal does: everything that was started in it is told. */
async function pressCtrlC({ pid, ended }: TestProcess): Promise<void> {
  process.kill(-pid, "SIGINT");
  await ended;
}

async function ends(process: TestProcess): Promise<void> {
  expect((await process.ended).code, process.output()).toBe(0);
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: "127.0.0.1", port });
    probe.once("connect", () => resolve(true));
    probe.once("error", () => resolve(false));
    probe.once("close", () => probe.destroy());
  });
}
