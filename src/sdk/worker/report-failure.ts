/** Reports of failed tasks, which arrive even if the codec can't encode what they say. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import type { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { PayloadCodecError, withholdText } from "../payload-codec.js";
import type { Batcher } from "./batcher.js";
import type { WorkerLogger } from "./logger.js";

/** A report, of whichever kind of task. */
interface Report {
  readonly failure?: MessageInitShape<typeof FailureSchema>;
  readonly heartbeatDetails?: MessageInitShape<typeof PayloadSchema>;
}

/** How it is reported. */
export interface ReportParts<R> {
  readonly failures: Batcher<R, unknown>;
  /** How long to go on while the server can't be reached. */
  readonly retryForMs: number;
  readonly logger: WorkerLogger;
  /** What the log shall say of the task. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reports a failure. What the codec can't encode is left out and logged: else the task would be tried again only when its time is over. */
export async function reportFailure<R extends Report>(
  { failures, retryForMs, logger, fields }: ReportParts<R>,
  report: R,
): Promise<void> {
  try {
    await failures.submit(report, retryForMs);
  } catch (error) {
    if (!(error instanceof PayloadCodecError) || report.failure === undefined) throw error;
    const failure = create(FailureSchema, report.failure);
    const said = { failure: failure.message, error: error.message };
    logger.warn("the codec can't encode a failure; it is reported without its text", { ...fields, ...said });
    const { heartbeatDetails: _, ...rest } = report;
    await failures.submit({ ...rest, failure: withholdText(failure) } as R, retryForMs);
  }
}
