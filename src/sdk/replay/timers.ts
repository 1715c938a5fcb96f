/** Timers of workflow code. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Duration, toMs } from "../duration.js";
import type { WaitOptions } from "../workflow/options.js";
import type { RunParts } from "./run-parts.js";
import type { Wait } from "./waits.js";

/** What the end of a timer sets off. */
export interface TimerEnd {
  fire(): void;
  /** It was cancelled, and not by the workflow code. */
  fail(error: Error): void;
}

/** Waits for a time. */
export function sleep(parts: RunParts, duration: Duration, options: WaitOptions): Promise<void> {
  const { waits } = parts;
  const ms = toMs(duration);
  const rejected = waits.rejectedBefore(options);
  if (rejected !== undefined) return rejected;
  const wait = waits.open<void>(`a sleep of ${ms} ms`, options, () => {
    stop();
    return "reject";
  });
  const stop = startTimer(parts, ms, { fire: () => wait.succeed(), fail: wait.fail });
  return wait.promise;
}

/** Schedules a timer; the returned function cancels it, unless it has ended. */
export function startTimer({ log, timers }: RunParts, ms: number, end: TimerEnd): () => void {
  const { seq } = log.add({ case: "scheduleTimer", value: { duration: durationFromMs(ms) } });
  timers.set(seq, end);
  return () => {
    if (timers.delete(seq)) log.add({ case: "cancelTimer", value: { timerSeq: seq } });
  };
}

/** Ends a wait with a value when the time is over; the returned function cancels that. No time is no limit. */
export function limitWait<T>(
  parts: RunParts,
  timeout: Duration | undefined,
  wait: Wait<T>,
  late: { readonly value: T; leave(): void },
): () => void {
  if (timeout === undefined) return () => {};
  return startTimer(parts, toMs(timeout), {
    fire() {
      late.leave();
      wait.succeed(late.value);
    },
    fail(error) {
      late.leave();
      wait.fail(error);
    },
  });
}

/** Takes a timer out that has ended. */
export function takeTimer({ timers }: RunParts, seq: number): TimerEnd | undefined {
  const timer = timers.get(seq);
  timers.delete(seq);
  return timer;
}
