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

/** Fields that can't go to another thread, such as functions, go as people see them. */
function sendable(fields: LogFields): LogFields {
  try {
    return structuredClone(fields);
  } catch {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, inspect(value)]));
  }
}
