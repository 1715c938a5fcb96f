/** Finds the promises of ARCHITECTURE.md whose tests are missing or skipped. */

/** A row of the table of promises: what is promised, and the tests that prove it as `path › title`. */
export interface Promised {
  readonly promise: string;
  readonly tests: readonly { readonly path: string; readonly title: string }[];
}

const begin = "<!-- promises: begin -->";
const end = "<!-- promises: end -->";

/** Reads the table between the two marks. Throws if there is none. */
export function readPromises(markdown: string): Promised[] {
  const [from, to] = [markdown.indexOf(begin), markdown.indexOf(end)];
  if (from < 0 || to < from) throw new Error("there is no table of promises");
  const rows = markdown
    .slice(from + begin.length, to)
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
  if (rows.length === 0) throw new Error("the table of promises is empty");
  return rows.map((row) => {
    const [promise = "", proof = ""] = row.split("|").slice(1);
    const tests = [...proof.matchAll(/`([^`]+?) › ([^`]+)`/g)].map(([, path = "", title = ""]) => ({
      path,
      title,
    }));
    return { promise: promise.trim(), tests };
  });
}

/** What is wrong with the proofs, a line each. `read` gives a file's text, or undefined if there is no such file. */
export function findBrokenPromises(
  promises: readonly Promised[],
  read: (path: string) => string | undefined,
): string[] {
  return promises.flatMap(({ promise, tests }) => {
    if (tests.length === 0) return [`"${promise}" names no test`];
    return tests.flatMap(({ path, title }) => {
      const problem = findProblem(read(path), title);
      return problem === undefined ? [] : [`"${promise}": ${path} › ${title} ${problem}`];
    });
  });
}

function findProblem(text: string | undefined, title: string): string | undefined {
  if (text === undefined) return "has no such file";
  const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const named = new RegExp(String.raw`\(\s*["'\x60]${quoted}["'\x60]`).exec(text);
  if (named === null) return "is missing";
  const [call = ""] =
    text.slice(0, named.index).match(/\b(?:it|test)\b(?:\.\w+)*(?![\s\S]*\b(?:it|test)\b[.(])/) ?? [];
  return /\.(?:skip|skipIf|todo|runIf|fails)\b/.test(call) ? "is skipped" : undefined;
}
