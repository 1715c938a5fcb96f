/** The blocks of code in a page of the docs. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A block: a file to write, commands to run, or what the commands before it print. */
export interface Block {
  /** The language, such as "ts" or "sh". */
  readonly language: string;
  /** The name of the file that it is. */
  readonly file: string | undefined;
  /** The terminal that its commands keep. */
  readonly terminal: string | undefined;
  readonly text: string;
}

const guide = join(import.meta.dirname, "guide");

/** Pages beside the guide, whose code is compiled and not run. */
export const references: readonly string[] = ["../sdk.md"];

/** The pages of the guide, in order. */
export const pages: readonly string[] = readdirSync(guide)
  .filter((name) => /^\d/.test(name))
  .sort();

/** Reads the blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(guide, page), "utf8");
  return [...text.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms)].map(
    ([, language = "", info = "", body = ""]) => ({
      language,
      file: /file=(\S+)/.exec(info)?.[1],
      terminal: /terminal=(\S+)/.exec(info)?.[1],
      text: body,
    }),
  );
}
