/** The workflow function and its handlers at work: how each is entered, and how the run ends by it. */
import { encodeFailure } from "../failure-codec.js";
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildFailure,
  isCancellation,
  TimeoutFailure,
} from "../failures.js";
import { withRejectionsReported } from "../rejections.js";
import { type CommandLog, RunEndedError } from "./command-log.js";
import { type CodeGlobals, runAtRoot } from "./regions.js";
import type { Waits } from "./waits.js";

/** What becomes of code that is run. */
export interface Ends {
  succeed(result: unknown): void;
  fail(error: unknown): void;
}

/** The handlers at work. */
export interface HandlerRuns {
  /** How many there are. */
  readonly count: number;
  /** Runs the workflow function. */
  enter(code: () => unknown, ends: Ends): void;
  /** Runs a handler, which is counted until it has ended. */
  enterHandler(code: () => unknown, ends: Ends): void;
  /** Ends the run, or holds it up, for an error that escaped. */
  closeWithError(error: unknown): void;
}

/** Makes the handlers of a run that begins. */
export function createHandlerRuns(
  log: CommandLog,
  waits: Pick<Waits, "isCancelRequested">,
  globals: CodeGlobals,
): HandlerRuns {
  let count = 0;
  const report = (reason: unknown) => {
    // A failure or cancellation that code looks at later, or never, is its own affair; anything else is a bug that must not go unseen.
    if (!log.isClosed && !isFailure(reason) && !(reason instanceof RunEndedError)) log.fail(reason);
  };
  const end = (act: () => void) => {
    if (log.fault !== undefined || log.isClosed) return;
    try {
      act();
    } catch (error) {
      log.fail(error);
    }
  };
  const enter = (code: () => unknown, { succeed, fail }: Ends) =>
    withRejectionsReported(report, () => {
      const run = async () => code();
      runAtRoot(globals, run).then(
        (result) => end(() => succeed(result)),
        (error) => end(() => fail(error)),
      );
    });
  return {
    get count() {
      return count;
    },
    enter,
    enterHandler(code, { succeed, fail }) {
      count++;
      enter(code, {
        succeed(result) {
          count--;
          succeed(result);
        },
        fail(error) {
          count--;
          fail(error);
        },
      });
    },
    closeWithError(error) {
      if (waits.isCancelRequested && isCancellation(error)) log.close({ case: "cancelWorkflow", value: {} });
      else if (isFailure(error))
        log.close({ case: "failWorkflow", value: { failure: encodeFailure(error) } });
      else log.fail(error);
    },
  };
}

/** Whether an error ends what throws it, and is no bug. */
export function isFailure(error: unknown): boolean {
  return (
    error instanceof ApplicationFailure ||
    error instanceof ActivityFailure ||
    error instanceof ChildFailure ||
    error instanceof CancelledFailure ||
    error instanceof TimeoutFailure
  );
}
