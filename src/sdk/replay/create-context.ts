/** The context of workflow code: every method turns into commands and waits. */
import { durationFromMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { WorkflowStarted } from "../../../gen/pawl/v1/event_pb.js";
import { toMs } from "../duration.js";
import { decodePayload, encodePayload } from "../payload.js";
import type {
  ActivityCalls,
  ActivityImplementations,
  ActivityOptions,
  SignalOptions,
  WorkflowContext,
  WorkflowInfo,
} from "../workflow/context.js";
import { scheduleActivityCommand } from "./activity-command.js";
import type { CommandLog } from "./command-log.js";
import { seededRandom, uuidFrom } from "./random.js";
import type { Signals } from "./signals.js";
import { requestedFailure, type Wait, type Waits } from "./waits.js";

/** What the context of a run stands on. */
export interface ContextParts {
  readonly log: CommandLog;
  readonly waits: Waits;
  readonly signals: Signals;
  /** What waits for the outcome of an activity, by its seq. */
  readonly activities: Map<
    number,
    { readonly type: string; readonly id: string; readonly wait: Wait<unknown> }
  >;
  /** What the end of a timer sets off, by its seq. */
  readonly timers: Map<number, TimerEnd>;
  readonly started: WorkflowStarted;
  readonly startTime: Date;
}

/** What the end of a timer sets off. */
export interface TimerEnd {
  fire(): void;
  /** It was cancelled, and not by the workflow code. */
  fail(error: Error): void;
}

/** Makes the context of a run. */
export function createContext(parts: ContextParts): WorkflowContext {
  const { log, waits, signals, started } = parts;
  // A reset keeps the original run id, so that what is replayed comes out the same in the new run.
  const random = seededRandom(started.originalRunId || started.runId);
  const runActivity = (type: string, input: unknown, options: ActivityOptions) =>
    callActivity(parts, type, input, options);
  const waitForSignal = (name: string, options: SignalOptions = {}) => takeSignal(parts, name, options);

  return {
    get info() {
      return describeRun(parts);
    },
    get isReplaying() {
      return log.turn.recorded !== undefined;
    },
    get isCancelRequested() {
      return waits.isCancelRequested;
    },
    get cancelReason() {
      return waits.cancelReason;
    },
    activity: <T>(type: string, input?: unknown, options: ActivityOptions = {}) =>
      runActivity(type, input, options) as Promise<T>,
    activities: <A extends ActivityImplementations>(options: ActivityOptions = {}) =>
      activityCalls<A>((type, input) => runActivity(type, input, options)),
    sleep(duration, options = {}) {
      const rejected = waits.rejectedBefore(options);
      if (rejected !== undefined) return rejected;
      const wait = waits.open<void>(options, () => stopTimer());
      const stopTimer = startTimer(parts, toMs(duration), { fire: () => wait.succeed(), fail: wait.fail });
      return wait.promise;
    },
    signal: <T>(name: string) => ({
      next: (options?: SignalOptions) => waitForSignal(name, options) as Promise<T | undefined>,
      tryNext: () => signals.takeKept(name)?.value as T | undefined,
    }),
    waitForSignal: <T>(name: string, options?: SignalOptions) =>
      waitForSignal(name, options) as Promise<T | undefined>,
    sideEffect: <T>(name: string, make: () => T) => recordSideEffect(log, name, make) as T,
    now: () => timeOf(log),
    random,
    uuid: () => uuidFrom(random),
    throwIfCancelled() {
      if (waits.isCancelRequested) throw requestedFailure(waits.cancelReason);
    },
  };
}

function callActivity(
  parts: ContextParts,
  type: string,
  input: unknown,
  options: ActivityOptions,
): Promise<unknown> {
  const { log, waits, activities } = parts;
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const { seq } = log.add({ case: "scheduleActivity", value: scheduleActivityCommand(type, input, options) });
  const wait = waits.open<unknown>(options, () => {
    activities.delete(seq);
    log.add({ case: "cancelActivity", value: { activitySeq: seq } });
  });
  activities.set(seq, { type, id: options.activityId || String(seq), wait });
  return wait.promise;
}

/** Schedules a timer; the returned function cancels it, unless it has ended. */
function startTimer({ log, timers }: ContextParts, ms: number, end: TimerEnd): () => void {
  const { seq } = log.add({ case: "scheduleTimer", value: { duration: durationFromMs(ms) } });
  timers.set(seq, end);
  return () => {
    if (timers.delete(seq)) log.add({ case: "cancelTimer", value: { timerSeq: seq } });
  };
}

function takeSignal(parts: ContextParts, name: string, options: SignalOptions): Promise<unknown> {
  const { waits, signals } = parts;
  const kept = signals.takeKept(name);
  if (kept !== undefined) return Promise.resolve(kept.value);
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  let stopTimer = () => {};
  const wait = waits.open<unknown>(options, () => {
    signals.leave(name, taker);
    stopTimer();
  });
  const taker = {
    take(value: unknown) {
      stopTimer();
      wait.succeed(value);
    },
  };
  signals.await(name, taker);
  if (options.timeout !== undefined) {
    const stopWaiting = () => signals.leave(name, taker);
    stopTimer = startTimer(parts, toMs(options.timeout), {
      fire() {
        stopWaiting();
        wait.succeed(undefined);
      },
      fail(error) {
        stopWaiting();
        wait.fail(error);
      },
    });
  }
  return wait.promise;
}

function recordSideEffect(log: CommandLog, name: string, make: () => unknown): unknown {
  if (log.turn.recorded !== undefined) {
    const { event } = log.add({ case: "recordSideEffect", value: { name } });
    return event?.kind.case === "sideEffectRecorded" ? decodePayload(event.kind.value.value) : undefined;
  }
  const value = encodePayload(make() ?? null);
  log.add({ case: "recordSideEffect", value: { name, ...(value && { value }) } });
  // As replay will see it, so that what JSON drops is missing from the beginning.
  return decodePayload(value);
}

function activityCalls<A extends ActivityImplementations>(
  call: (type: string, input: unknown) => Promise<unknown>,
): ActivityCalls<A> {
  return new Proxy(Object.create(null), {
    get: (_, type) =>
      typeof type === "string" && type !== "then" ? (input: unknown) => call(type, input) : undefined,
  });
}

function describeRun({ log, started, startTime }: ContextParts): WorkflowInfo {
  return {
    namespace: started.namespace,
    workflowId: started.workflowId,
    runId: started.runId,
    startTime,
    workflowType: started.workflowType,
    taskQueue: started.taskQueue,
    attempt: started.attempt,
    historyLength: log.turn.historyLength,
    isContinueAsNewSuggested: log.turn.isContinueAsNewSuggested,
  };
}

function timeOf(log: CommandLog): Date {
  const { time } = log.turn;
  return time === undefined ? new Date(0) : timestampDate(time);
}
