/**
 * Writes third_party/: the schemas of other projects that proto/ and the TypeScript code need, taken from npm packages so that a build
 * needs no schema registry. With --check it compares instead of writing and fails on a difference.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { getExtension, hasExtension } from "@bufbuild/protobuf";
import type { FieldOptions } from "@bufbuild/protobuf/wkt";
import {
  file_buf_validate_validate,
  predefined,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto, quote } from "./print-proto.js";

const root = join(import.meta.dirname, "..", "third_party");
const require = createRequire(import.meta.url);
const googleProtos = dirname(require.resolve("google-proto-files/package.json"));
const reflectionProtos = join(dirname(require.resolve("@grpc/reflection/package.json")), "build", "proto");

const files: Record<string, string> = {
  "buf/validate/validate.proto": validateProto(),
  ...(await filesOf(googleProtos, [
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
  ])),
  ...(await filesOf(reflectionProtos, ["grpc/reflection/v1/reflection.proto"])),
};

const stale: string[] = [];
for (const [path, text] of Object.entries(files)) {
  const target = join(root, path);
  if ((await readFile(target, "utf8").catch(() => "")) === text) continue;
  stale.push(path);
  if (process.argv.includes("--check")) continue;
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  console.log(`wrote third_party/${path}`);
}
if (process.argv.includes("--check") && stale.length > 0) {
  console.error(
    `third_party is not current: ${stale.join(", ")}. Run npm run vendor-protos and commit the result.`,
  );
  process.exitCode = 1;
}

function validateProto(): string {
  const header = [
    "// buf/validate/validate.proto of protovalidate, Copyright 2023-2026 Buf Technologies, Inc., licensed under the Apache License 2.0.",
    "// Printed from the descriptor inside the npm package @bufbuild/protovalidate by tools/vendor-protos.ts; do not edit.",
  ];
  return `${header.join("\n")}\n\n${printProto(file_buf_validate_validate.proto, printPredefined)}`;
}

function printPredefined(options: FieldOptions): string[] {
  if (!hasExtension(options, predefined)) return [];
  const rules = getExtension(options, predefined).cel.map((rule) => {
    const parts = [`id: ${quote(rule.id)}`];
    if (rule.message !== "") parts.push(`message: ${quote(rule.message)}`);
    parts.push(`expression: ${quote(rule.expression)}`);
    return `{${parts.join(", ")}}`;
  });
  return [`(predefined) = {cel: [${rules.join(", ")}]}`];
}

async function filesOf(folder: string, paths: readonly string[]): Promise<Record<string, string>> {
  const entries = paths.map(async (path) => [path, await readFile(join(folder, path), "utf8")] as const);
  return Object.fromEntries(await Promise.all(entries));
}
