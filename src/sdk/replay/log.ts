/** The log of a run: silent while the code catches up, and each message with the run it is of. */
import type { WorkflowStarted } from "../../../gen/pawl/v1/event_pb.js";
import type { LogFields, WorkflowLogger } from "../workflow/logger.js";
import type { CommandLog } from "./command-log.js";
import { runOutside } from "./regions.js";

/** Makes the log of a run. */
export function createLog(
  logger: WorkflowLogger,
  log: Pick<CommandLog, "turn">,
  { workflowId, runId, workflowType }: WorkflowStarted,
): WorkflowLogger {
  const at = (level: keyof WorkflowLogger) => (message: string, fields?: LogFields) => {
    if (log.turn.recorded === undefined)
      runOutside(() => logger[level](message, { workflowType, workflowId, runId, ...fields }));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Says nothing. */
export const silentLog: WorkflowLogger = { debug() {}, info() {}, warn() {}, error() {} };
