/** What docs/operations.md says of each operation, as far as a program can read it. */

/** An operation, as the page has it. */
export interface DocumentedOperation {
  /** The name of its RPC. */
  readonly name: string;
  /** The reasons for which it may be refused. */
  readonly reasons: readonly string[];
}

/** Reads the operations, in the order of the page: a heading of the third level each, with the reasons in the rows of a table. */
export function readOperations(markdown: string): DocumentedOperation[] {
  return markdown
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const name = /^\w+/.exec(section)?.[0] ?? "";
      const own = section.split(/^## /m)[0] ?? "";
      return { name, reasons: reasonsOf(own) };
    });
}

/** The reasons that any call may be refused for: those of the table ahead of the first operation. */
export function readCommonReasons(markdown: string): string[] {
  return reasonsOf(markdown.split(/^### /m)[0] ?? "");
}

function reasonsOf(text: string): string[] {
  return [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, reason = ""]) => reason);
}
