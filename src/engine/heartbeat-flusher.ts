/**
 * Heartbeats of activities: those that arrive together are written by one statement, joined to the attempts' leases, which tells of each whether its
 * lease holds and whether to cancel. Batches never touch that table, so that a heartbeat costs a run no version.
 */
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { Payload } from "../../gen/pawl/v1/payload_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Database } from "../store/database.js";
import { type HeartbeatRow, writeHeartbeats } from "../store/heartbeats.js";

/** A heartbeat on its way. */
export interface Beat {
  readonly runId: string;
  readonly seq: number;
  readonly epoch: number;
  /** Undefined: the details before stay. */
  readonly details: Payload | undefined;
}

/** Writes heartbeats. */
export interface HeartbeatFlusher {
  /** Resolves once it is stored: undefined if the lease is over, else whether the activity should cancel. */
  beat(beat: Beat): Promise<{ isCancelRequested: boolean } | undefined>;
}

interface WaitingBeat extends Beat {
  resolve(answer: { isCancelRequested: boolean } | undefined): void;
  reject(error: unknown): void;
}

const maxRows = 500;
/** Beyond so many waiting heartbeats others are refused. */
const maxWaiting = 10_000;

/** Opens a flusher; `now` is the database's time, as late as it may be. */
export function openHeartbeatFlusher(database: Database, now: () => number): HeartbeatFlusher {
  let waiting: WaitingBeat[] = [];
  let isFlushing = false;

  async function flush(): Promise<void> {
    if (isFlushing) return;
    isFlushing = true;
    while (waiting.length > 0) {
      const beats = takeDistinct();
      try {
        const at = now();
        const rows: HeartbeatRow[] = beats.map(({ runId, seq, epoch, details }) => ({
          runId,
          seq,
          epoch,
          at,
          details,
        }));
        const answers = await writeHeartbeats(database.read, rows);
        beats.forEach((beat, index) => {
          const answer = answers[index];
          beat.resolve(answer?.isAccepted ? { isCancelRequested: answer.isCancelRequested } : undefined);
        });
      } catch (error) {
        for (const beat of beats) beat.reject(error);
      }
    }
    isFlushing = false;
  }

  /** Takes beats of different activities: a statement may write a row only once. */
  function takeDistinct(): WaitingBeat[] {
    const taken = new Map<string, WaitingBeat>();
    const left: WaitingBeat[] = [];
    for (const beat of waiting) {
      const key = `${beat.runId}/${beat.seq}`;
      if (taken.size < maxRows && !taken.has(key)) taken.set(key, beat);
      else left.push(beat);
    }
    waiting = left;
    return [...taken.values()];
  }

  return {
    beat: (beat) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= maxWaiting) return reject(tooManyBeats());
        waiting.push({ ...beat, resolve, reject });
        setImmediate(() => void flush());
      }),
  };
}

function tooManyBeats(): RefusedError {
  return new RefusedError(
    ErrorReason.SERVER_BUSY,
    `the server has ${maxWaiting} heartbeats waiting, as many as it may: try again with back-off`,
    { limit: String(maxWaiting) },
  );
}
