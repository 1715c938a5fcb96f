/** One kind of task on its way into a worker: polls, room, and the work itself. */
import { type PollLoop, pollForTasks } from "./poll.js";
import { createSlots } from "./slots.js";

/** The tasks of one kind. */
export interface Lane {
  /** Polls until the worker stops; tasks may still be worked on after that. */
  run(): Promise<void>;
  /** Resolves when nothing is in hand. */
  idle(): Promise<void>;
}

/** What a lane needs. */
export interface LaneParts<T> extends Omit<PollLoop<T>, "slots" | "maxTasks" | "handle"> {
  /** How many tasks are worked on at once; 0 means that none are polled for. */
  readonly slots: number;
  /** How many polls are open at once. */
  readonly pollers: number;
  /** Works on a task; never rejects. */
  work(task: T): Promise<void>;
}

const mostTasksOfAPoll = 100;

/** Makes a lane that does nothing yet. */
export function createLane<T>({ slots: total, pollers, work, ...loop }: LaneParts<T>): Lane {
  const slots = createSlots(total);
  // Each poll asks for its share of the room, so that one does not leave the others without.
  const maxTasks = Math.min(mostTasksOfAPoll, Math.ceil(total / pollers));
  return {
    async run() {
      if (total === 0) return;
      const loops = Array.from({ length: pollers }, () =>
        pollForTasks({ ...loop, slots, maxTasks, handle: work }),
      );
      await Promise.all(loops);
    },
    idle: () => slots.empty(),
  };
}
