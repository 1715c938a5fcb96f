/** Activities of an environment: functions of the test, run as a worker runs them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import {
  ActivityCompletionSchema,
  type ActivityTask,
  ActivityTaskSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { checkHeartbeat, completeActivity, startActivity } from "../../core/activity.js";
import { failActivity } from "../../core/activity-retry.js";
import { RefusedError } from "../../core/errors.js";
import type { RunState } from "../../core/run-state.js";
import { timestampOf } from "../../core/time.js";
import type { Duration } from "../duration.js";
import { encodeFailure } from "../failure-codec.js";
import { ApplicationFailure, CancelledFailure } from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import { AttemptOverError, attemptTimedOut, isAbort, runHandler } from "../worker/activity-tasks.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import { type Actor, runAsActor } from "./actors.js";
import { TestSetupError } from "./errors.js";
import { caller, worker } from "./workflow-code.js";
import type { World } from "./world.js";

/** An attempt at an activity that was begun. */
export interface ActivityCall {
  readonly type: string;
  readonly input: unknown;
  /** From 1. */
  readonly attempt: number;
  readonly workflowId: string;
  readonly runId: string;
  /** When it was begun, by the clock of the environment. */
  readonly time: Date;
}

/** Runs activities. */
export interface ActivityCode {
  /** Whether an attempt runs that does not wait for the environment. */
  readonly isBusy: boolean;
  readonly calls: readonly ActivityCall[];
  /** Begins the activities of a run that are ready. Throws a TestSetupError if there is no code for one. */
  startReady(run: RunState): void;
  /** Aborts the attempts whose time is over. */
  endLate(): void;
  /** Aborts all attempts. */
  abandon(): void;
}

/** What running activities needs. */
export interface ActivityCodeParts {
  readonly world: World;
  readonly activities: ActivityImplementations;
  now(): number;
  /** Waits for the code that calls it. */
  sleep(duration: Duration): Promise<void>;
  /** Told when an attempt has ended, or has begun to wait for the environment. */
  moved(): void;
}

interface Attempt extends Actor {
  readonly task: ActivityTask;
  readonly epoch: number;
  readonly expiresAt: number;
  readonly abort: AbortController;
}

/** Makes what runs activities. */
export function createActivityCode(parts: ActivityCodeParts): ActivityCode {
  const { world, activities, now, moved } = parts;
  const attempts = new Set<Attempt>();
  const calls: ActivityCall[] = [];

  function begin(runId: string, seq: number): void {
    const poller = { ...worker, pollId: "" };
    const handed = world.decideRun(runId, (run, context) => startActivity(run, { seq, poller }, context));
    if (handed === undefined) return;
    const attempt = { ...attemptOf(world, runId, seq), sleep: parts.sleep };
    const { task } = attempt;
    const { activityType: type, workflowId } = task;
    const time = new Date(now() / 1_000);
    calls.push({ type, input: decodePayload(task.input), attempt: task.attempt, workflowId, runId, time });
    attempts.add(attempt);
    void run(attempt).finally(() => {
      attempts.delete(attempt);
      moved();
    });
  }

  /** Never rejects: what goes wrong is the outcome. */
  async function run(attempt: Attempt): Promise<void> {
    const { task, abort } = attempt;
    const heartbeats = {
      beat: (details?: Payload) => beat(world, now(), attempt, details),
      stop: () => undefined,
    };
    try {
      const result = await runAsActor(attempt, () => runHandler({ activities }, task, { abort, heartbeats }));
      end(world, attempt, encodePayload(result));
    } catch (error) {
      fail(world, attempt, error);
    }
  }

  return {
    get isBusy() {
      return [...attempts].some((attempt) => attempt.waits === 0 && isHeld(world, attempt));
    },
    calls,
    startReady({ runId, activities: pending }) {
      const ready = [...pending.values()].filter(
        ({ lease, readyAt }) => lease === undefined && readyAt <= now(),
      );
      for (const { activityType } of ready)
        if (!Object.hasOwn(activities, activityType)) throw missingActivity(activityType);
      for (const { seq } of ready) begin(runId, seq);
    },
    endLate() {
      for (const attempt of attempts)
        if (attempt.expiresAt <= now()) attempt.abort.abort(attemptTimedOut(attempt.task));
    },
    abandon() {
      for (const { abort } of attempts) abort.abort(new AttemptOverError("the environment is closed"));
    },
  };
}

function attemptOf(world: World, runId: string, seq: number): Omit<Attempt, "sleep"> {
  const run = world.run(runId);
  const activity = run.activities.get(seq);
  const scheduled = world.history(runId)[(activity?.scheduledEventId ?? 0) - 1]?.kind;
  if (activity?.lease === undefined || scheduled?.case !== "activityScheduled")
    throw new Error(`activity ${seq} of run ${runId} is not started`);
  const { lease, activityId, activityType, attempt, heartbeat, lastFailure, epoch } = activity;
  const task = create(ActivityTaskSchema, {
    workflowId: run.workflowId,
    runId,
    workflowType: run.workflowType,
    activityId,
    seq,
    activityType,
    attempt,
    startTime: timestampOf(lease.startedAt),
    deadlineTime: timestampOf(lease.expiresAt),
    ...(scheduled.value.input && { input: scheduled.value.input }),
    ...(heartbeat?.details && { heartbeatDetails: heartbeat.details }),
    ...(lastFailure && { lastFailure }),
  });
  const abort = new AbortController();
  return { task, epoch, expiresAt: lease.expiresAt, abort, signal: abort.signal, waits: 0 };
}

function leaseOf({ task, epoch }: Attempt) {
  return { kind: "fence" as const, fence: { runId: task.runId, seq: task.seq, epoch } };
}

/** By id, for outcomes: those by lease are remembered to know a repeat, which never comes here, and the run would grow with each. */
function targetOf({ task }: Attempt) {
  return { kind: "id" as const, activityId: task.activityId };
}

/** Whether the outcome of an attempt is still wanted. */
function isHeld(world: World, { task, epoch }: Attempt): boolean {
  return world.run(task.runId).activities.get(task.seq)?.lease?.epoch === epoch;
}

/** Notes a heartbeat, and tells the attempt what it has to know. */
function beat(world: World, at: number, attempt: Attempt, details: Payload | undefined): void {
  const { task, epoch, abort } = attempt;
  const run = world.run(task.runId);
  try {
    const { isCancelRequested } = checkHeartbeat(run, leaseOf(attempt));
    const activity = run.activities.get(task.seq);
    if (activity === undefined) return;
    const kept = details ?? activity.heartbeat?.details;
    const heartbeat = { epoch, at, details: kept };
    world.note({ ...run, activities: new Map(run.activities).set(task.seq, { ...activity, heartbeat }) });
    if (isCancelRequested) abort.abort(new CancelledFailure("the activity was asked to cancel"));
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    abort.abort(new AttemptOverError("the lease of the activity is over"));
  }
}

/** Hands a result in. Throws why it is not taken, unless nobody wants it any more. */
function end(world: World, attempt: Attempt, result: Payload | undefined): void {
  if (!isHeld(world, attempt)) return;
  try {
    complete(world, attempt, result && { case: "result", value: result });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const type = ErrorReason[error.reason] ?? "";
    throw new ApplicationFailure(error.message, { type, isNonRetryable: true, cause: error });
  }
}

function fail(world: World, attempt: Attempt, error: unknown): void {
  if (!isHeld(world, attempt)) return;
  const reason: unknown = attempt.abort.signal.reason;
  if (reason instanceof CancelledFailure && isAbort(error, reason)) {
    complete(world, attempt, { case: "cancelled", value: {} });
    return;
  }
  const input = { failure: encodeFailure(error), heartbeatDetails: undefined, caller, workerId: "" };
  world.decideRun(attempt.task.runId, (run, context) =>
    failActivity(run, { target: targetOf(attempt), ...input }, context),
  );
}

type Outcome = MessageInitShape<typeof ActivityCompletionSchema>["outcome"];

function complete(world: World, attempt: Attempt, outcome: Outcome): void {
  const completion = create(ActivityCompletionSchema, { ...(outcome && { outcome }) });
  const input = { target: targetOf(attempt), completion, caller, workerId: "" };
  world.decideRun(attempt.task.runId, (run, context) => completeActivity(run, input, context));
}

function missingActivity(type: string): TestSetupError {
  return new TestSetupError(`the environment has no activity of type ${type}: give it in activities`);
}
