/** Logs of workflow code. */

/** What goes with a message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Takes messages of workflow code with what goes with them. */
export interface WorkflowLogger {
  /** Takes what helps to find a bug. */
  debug(message: string, fields?: LogFields): void;
  /** Takes what is worth knowing. */
  info(message: string, fields?: LogFields): void;
  /** Takes what somebody should look at. */
  warn(message: string, fields?: LogFields): void;
  /** Takes what went wrong. */
  error(message: string, fields?: LogFields): void;
}
