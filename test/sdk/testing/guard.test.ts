import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startGuard } from "../../../src/sdk/testing/guard.js";
import { until } from "../../support/until.js";

/** The folder of a server whose Postgres, which is none, runs elsewhere. */
async function folderOf(pid: number | undefined) {
  const folder = await mkdtemp(join(tmpdir(), "pawl-guard-"));
  const home = await mkdtemp(join(tmpdir(), "pawl-guard-home-"));
  await mkdir(join(home, "data"));
  await writeFile(join(home, "data", "postmaster.pid"), `${pid}\n`);
  await writeFile(join(folder, "postgres.json"), JSON.stringify({ home, dataDir: "data" }));
  return { folder, home };
}

const forEver = ["-e", "setInterval(() => {}, 1000)"];

test("a guard stops what runs in a folder and removes it", async () => {
  const postgres = spawn(process.execPath, forEver);
  const { folder, home } = await folderOf(postgres.pid);
  const ended = once(postgres, "exit");
  await startGuard(folder).end();
  expect(await ended).toEqual([null, "SIGINT"]);
  expect([folder, home].map((path) => existsSync(path))).toEqual([false, false]);
});

/** A process that starts a guard and then does something. */
function guarding(folder: string, then: string) {
  const source = new URL("../../../src/sdk/testing/guard.ts", import.meta.url).href;
  const script = `const { startGuard } = await import(${JSON.stringify(source)});
    const guard = startGuard(process.argv[1]); ${then}`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script, folder];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

test("a guard cleans up when its process is killed", async () => {
  const { folder } = await folderOf(undefined);
  const killed = guarding(folder, 'console.log("ready"); setInterval(() => {}, 1000);');
  await once(killed.stdout, "data");
  killed.kill("SIGKILL");
  await until("the folder is gone", () => !existsSync(folder));
});

test("a process that has nothing else to do waits for its guard to end", async () => {
  const { folder } = await folderOf(undefined);
  const waiting = guarding(folder, "await guard.end();");
  expect(await once(waiting, "exit")).toEqual([0, null]);
  expect(existsSync(folder)).toBe(false);
});
