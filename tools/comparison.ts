/** What docs/comparison.md shows of the programs in docs/comparison: their code, and how much it is. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type SetUpStep, setUp } from "../docs/comparison/set-up.js";

/** The SDKs, in the order of the columns. */
export const sdks = { pawl: "Pawl", temporal: "Temporal", dbos: "DBOS" } as const;
export type Sdk = keyof typeof sdks;

/** The workflows that are compared. */
export const workflows = ["hello", "approval", "reminders"] as const;

/** The programs that are shown: the workflows, and hello once more, as a worker that also starts it. */
export const programs = [...workflows, "one-program"] as const;
export type Program = (typeof programs)[number];

/** A program as it is written with an SDK. */
export interface Code {
  readonly program: Program;
  readonly sdk: Sdk;
  /** Its files, in the order in which they are read. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

const folder = join(import.meta.dirname, "..", "docs", "comparison");
const readingOrder = ["activities.ts", "workflows.ts", "worker.ts", "hello.ts", "start.ts", "decide.ts"];
const sdkKeys = Object.keys(sdks) as Sdk[];

/** Reads all programs. */
export function readCode(): Promise<Code[]> {
  const all = programs.flatMap((program) => sdkKeys.map((sdk) => ({ program, sdk })));
  return Promise.all(all.map(async (which) => ({ ...which, files: await readFiles(which) })));
}

async function readFiles({ program, sdk }: { program: Program; sdk: Sdk }): Promise<Code["files"]> {
  const names = await readdir(join(folder, program, sdk));
  const unknown = names.filter((name) => !readingOrder.includes(name));
  if (unknown.length > 0) throw new Error(`give ${unknown.join(", ")} a place in readingOrder`);
  const inOrder = readingOrder.filter((name) => names.includes(name));
  return Promise.all(
    inOrder.map(async (name) => ({ name, text: await readFile(join(folder, program, sdk, name), "utf8") })),
  );
}

/** Counts the lines that are neither blank nor only a comment of the kind that begins with two slashes. */
export function countLines(text: string): number {
  return text.split("\n").filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length;
}

/** Counts the lines of all files of a program. */
export function linesOf(code: readonly Code[], program: Program, sdk: Sdk): number {
  return filesOf(code, program, sdk).reduce((sum, { text }) => sum + countLines(text), 0);
}

/** Counts the steps to the first run of hello, or those of a kind. */
export function stepsOf(sdk: Sdk, isCounted: (step: SetUpStep) => boolean = () => true): number {
  return setUp[sdk].filter(isCounted).length;
}

function filesOf(code: readonly Code[], program: Program, sdk: Sdk): Code["files"] {
  return code.find((one) => one.program === program && one.sdk === sdk)?.files ?? [];
}

/** Makes the table of counts. */
export function countsTable(code: readonly Code[]): string {
  const size = (program: Program) => (sdk: Sdk) =>
    `${linesOf(code, program, sdk)} in ${filesOf(code, program, sdk).length}`;
  const sum = (sdk: Sdk) => String(workflows.reduce((lines, one) => lines + linesOf(code, one, sdk), 0));
  return table([
    ["", ...Object.values(sdks)],
    ...workflows.map((workflow) => [`${workflow}: lines in files`, ...sdkKeys.map(size(workflow))]),
    ["all three: lines", ...sdkKeys.map(sum)],
    ["set-up steps until hello has run", ...sdkKeys.map((sdk) => String(stepsOf(sdk)))],
    [
      "of these, installed outside npm",
      ...sdkKeys.map((sdk) => String(stepsOf(sdk, (step) => step.isInstalledOutsideNpm === true))),
    ],
    ["hello as one program: lines in files", ...sdkKeys.map(size("one-program"))],
  ]);
}

/** Puts the counts, the steps and the code into the text of the document, each between its two markers. */
export function fillIn(document: string, code: readonly Code[]): string {
  const sections = new Map([
    ["counts", countsTable(code)],
    ["set-up", sdkKeys.map(stepsList).join("\n\n")],
    ...programs.map((program) => [program, codeBlocks(code, program)] as const),
  ]);
  let filled = document;
  for (const [name, text] of sections) {
    const [begin, end] = [`<!-- ${name}: begin -->\n`, `\n<!-- ${name}: end -->`];
    const [from, to] = [filled.indexOf(begin), filled.indexOf(end)];
    if (from === -1 || to === -1) throw new Error(`docs/comparison.md lacks the markers of ${name}`);
    filled = filled.slice(0, from + begin.length) + text + filled.slice(to);
  }
  return filled;
}

function stepsList(sdk: Sdk): string {
  const lines = setUp[sdk].map(({ does, why, source }, i) => `${i + 1}. ${does}: [${why}](${source})`);
  return [`${sdks[sdk]}:`, "", ...lines].join("\n");
}

function codeBlocks(code: readonly Code[], program: Program): string {
  return sdkKeys
    .map((sdk) => {
      const files = filesOf(code, program, sdk).map(({ name, text }) => `// ${name}\n${text}`);
      return `### ${sdks[sdk]}: ${program}\n\n\`\`\`ts\n${files.join("\n")}\`\`\``;
    })
    .join("\n\n");
}

function table([head = [], ...rows]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`.replace("|  |", "| |");
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
