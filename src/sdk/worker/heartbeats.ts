/** Heartbeats of one activity, no more of them than needed. */
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";

/** What the server says to a heartbeat. */
export type HeartbeatAnswer = "go-on" | "cancel" | "lost";

/** The heartbeats of one attempt. */
export interface Heartbeats {
  /** Notes that the activity is alive and how far it is; sent at once if the last was sent long enough ago, else later. */
  beat(details: Payload | undefined): void;
  /** Sends no more, and gives the newest details if they were not sent. */
  stop(): Payload | undefined;
}

/** What heartbeats need. */
export interface HeartbeatParts {
  /** The shortest time between two that are sent. */
  readonly intervalMs: number;
  send(details: Payload | undefined): Promise<HeartbeatAnswer>;
  onAnswer(answer: HeartbeatAnswer): void;
}

/** Makes the heartbeats of an attempt that begins. */
export function createHeartbeats({ intervalMs, send, onAnswer }: HeartbeatParts): Heartbeats {
  let timer: NodeJS.Timeout | undefined;
  let latest: { readonly details: Payload | undefined } | undefined;
  let isStopped = false;

  const sendLatest = () => {
    if (isStopped || latest === undefined) return;
    const { details } = latest;
    latest = undefined;
    timer = setTimeout(() => {
      timer = undefined;
      sendLatest();
    }, intervalMs);
    timer.unref();
    send(details).then(
      (answer) => !isStopped && onAnswer(answer),
      () => {
        // Not delivered: the next one will be, or the server's timeout tells.
        latest ??= { details };
      },
    );
  };

  return {
    beat(details) {
      latest = { details };
      if (timer === undefined) sendLatest();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return latest?.details;
    },
  };
}
