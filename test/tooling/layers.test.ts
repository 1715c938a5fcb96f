import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

interface Violation {
  readonly file: string;
  readonly source: string;
  readonly message: string;
}

const root = join(import.meta.dirname, "..", "..");
const corePure =
  "core is pure: it may import gen only, so that every rule of a run can be tested without I/O";
const coreNode = "core is pure: no Node module";
const corePackage = "core is pure: the only packages it may import are @bufbuild/protobuf";
const coreClock = "core is pure: no clock and no randomness";
const onlyStore = "store is the only layer that talks to Postgres";
const onlyRpc = "only service, server, sdk and cli know the RPC libraries";
const onlyConfig = "only server/config and cli read the environment";

const violations: readonly Violation[] = [
  ...planted(
    "src/core/run.ts",
    corePure,
    layers("store", "engine", "loops", "service", "server", "sdk", "cli"),
  ),
  ...planted("src/core/deep/run.ts", corePure, ['import { x } from "../../store/x.js";']),
  ...planted("src/core/run.ts", corePure, [
    'export { x } from "../store/x.js";',
    'await import("../store/x.js");',
  ]),
  ...planted("src/core/run.ts", coreNode, [
    'import { x } from "node:fs/promises";',
    'import x from "node:fs";',
  ]),
  ...planted("src/core/run.ts", corePackage, packages("pino", "pg", "@connectrpc/connect", "fs")),
  ...planted("src/core/run.ts", coreClock, ["Date.now();", "new Date();", "Math.random();"]),
  ...planted("src/core/run.ts", "Do not use the global variable setTimeout", ["setTimeout(() => {}, 1);"]),
  ...planted(
    "src/store/run.ts",
    "store remembers and decides nothing",
    layers("engine", "loops", "service", "server", "sdk", "cli"),
  ),
  ...planted("src/store/run.ts", "store may import core's types only", layers("core")),
  ...planted("src/store/run.ts", onlyRpc, packages("@connectrpc/connect", "@grpc/grpc-js")),
  ...planted(
    "src/engine/run.ts",
    "engine joins core and store",
    layers("loops", "service", "server", "sdk", "cli"),
  ),
  ...planted("src/engine/run.ts", onlyRpc, packages("@connectrpc/connect")),
  ...planted(
    "src/loops/run.ts",
    "loops only call the engine",
    layers("core", "store", "service", "server", "sdk", "cli"),
  ),
  ...planted("src/loops/run.ts", "loops only call the engine", [
    'import { x } from "../../gen/pawl/v1/event_pb.js";',
  ]),
  ...planted("src/loops/run.ts", onlyRpc, packages("@connectrpc/connect-node")),
  ...planted(
    "src/service/run.ts",
    "service turns a request into one engine call",
    layers("store", "loops", "server", "sdk", "cli"),
  ),
  ...planted("src/service/run.ts", "service may import core's errors only", layers("core")),
  ...planted("src/server/run.ts", "server composes what is below it", layers("sdk", "cli")),
  ...planted(
    "src/sdk/run.ts",
    "sdk imports gen only",
    layers("core", "store", "engine", "loops", "service", "server", "cli"),
  ),
  ...planted("src/sdk/worker/run.ts", "sdk imports gen only", ['import { x } from "../../core/x.js";']),
  ...planted("src/sdk/worker/run.ts", "nothing else of sdk imports sdk/testing", [
    'import { x } from "../testing/x.js";',
  ]),
  ...planted(
    "src/sdk/testing/run.ts",
    "sdk/testing may import gen, core and server",
    layers("store", "engine", "loops", "service", "cli"),
  ),
  ...planted(
    "src/cli/run.ts",
    "cli talks through sdk/client",
    layers("core", "store", "engine", "loops", "service"),
  ),
  ...["engine", "loops", "service", "server", "sdk", "sdk/testing", "cli"].flatMap((layer) =>
    planted(`src/${layer}/run.ts`, onlyStore, packages("pg", "pg-pool", "node-pg-migrate")),
  ),
  ...["core", "store", "engine", "loops", "service", "server", "sdk"].flatMap((layer) =>
    planted(`src/${layer}/run.ts`, onlyConfig, [
      "process.env.PAWL_PORT;",
      'import { env } from "node:process";',
    ]),
  ),
];

const allowed: readonly [file: string, source: string][] = [
  ["src/core/run.ts", 'import { x } from "../../gen/pawl/v1/event_pb.js";'],
  ["src/core/deep/run.ts", 'import { x } from "../errors.js";'],
  ["src/core/run.ts", 'import { x } from "@bufbuild/protobuf/wkt";'],
  ["src/core/run.ts", 'import { x } from "cron-parser";'],
  ["src/core/run.ts", "export const at = new Date(1);"],
  ["src/store/run.ts", 'import type { x } from "../core/x.js";\nexport type y = x;'],
  ["src/store/run.ts", 'import { x } from "pg";'],
  ["src/engine/run.ts", 'import { x } from "../core/x.js";'],
  ["src/engine/run.ts", 'import { x } from "../store/x.js";'],
  ["src/loops/run.ts", 'import { x } from "../engine/x.js";'],
  ["src/service/run.ts", 'import { x } from "../core/errors.js";'],
  ["src/service/run.ts", 'import { x } from "@connectrpc/connect";'],
  ["src/server/run.ts", 'import { x } from "../store/x.js";'],
  ["src/server/config.ts", "export const port = process.env.PAWL_PORT;"],
  ["src/sdk/testing/run.ts", 'import { x } from "../../server/x.js";'],
  ["src/sdk/testing/run.ts", 'import { x } from "../worker/x.js";'],
  ["src/cli/run.ts", 'import { x } from "../sdk/client/x.js";\nexport const port = process.env.PAWL_PORT;'],
];

let directory: string;
let messagesByFile: Map<string, string[]>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pawl-layers-"));
  await cp(join(root, "biome.json"), join(directory, "biome.json"));
  await cp(join(root, "tools", "lint"), join(directory, "tools", "lint"), { recursive: true });
  for (const [index, { file, source }] of violations.entries())
    await plant(caseFile(file, "bad", index), source);
  for (const [index, [file, source]] of allowed.entries()) await plant(caseFile(file, "good", index), source);
  messagesByFile = await lint();
}, 60_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

test.each(violations.map((violation, index) => ({ ...violation, index })))(
  "refuses `$source` in $file with its reason",
  ({ file, message, index }) => {
    const messages = messagesByFile.get(caseFile(file, "bad", index)) ?? [];
    expect(messages.join("\n")).toContain(message);
  },
);

test.each(allowed.map(([file, source], index) => ({ file, source, index })))(
  "allows `$source` in $file",
  ({ file, index }) => {
    expect(messagesByFile.get(caseFile(file, "good", index)) ?? []).toEqual([]);
  },
);

function planted(file: string, message: string, sources: readonly string[]): Violation[] {
  return sources.map((source) => ({ file, source, message }));
}

function layers(...names: readonly string[]): string[] {
  return names.map((name) => `import { x } from "../${name}/x.js";`);
}

function packages(...names: readonly string[]): string[] {
  return names.map((name) => `import { x } from "${name}";`);
}

/** Each case is a file of its own beside the one it stands for, so that one run of the linter judges them all. */
function caseFile(file: string, kind: string, index: number): string {
  return file.endsWith("config.ts") ? file : file.replace("run.ts", `${kind}-${index}.ts`);
}

async function plant(file: string, source: string): Promise<void> {
  const path = join(directory, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, usingImports(source));
}

/** Uses what a planted import brings in, so that nothing but the layer rules has something to say. */
function usingImports(source: string): string {
  const name = /^import (?:\{ (\w+) \}|(\w+)) /.exec(source);
  return name === null ? `${source}\n` : `${source}\nexport const used = ${name[1] ?? name[2]};\n`;
}

async function lint(): Promise<Map<string, string[]>> {
  const biome = join(root, "node_modules", ".bin", "biome");
  const output = await new Promise<string>((resolve) => {
    const options = { cwd: directory, maxBuffer: 64 * 1024 * 1024 };
    execFile(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], options, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const report: { diagnostics: { message: string; location: { path: string } }[] } = JSON.parse(output);
  const messages = new Map<string, string[]>();
  for (const { message, location } of report.diagnostics) {
    messages.set(location.path, [...(messages.get(location.path) ?? []), message]);
  }
  return messages;
}
