import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/core/limits.js";
import { fields } from "../../src/server/config/definitions.js";
import { documentConfiguration } from "../../src/server/config/document.js";
import { describeExposure, readConfig } from "../../src/server/config/read.js";
import { StartError } from "../../src/server/start-error.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pawl-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the configuration", () => {
  test("has the documented defaults where nothing is given", () => {
    const config = readConfig({ env: {} });
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 7295,
      databaseUrl: undefined,
      dataDir: "./.pawl",
    });
    expect(config.limits).toMatchObject({
      ...defaultLimits,
      maxRequestBytes: 4 * 1024 * 1024,
      maxIdBytes: 256,
    });
  });

  test("prefers a flag to a variable, a variable to the file, and the file to the default", async () => {
    const file = await write({
      port: 1,
      host: "10.0.0.1",
      shutdownGraceMs: 5,
      limits: { maxPayloadBytes: "1MiB" },
    });
    const env = { PAWL_PORT: "2", PAWL_HOST: "10.0.0.2" };
    const config = readConfig({ flags: { "--port": "3" }, env, file });
    expect(config).toMatchObject({ port: 3, host: "10.0.0.2", shutdownGraceMs: 5, batchesInFlight: 2 });
    expect(config.limits.maxPayloadBytes).toBe(1024 * 1024);
  });

  test("takes the file's path from PAWL_CONFIG, and an empty variable as unset", async () => {
    const file = await write({ port: 9 });
    expect(readConfig({ env: { PAWL_CONFIG: file, PAWL_PORT: "" } }).port).toBe(9);
  });

  test("ignores what Kubernetes and the tests set beside it", () => {
    const env = {
      PAWL_SERVICE_HOST: "10.0.0.1",
      PAWL_PORT_7295_TCP: "tcp://10.0.0.1:7295",
      PAWL_TEST_PG15: "1",
    };
    expect(readConfig({ env }).port).toBe(7295);
  });

  test.each([
    [
      { flags: { "--port": "http" } },
      '--port "http" is not valid: it must be a whole number from 0 to 65535.',
    ],
    [
      { flags: { "--port": "70000" } },
      '--port "70000" is not valid: it must be a whole number from 0 to 65535.',
    ],
    [{ flags: { "--slow-poll-ms": "-1" } }, '--slow-poll-ms "-1" is not valid'],
    [
      { flags: { "--log-format": "xml" } },
      '--log-format "xml" is not valid: it must be one of json, pretty.',
    ],
    [
      { flags: { "--cache-bytes": "2MB" } },
      "it must be a number of bytes, or of KiB, MiB or GiB such as 2MiB",
    ],
    [
      { env: { PAWL_ALLOW_UNSAFE_FSYNC: "maybe" } },
      'PAWL_ALLOW_UNSAFE_FSYNC "maybe" is not valid: it must be true or false.',
    ],
    [{ env: { PAWL_PROT: "1" } }, "PAWL_PROT is not a variable of pawl: did you mean PAWL_PORT."],
    [
      { env: { PAWL_XYZZY: "1" } },
      "PAWL_XYZZY is not a variable of pawl: see docs/configuration.md for all.",
    ],
    [{ env: { PAWL_PORT: "tcp://10.0.0.1:7295" } }, "set enableServiceLinks to false"],
    [
      { flags: { "--max-payload-bytes": "3MiB", "--max-event-bytes": "2MiB" } },
      "is more than --max-event-bytes 2097152",
    ],
    [{ flags: { "--batches-in-flight": "8" } }, "--batches-in-flight 8 is more than --write-connections 4"],
    [{ file: "/nowhere/pawl.json" }, "The configuration /nowhere/pawl.json cannot be read"],
  ])("refuses %j", (sources, message) => {
    const error = refusal(() => readConfig({ env: {}, ...sources }));
    expect(error.message).toContain(message);
    expect(error.exitCode).toBe(2);
  });

  test.each([
    [{ prot: 1 }, "prot in FILE is not a setting of pawl: did you mean port."],
    [
      { limits: { maxPayloadByte: 1 } },
      "limits.maxPayloadByte in FILE is not a setting of pawl: did you mean limits.maxPayloadBytes.",
    ],
    [{ limits: 7 }, "limits in FILE is not a setting of pawl"],
    [{ port: "many" }, 'port in FILE "many" is not valid'],
    [[1], "The configuration FILE is not a JSON object"],
  ])("refuses a file with %j", async (content, message) => {
    const file = await write(content);
    expect(refusal(() => readConfig({ env: {}, file })).message).toContain(message.replace("FILE", file));
  });

  test("does not show a database URL that it refuses, since it may hold a password", () => {
    const file = { databaseUrl: { secret: "hunter2" } };
    return write(file).then((path) => {
      expect(refusal(() => readConfig({ env: {}, file: path })).message).not.toContain("hunter2");
    });
  });

  test("warns of every address but loopback", () => {
    for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
      expect(describeExposure({ host })).toBeUndefined();
    for (const host of ["0.0.0.0", "::", "10.1.2.3", "pawl.example.com"]) {
      expect(describeExposure({ host })).toContain(`Listening on ${host} without authentication`);
    }
  });

  test("gives every setting one flag and one variable of its own, and a sentence", () => {
    for (const name of ["flag", "variable"] as const) {
      expect(new Set(fields.map((field) => field[name])).size).toBe(fields.length);
    }
    for (const { definition } of fields) expect(definition.about).toMatch(/^[A-Z].*\.$/);
  });

  test("is documented as it is", async () => {
    const page = new URL("../../docs/configuration.md", import.meta.url);
    expect(await readFile(page, "utf8")).toBe(documentConfiguration());
  });
});

async function write(content: unknown): Promise<string> {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  await writeFile(path, JSON.stringify(content));
  return path;
}

function refusal(read: () => unknown): StartError {
  try {
    read();
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
