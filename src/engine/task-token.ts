/**
 * Task tokens: the leases as workers carry them.
 *
 * A token is a JSON array behind a version byte and a check value, so that a cut or altered one is told from a stale one. The check value is keyed by the
 * incarnation of the database, which is renewed when a backup is restored: tokens from before match no more.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../core/errors.js";

/** What the token of a workflow task holds. */
export interface WorkflowTaskToken {
  readonly kind: "workflow";
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly scheduledEventId: number;
  readonly startedEventId: number;
  readonly attempt: number;
  readonly epoch: number;
  /** The version of the run when it was handed out: an older cached state is out of date. */
  readonly version: number;
}

/** What the token of an activity holds. */
export interface ActivityTaskToken {
  readonly kind: "activity";
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly seq: number;
  readonly epoch: number;
  readonly version: number;
}

/** Writes and reads tokens of one database. */
export interface TaskTokens {
  writeWorkflow(token: WorkflowTaskToken): Uint8Array;
  writeActivity(token: ActivityTaskToken): Uint8Array;
  /** Throws INVALID_TOKEN for what is no workflow task's token of this database. */
  readWorkflow(bytes: Uint8Array): WorkflowTaskToken;
  /** Throws INVALID_TOKEN for what is no activity's token of this database. */
  readActivity(bytes: Uint8Array): ActivityTaskToken;
}

const formatVersion = 1;
const checkLength = 8;

/** Opens the tokens of a database, known by its incarnation. */
export function openTaskTokens(incarnation: string): TaskTokens {
  const key = Buffer.from(incarnation);

  function check(body: Buffer): Buffer {
    return hash("sha256", Buffer.concat([key, body]), "buffer").subarray(0, checkLength);
  }

  function write(fields: readonly (string | number)[]): Uint8Array {
    const body = Buffer.from(JSON.stringify(fields));
    return Buffer.concat([Buffer.of(formatVersion), check(body), body]);
  }

  function read(bytes: Uint8Array, kind: string): TokenReader {
    const token = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const body = token.subarray(1 + checkLength);
    const isWhole = token.length > 1 + checkLength && token[0] === formatVersion;
    if (!isWhole || !timingSafeEqual(token.subarray(1, 1 + checkLength), check(body))) throw invalidToken();
    const fields: unknown = JSON.parse(body.toString());
    if (!Array.isArray(fields) || fields[0] !== kind) throw invalidToken();
    return {
      text: (index) => String(fields[index]),
      number: (index) => Number(fields[index]),
    };
  }

  return {
    writeWorkflow: (t) =>
      write([
        "w",
        t.namespaceId,
        t.workflowId,
        t.runId,
        t.scheduledEventId,
        t.startedEventId,
        t.attempt,
        t.epoch,
        t.version,
      ]),
    writeActivity: (t) => write(["a", t.namespaceId, t.workflowId, t.runId, t.seq, t.epoch, t.version]),
    readWorkflow(bytes) {
      const { text, number } = read(bytes, "w");
      return {
        kind: "workflow",
        namespaceId: text(1),
        workflowId: text(2),
        runId: text(3),
        scheduledEventId: number(4),
        startedEventId: number(5),
        attempt: number(6),
        epoch: number(7),
        version: number(8),
      };
    },
    readActivity(bytes) {
      const { text, number } = read(bytes, "a");
      return {
        kind: "activity",
        namespaceId: text(1),
        workflowId: text(2),
        runId: text(3),
        seq: number(4),
        epoch: number(5),
        version: number(6),
      };
    },
  };
}

interface TokenReader {
  text(index: number): string;
  number(index: number): number;
}

function invalidToken(): RefusedError {
  return new RefusedError(
    ErrorReason.INVALID_TOKEN,
    "the task token can't be read: send it as it came with the task",
  );
}
