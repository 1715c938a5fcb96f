/** Writes docs/errors.md from the comments of proto/pawl/v1/error.proto. With --check it compares instead of writing and fails on a difference. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const target = join(root, "docs", "errors.md");

/** A reason, as its comment tells it. */
export interface DocumentedReason {
  readonly name: string;
  readonly number: number;
  readonly cause: string;
  readonly code: string;
  readonly fix: string;
}

const introduction = `# Errors

<!-- Written by tools/error-docs.ts from proto/pawl/v1/error.proto: change that and run \`npm run docs\`. -->

Every error of the API has a gRPC code and carries a \`google.rpc.ErrorInfo\`, whose \`reason\` is one of the names below, whose \`domain\` is \`pawl\`, and whose
\`metadata\` holds the particulars. Code on the code, or on the reason where it matters which; the message is for people and may change.

gRPC carries it in \`grpc-status-details-bin\`, Connect and gRPC-Web as an error detail. A request that is wrong in its form also carries a
\`google.rpc.BadRequest\` with every field that is wrong. In batch calls an element has its own outcome, whose \`error\` holds code, reason, message and metadata.
`;

/** Reads the reasons and their comments, in the order of the file. */
export async function readReasons(): Promise<DocumentedReason[]> {
  const proto = await readFile(join(root, "proto", "pawl", "v1", "error.proto"), "utf8");
  const body = /enum ErrorReason \{(.*?)\n\}/s.exec(proto)?.[1];
  if (body === undefined) throw new Error("error.proto has no enum ErrorReason");
  const entries = body.matchAll(/((?:^ +\/\/.*\n)+)^ +ERROR_REASON_(\w+) = (\d+);/gm);
  return [...entries].map(([, comment = "", name = "", number = ""]) => ({
    name,
    number: Number(number),
    ...partsOf(comment, name),
  }));
}

function partsOf(comment: string, name: string): Pick<DocumentedReason, "cause" | "code" | "fix"> {
  const text = comment
    .replaceAll(/^ +\/\/ ?/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  const parts = /^(.*?) Code: ([A-Z_]+)\. Fix: (.*)$/.exec(text);
  if (parts === null) throw new Error(`the comment of ${name} lacks "Code:" or "Fix:"`);
  const [, cause = "", code = "", fix = ""] = parts;
  return { cause, code, fix: sentence(fix) };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function render(): Promise<string> {
  const sections = (await readReasons())
    .filter(({ number }) => number > 0)
    .map(({ name, code, cause, fix }) => `## ${name}\n\nCode: \`${code}\`\n\n${cause}\n\nFix: ${fix}\n`);
  return `${introduction}\n${sections.join("\n")}`;
}

async function main(): Promise<void> {
  const text = await render();
  if (!process.argv.includes("--check")) {
    await writeFile(target, text);
    console.log("wrote docs/errors.md");
  } else if (text !== (await readFile(target, "utf8").catch(() => ""))) {
    console.error("docs/errors.md is not current. Run npm run docs and commit the result.");
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
