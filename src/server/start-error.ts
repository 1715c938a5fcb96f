/** How a process ends that could not start: `runtime` failures exit with 1, `usage` failures (flags, configuration) with 2. */
export type StartFailure = "runtime" | "usage";

/** What keeps the server from starting, said in one line with its cause and the fix. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly failure: StartFailure;

  constructor(message: string, options: { failure?: StartFailure; cause?: unknown } = {}) {
    super(oneLine(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.failure = options.failure ?? "runtime";
  }

  get exitCode(): 1 | 2 {
    return this.failure === "usage" ? 2 : 1;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").trim();
}
