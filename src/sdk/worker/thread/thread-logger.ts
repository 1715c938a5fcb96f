/** What workflow code in a thread has to say, on its way to the worker's logger. */
import { inspect } from "node:util";
import type { LogFields, WorkflowLogger } from "../../workflow/logger.js";
import type { FromThread } from "./messages.js";

/** Makes a logger that sends what it is told, as it is at that moment. */
export function createThreadLogger(post: (message: FromThread) => void): WorkflowLogger {
  const at =
    (level: keyof WorkflowLogger) =>
    (message: string, fields: LogFields = {}) =>
      post({ kind: "log", level, message, fields: sendable(fields) });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** A field that can't go to another thread, such as a function, goes as people see it. */
function sendable(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, cloned(value)]));
}

function cloned(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return inspect(value);
  }
}
