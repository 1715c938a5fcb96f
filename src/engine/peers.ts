/**
 * Hints between servers: which queues have become ready, which runs have changed and which workers drain, for those who wait at another server.
 *
 * A hint is sent after the commit, on a connection of its own, at most one message every few milliseconds. Any may be lost: whoever waits also looks again
 * from time to time. With one live server nothing is sent.
 */
import { randomBytes } from "node:crypto";
import type { QueueName } from "../store/claim.js";
import type { Database } from "../store/database.js";
import { beatServer, removeServer } from "../store/servers.js";
import { queueHash } from "./dispatch/queue-directory.js";
import { type WorkerName, workerHash } from "./worker-name.js";

/** The other servers of the database. */
export interface Peers {
  /** A queue has a ready task that nobody here waited for. */
  tellReady(queue: QueueName): void;
  /** A run has changed. */
  tellChanged(runId: string, isClosed: boolean): void;
  /** A worker takes no more tasks. */
  tellDraining(worker: WorkerName): void;
  /** A question was put up. */
  tellAsked(queryId: string): void;
  /** An answer to a question was stored. */
  tellAnswered(queryId: string): void;
  /** Whether no other server was alive at the last look. */
  isAlone(): boolean;
  /** Says that this server is alive and looks how many are. */
  beat(): Promise<void>;
  /** Says that this server is gone. */
  stop(): Promise<void>;
}

/** What is done with a hint of another server. */
export interface PeerHearers {
  /** The queue with this hash has a ready task. */
  madeReady(queueHash: string): void;
  /** A run whose id ends with these hex digits may have changed. */
  changedTail(runIdTail: string, mayBeClosed: boolean): void;
  /** A question was put up. */
  asked(): void;
  /** The question whose id ends with these hex digits may have its answer. */
  answered(queryIdTail: string): void;
  /** The worker with this hash may drain. */
  mayDrain(workerHash: string): void;
  /** What the others are told of this server's queues; undefined: nothing. */
  load(): string | undefined;
  fault(message: string, error: unknown): void;
}

const channel = "pawl_hints";
const intervalMs = 5;
/** What fits into a notification, which may have 8,000 bytes, in base64. */
const maxHints = 600;
const senderBytes = 4;
const hintBytes = 9;
const readyKind = 1;
const changedKind = 2;
const closedKind = 3;
const helloKind = 4;
const drainingKind = 5;
const askedKind = 6;
const answeredKind = 7;

/** Starts to listen and tells the others that a server has come. */
export async function openPeers(database: Database, serverId: string, hearers: PeerHearers): Promise<Peers> {
  const sender = randomBytes(senderBytes);
  const waiting = new Set<string>();
  let isAlone = true;
  let timer: NodeJS.Timeout | undefined;

  function tell(kind: number, subject: Buffer): void {
    if (isAlone) return;
    waiting.add(Buffer.concat([Buffer.of(kind), subject]).toString("latin1"));
    if (waiting.size >= maxHints) void send();
    else timer ??= setTimeout(() => void send(), intervalMs);
  }

  /** There is nobody left to tell. */
  function forget(): void {
    clearTimeout(timer);
    timer = undefined;
    waiting.clear();
  }

  async function send(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const payload = Buffer.concat([sender, Buffer.from([...waiting].join(""), "latin1")]).toString("base64");
    waiting.clear();
    try {
      await database.notify(channel, payload);
    } catch (error) {
      hearers.fault("a hint to other servers was lost", error);
    }
  }

  function hear(payload: string): void {
    const bytes = Buffer.from(payload, "base64");
    if (bytes.subarray(0, senderBytes).equals(sender)) return;
    for (let at = senderBytes; at + hintBytes <= bytes.length; at += hintBytes) {
      const subject = bytes.subarray(at + 1, at + hintBytes).toString("hex");
      if (bytes[at] === readyKind) hearers.madeReady(subject);
      else if (bytes[at] === changedKind) hearers.changedTail(subject, false);
      else if (bytes[at] === closedKind) hearers.changedTail(subject, true);
      else if (bytes[at] === askedKind) hearers.asked();
      else if (bytes[at] === answeredKind) hearers.answered(subject);
      else if (bytes[at] === drainingKind) hearers.mayDrain(subject);
      else if (bytes[at] === helloKind)
        beat().catch((error: unknown) => hearers.fault("a heartbeat was lost", error));
    }
  }

  async function beat(): Promise<void> {
    isAlone = (await beatServer(database.read, serverId, hearers.load())).length <= 1;
    if (isAlone) forget();
  }

  const stopListening = await database.listen(channel, hear);
  await beat();
  tell(helloKind, Buffer.alloc(hintBytes - 1));
  return {
    tellReady: (queue) => tell(readyKind, Buffer.from(queueHash(queue), "hex")),
    tellChanged: (runId, isClosed) =>
      tell(isClosed ? closedKind : changedKind, Buffer.from(runIdTail(runId), "hex")),
    tellAsked: (queryId) => tell(askedKind, Buffer.from(runIdTail(queryId), "hex")),
    tellAnswered: (queryId) => tell(answeredKind, Buffer.from(runIdTail(queryId), "hex")),
    isAlone: () => isAlone,
    tellDraining: (worker) => tell(drainingKind, Buffer.from(workerHash(worker), "hex")),
    beat,
    async stop() {
      if (timer !== undefined) await send();
      isAlone = true;
      stopListening();
      try {
        await removeServer(database.read, serverId);
      } catch (error) {
        hearers.fault("the others will take this server for alive a little longer", error);
      }
    },
  };
}

/** The random end of a run's or a question's id, by which hints name them: 16 hex digits. */
export function runIdTail(runId: string): string {
  return runId.slice(-17).replace("-", "");
}
