/**
 * Runs everything that must hold at every commit beside the tests: all checks are run even if one fails, each says in a line how it went,
 * a failing one with its output, and the last line counts them.
 */
import { type ExecFileException, execFile } from "node:child_process";
import { closingLine } from "./closing-line.js";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const checks: readonly Check[] = [
  { name: "types", command: ["npx", "tsc"] },
  { name: "format, lint and layers", command: ["npx", "biome", "check", "--error-on-warnings"] },
  { name: "proto lint", command: ["npx", "buf", "lint"] },
  { name: "proto format", command: ["npx", "buf", "format", "proto", "--diff", "--exit-code"] },
  {
    name: "proto baseline",
    command: ["npx", "buf", "breaking", "proto", "--against", "proto/baseline.binpb"],
  },
  { name: "vendored protos are current", command: ["npx", "tsx", "tools/vendor-protos.ts", "--check"] },
  { name: "generated code is current", command: ["npx", "tsx", "tools/check-gen.ts"] },
  { name: "lockfile is complete", command: ["npx", "tsx", "tools/complete-lockfile.ts", "--check"] },
  { name: "reflection image is current", command: ["npx", "tsx", "tools/reflection-image.ts", "--check"] },
  { name: "docs/configuration.md is current", command: ["npx", "tsx", "tools/config-docs.ts", "--check"] },
  { name: "promises have their tests", command: ["npx", "tsx", "tools/check-promises.ts"] },
  { name: "docs/errors.md is current", command: ["npx", "tsx", "tools/error-docs.ts", "--check"] },
  { name: "API reference", command: ["npx", "typedoc", "--emit", "none"] },
  { name: "docs/comparison.md is current", command: ["npx", "tsx", "tools/comparison-docs.ts", "--check"] },
];

const queue = [...checks];
const outcomes: boolean[] = [];
await Promise.all([runNext(), runNext()]);
const failed = outcomes.filter((isPassed) => !isPassed).length;
console.log(closingLine({ passed: outcomes.length - failed, failed, skipped: 0 }));
process.exitCode = failed === 0 ? 0 : 1;

async function runNext(): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) outcomes.push(await run(check));
}

async function run({ name, command: [program, ...args] }: Check): Promise<boolean> {
  const { error, output } = await new Promise<{ error: ExecFileException | null; output: string }>(
    (resolve) => {
      execFile(program, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        resolve({ error, output: stdout + stderr }),
      );
    },
  );
  console.log(`${error === null ? "ok    " : "FAILED"}  ${name}`);
  if (error !== null) console.log(output.trimEnd());
  return error === null;
}
