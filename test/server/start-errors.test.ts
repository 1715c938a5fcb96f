import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { explainStartFailure } from "../../src/server/explain-start-failure.js";
import { openEmbeddedPostgres } from "../../src/server/postgres/open.js";
import { migrate } from "../../src/store/migrate.js";
import { openConnection } from "../../src/store/pool.js";
import { refuseUnsafeFsync } from "../../src/store/preconditions.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pawl-start-"));
  database = await createTestDatabase();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database.drop();
});

describe("a command line that cannot work", () => {
  test.each([
    { args: ["--nope"], code: 2, says: "unknown option '--nope'" },
    { args: ["serve", "--prot", "1"], code: 2, says: "Did you mean --port?" },
    { args: ["serve", "--port", "http"], code: 2, says: '--port "http" is not valid' },
    { args: ["serve", "extra"], code: 2, says: "too many arguments" },
    { args: ["serv"], code: 2, says: "Did you mean serve?" },
    { args: ["migrate", "--config", "/nowhere.json"], code: 2, says: "/nowhere.json cannot be read" },
    {
      args: ["migrate", "--data-dir", "/dev/null/x"],
      code: 1,
      says: "The data folder /dev/null/x cannot be used",
    },
    {
      args: ["migrate", "--database-url", "postgresql://u:hunter2@127.0.0.1:1/x"],
      code: 1,
      says: "The database 127.0.0.1:1/x cannot be reached",
    },
  ])("says in one line why $args does not, and exits with $code", async ({ args, code, says }) => {
    const outcome = await pawl(args);
    expect(outcome.stderr).toContain(says);
    expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
    expect(outcome.stderr).not.toContain("hunter2");
    expect(outcome.code).toBe(code);
  });

  test("shows the version", async () => {
    expect((await pawl(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a database that cannot be used", () => {
  test("is refused where it does not exist", async () => {
    const url = new URL(inject("postgresUrl"));
    url.pathname = "/nobody_made_this";
    expect(await explain(migrate({ url: url.href }))).toMatch(/\/nobody_made_this does not exist: create it/);
  });

  test("is refused where its schema is too new for this program", async () => {
    const connection = await openConnection({ url: database.url });
    const { rows } = await connection.query<{ version: number }>(
      "insert into schema_versions (version, min_server) values (9001, 9001) returning version",
    );
    expect(rows[0]?.version).toBe(9001);
    const message = await explain(migrate({ url: database.url }));
    await connection.query("update schema_versions set min_server = 1 where version = 9001");
    const tolerated = await migrate({ url: database.url });
    await connection.query("delete from schema_versions where version = 9001");
    await connection.end();
    expect(message).toMatch(
      /has schema 9001, which is too new for this pawl with schema \d+: start a newer pawl/,
    );
    expect(tolerated).toEqual([]);
  });

  test("is refused where fsync is off", async () => {
    expect(await explain(refuseUnsafeFsync(database.url))).toMatch(
      /fsync off.*set fsync = on.*--allow-unsafe-fsync/,
    );
  });

  test("is refused where it is older than Postgres 15", async () => {
    // A function of the same name before Postgres's own answers as an old server would.
    const old = await emptyDatabase();
    const connection = await openConnection({ url: old.url });
    await connection.query(`create schema old;
      create function old.current_setting(name text) returns text language sql
        return case name when 'server_version_num' then '140009' else '14.9' end`);
    await connection.end();
    const url = `${old.url}&options=${encodeURIComponent("-c search_path=old,pg_catalog")}`;
    const message = await explain(migrate({ url }));
    await old.drop();
    expect(message).toBe(
      "The database is Postgres 14.9, and pawl needs 15 or newer: upgrade it, or give another --database-url.",
    );
  });

  test("is refused where the password is wrong or missing", async () => {
    const rules = join(folder, "pg_hba.conf");
    await writeFile(rules, "local all pawl trust\nlocal all all scram-sha-256\n");
    await chmod(folder, 0o755);
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    const settings = [`hba_file=${rules}`];
    const embedded = await openEmbeddedPostgres({ dir: join(folder, "guarded"), logger, settings });
    const connection = await openConnection({ url: embedded.url });
    await connection.query("create role operator login password 'right'");
    await connection.end();
    const url = embedded.url.replace("user=pawl", "user=operator");
    const messages = [
      await explain(migrate({ url: `${url}&password=hunter2` })),
      await explain(migrate({ url })),
    ];
    await embedded.stop();
    expect(messages[0]).toMatch(/refuses the password: correct it in --database-url/);
    expect(messages[1]).toMatch(/wants a password: put it into --database-url/);
    expect(messages.join()).not.toContain("hunter2");
  });

  test.each([
    ["28P01", "the password", /refuses the password: correct it in --database-url/],
    ["28000", "no pg_hba.conf entry", /refuses the connection \(no pg_hba.conf entry\)/],
    ["53300", "too many clients", /no connection left: raise max_connections/],
    ["57P03", "starting up", /is starting or stopping/],
    ["42501", "permission denied for database", /lacks a permission/],
    ["ENOTFOUND", "getaddrinfo ENOTFOUND nope", /host is unknown .*: correct --database-url/],
    ["ERR_INVALID_URL", "Invalid URL", /not one: write it as postgresql:/],
  ])("is explained for the code %s without its password", (code, message, expected) => {
    const error = Object.assign(new Error(message), { code });
    const explained = explainStartFailure(error, { databaseUrl: "postgresql://me:hunter2@db:5432/x" });
    expect(explained.message).toMatch(expected);
    expect(explained.message).not.toContain("hunter2");
    expect(explained.exitCode).toBe(1);
  });

  test("is told apart from a port that is taken", async () => {
    const first = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => first.once("listening", resolve));
    const address = first.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const second = createServer();
    const failure = new Promise((resolve) => second.once("error", resolve));
    second.listen(port, "127.0.0.1");
    expect(explainStartFailure(await failure).message).toBe(
      `Port ${port} on 127.0.0.1 is taken: end what listens there, or choose another with --port.`,
    );
    await new Promise((resolve) => first.close(resolve));
  });
});

describe("migrations", () => {
  test("are applied once by servers that start at the same time", async () => {
    const dir = join(folder, "migrations");
    await mkdir(dir);
    const marks =
      "create table pawl.marks (at timestamptz); insert into pawl.marks values (now()); select pg_sleep(0.2);";
    await writeFile(join(dir, "0001_marks.sql"), `-- Up Migration\n${marks}\n`);
    const url = await emptyDatabase();
    const applied = await Promise.all([1, 2, 3].map(() => migrate({ url: url.url, dir })));
    expect(applied.flat()).toEqual(["0001_marks"]);
    await url.drop();
  });
});

async function emptyDatabase(): Promise<TestDatabase> {
  const made = await createTestDatabase();
  const connection = await openConnection({ url: made.url });
  await connection.query("drop schema pawl cascade");
  await connection.end();
  return made;
}

async function explain(failing: Promise<unknown>): Promise<string> {
  const error = await failing.then(
    () => new Error("it was accepted"),
    (reason: unknown) => reason,
  );
  return explainStartFailure(error, { databaseUrl: database.url.replace(/\/test_\w+/, "/nobody_made_this") })
    .message;
}

function pawl(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = new URL("../../bin/pawl.js", import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
