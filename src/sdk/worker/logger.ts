/** What a worker has to say, and the workflows that it runs. */
import type { WorkflowLogger } from "../workflow/logger.js";

/** Takes a constant message and what goes with it. */
export interface WorkerLogger {
  /** Takes what is worth knowing, such as that the worker drains. */
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Takes what somebody should look at, such as a task that failed. */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Writes warnings to the standard error, one line each, and leaves the rest out. */
export const warningsToStderr: WorkerLogger = {
  info() {},
  warn(message, fields) {
    process.stderr.write(`pawl worker: ${message} ${JSON.stringify(fields)}\n`);
  },
};

/** Writes what workflow code has to say to the standard error, one line each, and leaves out what is for debugging. */
export const workflowLogsToStderr: WorkflowLogger = {
  debug() {},
  info: (message, fields) => writeLine("info", message, fields),
  warn: (message, fields) => writeLine("warn", message, fields),
  error: (message, fields) => writeLine("error", message, fields),
};

function writeLine(level: string, message: string, fields: unknown): void {
  process.stderr.write(`pawl workflow: ${level}: ${message} ${JSON.stringify(fields, showable)}\n`);
}

function showable(_: string, value: unknown): unknown {
  if (value instanceof Error) return String(value);
  return typeof value === "bigint" ? String(value) : value;
}
