/** What everything that may log is given. Messages are constant texts; what varies goes into fields. */

/** Particulars of a log line. Never payloads, failures or secrets of callers. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines of a log. An `error` field that holds an Error is written with its stack. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
