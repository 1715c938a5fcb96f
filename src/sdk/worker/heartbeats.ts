/** Heartbeats of one activity, no more of them than needed. */
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";

/** What the server says to a heartbeat. */
export type HeartbeatAnswer = "go-on" | "cancel" | "lost";

/** The heartbeats of one attempt. */
export interface Heartbeats {
  /** Notes that the activity is alive and how far it is; sent at once if the last was sent long enough ago, else later. */
  beat(details: Payload | undefined): void;
  /** Sends no more, and gives the newest details if it is not known that they have arrived: an outcome that overtakes them would end the lease before they do. */
  stop(): Payload | undefined;
}

/** What heartbeats need. */
export interface HeartbeatParts {
  /** The shortest time between two that are sent. */
  readonly intervalMs: number;
  send(details: Payload | undefined): Promise<HeartbeatAnswer>;
  onAnswer(answer: HeartbeatAnswer): void;
}

interface Beat {
  readonly details: Payload | undefined;
}

/** Makes the heartbeats of an attempt that begins. */
export function createHeartbeats({ intervalMs, send, onAnswer }: HeartbeatParts): Heartbeats {
  let timer: NodeJS.Timeout | undefined;
  let unsent: Beat | undefined;
  let underWay: Beat | undefined;
  let isStopped = false;

  const sendLatest = () => {
    if (isStopped || unsent === undefined) return;
    const beat = unsent;
    unsent = undefined;
    underWay = beat;
    timer = setTimeout(() => {
      timer = undefined;
      sendLatest();
    }, intervalMs);
    timer.unref();
    send(beat.details).then(
      (answer) => {
        if (underWay === beat) underWay = undefined;
        if (!isStopped) onAnswer(answer);
      },
      () => {
        // Not delivered: the next one will be, or the server's timeout tells.
        if (underWay === beat) unsent ??= beat;
      },
    );
  };

  return {
    beat(details) {
      unsent = { details };
      if (timer === undefined) sendLatest();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return (unsent ?? underWay)?.details;
    },
  };
}
