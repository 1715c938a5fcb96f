/** Finding out that a thread is held. */
import { readMarks } from "./marks.js";

/** What watching a thread needs. */
export interface WatchdogParts {
  readonly marks: SharedArrayBuffer;
  /** How long code may hold the thread, in milliseconds. */
  readonly limitMs: number;
  /** Whether the thread has anything to do. */
  isBusy(): boolean;
  /** Asks the thread for a sign of life; it is told by calling `sawLife`. */
  ping(): void;
  /** The thread has been held too long, and is not watched any more: by a task's code or, with 0, by what no task is known to have left behind. */
  onHeld(task: number): void;
}

/** The watch over a thread. */
export interface Watchdog {
  sawLife(): void;
  stop(): void;
}

/** So many looks in a row must find the same: a process that was suspended as a whole must not look as if one turn had taken all that time. */
const looks = 5;

/** Watches a thread until it is stopped. */
export function watchThread({ marks, limitMs, isBusy, ping, onHeld }: WatchdogParts): Watchdog {
  let seen = readMarks(marks);
  let same = 0;
  let isAsked = false;
  const look = () => {
    const now = readMarks(marks);
    const isStill = now.turns === seen.turns && now.task === seen.task;
    seen = now;
    if (!isStill || !isBusy()) {
      same = 0;
      isAsked = false;
      return;
    }
    // Between the turns a thread may rest, so silence says nothing unless it was asked.
    if (now.task === 0 && !isAsked) {
      isAsked = true;
      same = 0;
      ping();
      return;
    }
    if (++same < looks) return;
    clearInterval(timer);
    onHeld(now.task);
  };
  const timer = setInterval(look, limitMs / looks);
  timer.unref();
  return {
    sawLife() {
      isAsked = false;
      same = 0;
    },
    stop: () => clearInterval(timer),
  };
}
