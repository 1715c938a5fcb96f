/** Reads single events: those that are asked for in the same turn of the event loop by one statement. */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { RunState } from "../core/run-state.js";
import type { Database } from "../store/database.js";
import { readEvents } from "../store/history.js";
import type { StateCache } from "./state-cache.js";

/** Reads events. */
export interface EventReader {
  /** An event of a run, from the cache if it is there; undefined if the run does not have it. */
  read(run: RunState, eventId: number): Promise<HistoryEvent | undefined>;
}

interface Ask {
  readonly runId: string;
  readonly eventId: number;
  resolve(event: HistoryEvent | undefined): void;
  reject(error: unknown): void;
}

/** Opens a reader. */
export function openEventReader(database: Database, cache: StateCache): EventReader {
  let asks: Ask[] = [];

  async function readAll(): Promise<void> {
    const mine = asks;
    asks = [];
    try {
      const events = await readEvents(database.read, mine);
      mine.forEach((ask, index) => {
        ask.resolve(events[index]);
      });
    } catch (error) {
      for (const ask of mine) ask.reject(error);
    }
  }

  return {
    async read(run, eventId) {
      const cached = cache.events(run, eventId - 1, eventId)?.[0];
      if (cached !== undefined) return cached;
      return new Promise((resolve, reject) => {
        if (asks.length === 0) setImmediate(() => void readAll());
        asks.push({ runId: run.runId, eventId, resolve, reject });
      });
    },
  };
}
