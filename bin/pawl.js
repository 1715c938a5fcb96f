#!/usr/bin/env node
// Starts the compiled program. In a clone whose dist/ is missing or older than the sources, it runs the sources themselves, so that
// `npx pawl` never shows yesterday's behaviour and needs no build step.
import { readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("../dist/src/cli/main.js", import.meta.url);
const source = new URL("../src/cli/main.ts", import.meta.url);

if (modifiedAt(source) === 0 || modifiedAt(built) > newest(["../src/", "../gen/"])) {
  await import(built.href);
} else {
  const { register } = await import("tsx/esm/api");
  register();
  await import(source.href);
}

function newest(folders) {
  const roots = folders.map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
  const files = roots.flatMap((root) =>
    readdirSync(root, { recursive: true }).map((name) => `${root}${name}`),
  );
  return Math.max(...files.map(modifiedAt));
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
