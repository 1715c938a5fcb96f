/** What a worker has to say. */

/** Takes a constant message and what goes with it. */
export interface WorkerLogger {
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Writes warnings to the standard error, one line each, and leaves the rest out. */
export const warningsToStderr: WorkerLogger = {
  info() {},
  warn(message, fields) {
    process.stderr.write(`pawl worker: ${message} ${JSON.stringify(fields)}\n`);
  },
};
