/** What happens while a server of a case's own waits for its database. */
import type { TestServerOptions } from "../support/engine.js";

/** The options of a server for which something is done while the n-th answer of a statement, or every one, is on its way to it. */
export function onAnswer(
  statement: string,
  act: () => Promise<unknown>,
  n: number | "every" = 1,
): Pick<TestServerOptions, "holdAnswer"> {
  let answers = 0;
  return {
    async holdAnswer(name) {
      if (name !== statement) return;
      answers++;
      if (n === "every" || n === answers) await act();
    },
  };
}
