/** Logs of workflow code. */

/** What goes with a message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Takes messages of workflow code with what goes with them. */
export interface WorkflowLogger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
