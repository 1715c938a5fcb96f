import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../src/server/postgres/open.js";
import { isRunning, readPostmasterPid, stopPostmaster } from "../../src/server/postgres/postmaster.js";
import { StartError } from "../../src/server/start-error.js";
import { openConnection } from "../../src/store/pool.js";
import { until } from "../support/until.js";

const logger = { info: () => {}, warn: () => {}, error: () => {} };
const opened: EmbeddedPostgres[] = [];
const servers: ChildProcess[] = [];
let base: string;
/** A folder whose data is made once; the tests come and go on it. */
let dir: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "pawl-embedded-"));
  await chmod(base, 0o755);
  dir = join(base, "shared");
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.kill("SIGKILL");
  await Promise.all(opened.splice(0).map((embedded) => embedded.stop()));
  await stopPostmaster(join(dir, "data"), { patienceMs: 1_000 });
});

afterAll(() => rm(base, { recursive: true, force: true }));

describe("embedded Postgres", () => {
  test("starts durable on a new folder, tells where it is, and is gone after the stop", async () => {
    const embedded = await open(dir);
    expect(embedded.dataDir).toBe(join(dir, "data"));
    expect(await ask(embedded.url, "select current_setting('fsync') || current_database()")).toBe("onpawl");
    const told = JSON.parse(await readFile(join(dir, "postgres.json"), "utf8"));
    expect(told).toMatchObject({ url: embedded.url, home: ".", dataDir: "data" });
    const pid = await postmaster(embedded);
    await embedded.stop();
    await embedded.stop();
    expect(await isRunning(pid)).toBe(false);
    expect(await readPostmasterPid(embedded.dataDir)).toBeUndefined();
  });

  test("keeps what was written over a stop and a start", async () => {
    const first = await open(dir);
    await ask(first.url, "create table kept as select 7 as n");
    await first.stop();
    const second = await open(dir);
    expect(await ask(second.url, "select n from kept")).toBe(7);
  });

  test("is joined by a second server, and stopped by the last to leave", async () => {
    const first = await open(dir);
    const pid = await postmaster(first);
    const second = await open(dir);
    expect(await postmaster(second)).toBe(pid);
    await first.stop();
    expect(await ask(second.url, "select 1")).toBe(1);
    await second.stop();
    expect(await isRunning(pid)).toBe(false);
  });

  test("is stopped once by servers that leave at the same time", async () => {
    const all = await Promise.all([open(dir), open(dir), open(dir)]);
    const pid = await postmaster(all[0]);
    await Promise.all(all.map((embedded) => embedded.stop()));
    expect(await isRunning(pid)).toBe(false);
  });

  test("takes in servers that come while others leave", async () => {
    let resident = await open(dir);
    for (let round = 0; round < 10; round += 1) {
      const [newcomer] = await Promise.all([open(dir), resident.stop()]);
      expect(await ask(newcomer.url, "select 1")).toBe(1);
      resident = newcomer;
    }
  });

  test("starts once for servers that begin on one new folder at the same time", async () => {
    const fresh = join(base, "fresh");
    const all = await Promise.all([open(fresh), open(fresh), open(fresh)]);
    const pids = await Promise.all(all.map(postmaster));
    expect(new Set(pids).size).toBe(1);
    await Promise.all(all.map((embedded) => embedded.stop()));
    expect(await isRunning(pids[0] ?? 0)).toBe(false);
  });

  test("adopts the Postgres that a killed server left behind", async () => {
    const server = await serve(dir);
    const pid = await readPostmasterPid(join(dir, "data"));
    server.kill("SIGKILL");
    await once(server, "exit");
    const heir = await open(dir);
    expect(await postmaster(heir)).toBe(pid);
    await heir.stop();
    expect(await isRunning(pid ?? 0)).toBe(false);
  });

  test("does not count a killed server among those who are there", async () => {
    const server = await serve(dir);
    const survivor = await open(dir);
    const pid = await postmaster(survivor);
    server.kill("SIGKILL");
    await once(server, "exit");
    await until("the killed server's lock is gone", async () => (await members(survivor.url)) === 1);
    await survivor.stop();
    expect(await isRunning(pid)).toBe(false);
  });

  test("is started again, once, within 2 s of its death", async () => {
    const [first, second] = await Promise.all([open(dir), open(dir)]);
    const pid = await postmaster(first);
    process.kill(pid, "SIGKILL");
    const died = Date.now();
    await until("Postgres answers again", () => answers(first.url));
    expect(Date.now() - died).toBeLessThan(2_000);
    await until("both servers are back", async () => (await members(first.url)) === 2);
    const heir = await postmaster(first);
    expect(heir).not.toBe(pid);
    await first.stop();
    expect(await ask(second.url, "select 1")).toBe(1);
    await second.stop();
    expect(await isRunning(heir)).toBe(false);
  });

  test("starts over the lock file of a process id that is something else by now", async () => {
    const embedded = await open(dir);
    process.kill(await postmaster(embedded), "SIGKILL");
    await embedded.stop();
    const file = join(dir, "data", "postmaster.pid");
    await until(
      "the dead Postgres has left its file",
      async () => (await readPostmasterPid(join(dir, "data"))) !== undefined,
    );
    const lines = (await readFile(file, "utf8")).split("\n");
    await writeFile(file, [String(process.pid), ...lines.slice(1)].join("\n"));
    const again = await open(dir);
    expect(await ask(again.url, "select 1")).toBe(1);
  });

  test("keeps its data when the folder is moved, and gives a copy a life of its own", async () => {
    const first = await open(dir);
    await ask(first.url, "create table moved as select 1 as n");
    await first.stop();
    const [original, copy] = [join(base, "original"), join(base, "copy")];
    await rename(dir, original);
    await copyFolder(original, copy);
    const [moved, copied] = [await open(original), await open(copy)];
    await ask(moved.url, "update moved set n = 2");
    expect(await ask(moved.url, "select n from moved")).toBe(2);
    expect(await ask(copied.url, "select n from moved")).toBe(1);
    expect(JSON.parse(await readFile(join(copy, "postgres.json"), "utf8")).url).toBe(copied.url);
    await Promise.all([moved.stop(), copied.stop()]);
    await rename(original, dir);
  });

  test("refuses data of another major version and names the way out", async () => {
    const foreign = join(base, "foreign");
    await mkdir(join(foreign, "data"), { recursive: true });
    await writeFile(join(foreign, "data", "PG_VERSION"), "17\n");
    const refusal = await open(foreign).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StartError);
    expect(String(refusal)).toMatch(/is of Postgres 17.*brings Postgres 18.*--database-url.*pg_upgrade/);
  });

  test("refuses a folder whose data has been moved away", async () => {
    const moved = join(base, "moved");
    await mkdir(moved);
    const gone = {
      home: join(base, "gone"),
      dataDir: join(base, "gone/data"),
      socketDir: base,
      url: "postgresql:///",
    };
    await writeFile(join(moved, "postgres.json"), JSON.stringify(gone));
    await expect(open(moved)).rejects.toThrow(/which is gone: restore that folder, or remove/);
  });

  test("refuses a folder that cannot be made", async () => {
    const file = join(base, "file");
    await writeFile(file, "");
    await expect(open(join(file, ".pawl"))).rejects.toThrow(/cannot be used \(.*make it writable/);
  });

  test("uses a short folder for its socket where the path is too long for one", async () => {
    const long = join(base, "l".repeat(100));
    const embedded = await open(long);
    expect(await ask(embedded.url, "select 1")).toBe(1);
    const { socketDir } = JSON.parse(await readFile(join(long, "postgres.json"), "utf8"));
    await embedded.stop();
    await rm(socketDir, { recursive: true });
    expect(await ask((await open(long)).url, "select 1")).toBe(1);
    await rm(socketDir, { recursive: true });
  });
});

describe.runIf(process.getuid?.() === 0)("embedded Postgres of root", () => {
  test("keeps data where its user can enter, with a pointer in a folder that it cannot", async () => {
    const closed = join(base, "closed");
    await mkdir(closed, { mode: 0o700 });
    const shelter = join(base, "shelter");
    const embedded = await openEmbeddedPostgres({ dir: join(closed, ".pawl"), logger, shelters: [shelter] });
    opened.push(embedded);
    expect(embedded.dataDir.startsWith(`${shelter}/`)).toBe(true);
    const second = await openEmbeddedPostgres({ dir: join(closed, ".pawl"), logger, shelters: [shelter] });
    opened.push(second);
    expect(second.dataDir).toBe(embedded.dataDir);
    expect(await ask(second.url, "select 1")).toBe(1);
    await Promise.all([embedded.stop(), second.stop()]);
    const again = await openEmbeddedPostgres({ dir: join(closed, ".pawl"), logger, shelters: [] });
    opened.push(again);
    expect(again.dataDir).toBe(embedded.dataDir);
  });
});

async function open(folder: string): Promise<EmbeddedPostgres> {
  const embedded = await openEmbeddedPostgres({ dir: folder, logger });
  opened.push(embedded);
  return embedded;
}

async function serve(folder: string): Promise<ChildProcess> {
  const script = new URL("../support/embedded-server.ts", import.meta.url).pathname;
  const server = spawn(process.execPath, ["--import", "tsx", script, folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  servers.push(server);
  await once(createInterface(server.stdout), "line");
  return server;
}

/** Copies owners too, as a backup does. */
async function copyFolder(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", from, to]);
}

async function ask(url: string, question: string): Promise<unknown> {
  const connection = await openConnection({ url, settings: { search_path: "public" } });
  try {
    const { rows } = await connection.query<unknown[]>({ text: question, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await connection.end();
  }
}

function answers(url: string): Promise<boolean> {
  return ask(url, "select 1").then(
    () => true,
    () => false,
  );
}

async function members(url: string): Promise<number> {
  return Number(
    await ask(url, "select count(*)::int from pg_stat_activity where application_name = 'pawl member'"),
  );
}

async function postmaster(embedded: EmbeddedPostgres): Promise<number> {
  const pid = await readPostmasterPid(embedded.dataDir);
  if (pid === undefined) throw new Error(`no Postgres runs on ${embedded.dataDir}`);
  return pid;
}
