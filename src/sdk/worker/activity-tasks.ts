/** Activities from their arrival to the server's answer. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import {
  type ActivityCompletionSchema,
  type ActivityFailureReportSchema,
  type ActivityHeartbeatSchema,
  type ActivityTask,
  type ActivityTaskAccepted,
  ActivityTaskSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { PawlError } from "../errors.js";
import { encodeFailure } from "../failure-codec.js";
import { ApplicationFailure, CancelledFailure, TimeoutFailure } from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import { type DataConverter, decodeMessage, PayloadCodecError } from "../payload-codec.js";
import { withRejectionsReported } from "../rejections.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import { type ActivityContext, describeActivity } from "./activity-context.js";
import { type ActivityInterceptor, runIntercepted } from "./activity-interceptors.js";
import type { Batcher } from "./batcher.js";
import { createHeartbeats, type HeartbeatAnswer, type Heartbeats } from "./heartbeats.js";
import type { WorkerLogger } from "./logger.js";
import { reportFailure } from "./report-failure.js";

/** What working on activities needs. */
export interface ActivityTaskParts {
  readonly dataConverter: DataConverter;
  readonly activities: ActivityImplementations;
  /** The first is the outermost. */
  readonly interceptors?: readonly ActivityInterceptor[];
  readonly completions: Batcher<MessageInitShape<typeof ActivityCompletionSchema>, ActivityTaskAccepted>;
  readonly failures: Batcher<MessageInitShape<typeof ActivityFailureReportSchema>, ActivityTaskAccepted>;
  readonly heartbeats: Batcher<MessageInitShape<typeof ActivityHeartbeatSchema>, ActivityTaskAccepted>;
  /** The attempts in hand. */
  readonly held: Set<HeldActivity>;
  readonly logger: WorkerLogger;
}

/** An attempt in hand. */
export interface HeldActivity {
  readonly token: Uint8Array;
  readonly abort: AbortController;
}

/** An attempt whose outcome nobody wants any more. */
export class AttemptOverError extends Error {
  override readonly name = "AttemptOverError";
}

const heartbeatIntervalMs = 5_000;
const leastAnswerForMs = 30_000;

/** Works on an attempt. Whatever goes wrong concerns this attempt alone. */
export async function handleActivityTask(parts: ActivityTaskParts, task: ActivityTask): Promise<void> {
  const held: HeldActivity = { token: task.taskToken, abort: new AbortController() };
  parts.held.add(held);
  const { abort } = held;
  const heartbeats = heartbeatsOf(parts, task, abort);
  const timeLeftMs = attemptLengthMs(task);
  const timer =
    timeLeftMs === undefined ? undefined : setTimeout(() => abort.abort(attemptTimedOut(task)), timeLeftMs);
  // Code that does not end must not keep a process that has stopped its worker.
  timer?.unref();
  try {
    const { dataConverter } = parts;
    if (dataConverter.codec !== undefined) await decodeMessage(dataConverter, ActivityTaskSchema, task);
    const result = await runHandler(parts, task, { abort, heartbeats });
    heartbeats.stop();
    await complete(parts, task, encodePayload(result));
  } catch (error) {
    await answerError(parts, task, { error, abort, heartbeats });
  } finally {
    clearTimeout(timer);
    heartbeats.stop();
    parts.held.delete(held);
  }
}

/** What an attempt in hand has. */
export interface Attempt {
  readonly abort: AbortController;
  readonly heartbeats: Heartbeats;
}

/** Runs the code of an attempt. */
export function runHandler(
  { activities, interceptors = [] }: Pick<ActivityTaskParts, "activities" | "interceptors">,
  task: ActivityTask,
  { abort, heartbeats }: Attempt,
) {
  const handler = Object.hasOwn(activities, task.activityType) ? activities[task.activityType] : undefined;
  if (handler === undefined) throw new Error(`this worker has no activity of type ${task.activityType}`);
  const context: ActivityContext = {
    info: describeActivity(task),
    // Made when it is asked for: a signal costs more than the rest of an empty attempt.
    get signal() {
      return abort.signal;
    },
    heartbeat: (details) => heartbeats.beat(encodePayload(details)),
  };
  return new Promise<unknown>((resolve, reject) => {
    // A promise that the handler leaves to itself and that rejects fails the attempt, as the handler's own would.
    withRejectionsReported(reject, () => {
      const execution = { input: decodePayload(task.input), context };
      runIntercepted(interceptors, handler, execution).then(resolve, reject);
    });
  });
}

async function complete(
  parts: ActivityTaskParts,
  task: ActivityTask,
  result: ReturnType<typeof encodePayload>,
): Promise<void> {
  const target = { case: "taskToken" as const, value: task.taskToken };
  const outcome = result && { case: "result" as const, value: result };
  try {
    await parts.completions.submit({ target, ...(outcome && { outcome }) }, answerForMs(task));
  } catch (error) {
    if (error instanceof PayloadCodecError) throw error;
    if (!(error instanceof PawlError) || isTaskGone(error))
      throw new AttemptOverError("not accepted", { cause: error });
    // The server does not take this result, and would not take it from another attempt.
    throw new ApplicationFailure(error.message, { type: error.reason, isNonRetryable: true, cause: error });
  }
}

async function answerError(
  { completions, failures, logger }: ActivityTaskParts,
  task: ActivityTask,
  { error, abort, heartbeats }: Attempt & { readonly error: unknown },
): Promise<void> {
  const heartbeatDetails = heartbeats.stop();
  const reason: unknown = abort.signal.reason;
  const { activityType, runId, attempt } = task;
  const fields = { activityType, runId, attempt };
  if (
    error instanceof AttemptOverError ||
    reason instanceof AttemptOverError ||
    reason instanceof TimeoutFailure
  ) {
    logger.info("the outcome of an activity came too late", { ...fields, error: String(error) });
    return;
  }
  const target = { case: "taskToken" as const, value: task.taskToken };
  try {
    if (reason instanceof CancelledFailure && isAbort(error, reason)) {
      await completions.submit({ target, outcome: { case: "cancelled", value: {} } }, answerForMs(task));
      return;
    }
    const report = { target, failure: encodeFailure(error), ...(heartbeatDetails && { heartbeatDetails }) };
    await reportFailure({ failures, retryForMs: answerForMs(task), logger, fields }, report);
  } catch (refusal) {
    logger.info("the failure of an activity could not be reported", { ...fields, error: String(refusal) });
  }
}

/** Whether code ended since it was told to: it threw the reason, a cancellation of its own, or what fetch and timers throw. */
export function isAbort(error: unknown, reason: unknown): boolean {
  return (
    error === reason ||
    error instanceof CancelledFailure ||
    (error instanceof Error && error.name === "AbortError")
  );
}

function heartbeatsOf(
  { heartbeats }: ActivityTaskParts,
  task: ActivityTask,
  abort: AbortController,
): Heartbeats {
  const timeoutMs = task.heartbeatTimeout ? durationMs(task.heartbeatTimeout) : 0;
  const target = { case: "taskToken" as const, value: task.taskToken };
  return createHeartbeats({
    intervalMs: timeoutMs > 0 ? timeoutMs / 2 : heartbeatIntervalMs,
    async send(details): Promise<HeartbeatAnswer> {
      try {
        const answer = await heartbeats.submit({ target, ...(details && { details }) }, 0);
        return answer.isCancelRequested ? "cancel" : "go-on";
      } catch (error) {
        if (error instanceof PawlError && isTaskGone(error)) return "lost";
        throw error;
      }
    },
    onAnswer(answer) {
      if (answer === "cancel") abort.abort(new CancelledFailure("the activity was asked to cancel"));
      if (answer === "lost") abort.abort(new AttemptOverError("the lease of the activity is over"));
    },
  });
}

function isTaskGone({ reason }: PawlError): boolean {
  return ["STALE_LEASE", "WORKFLOW_CLOSED", "WORKFLOW_NOT_FOUND", "ACTIVITY_NOT_FOUND"].includes(reason);
}

/** By the server's clock alone, so that a worker whose clock is wrong keeps the same time. */
function attemptLengthMs(task: ActivityTask): number | undefined {
  if (!task.deadlineTime || !task.startTime) return undefined;
  return Math.min(Math.max(0, timestampMs(task.deadlineTime) - timestampMs(task.startTime)), 2 ** 31 - 1);
}

function answerForMs(task: ActivityTask): number {
  return Math.max(leastAnswerForMs, attemptLengthMs(task) ?? 0);
}

/** Why an attempt is aborted whose time is over. */
export function attemptTimedOut(task: ActivityTask): TimeoutFailure {
  return new TimeoutFailure(
    `attempt ${task.attempt} of ${task.activityType} took too long`,
    TimeoutKind.START_TO_CLOSE,
  );
}
