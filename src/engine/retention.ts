/**
 * Retention: closed runs go when their namespace has kept them for long enough, and namespaces that are being deleted go with the last of their runs. Any
 * number of servers do so at once, each in steps that the database remembers.
 */
import type { Database } from "../store/database.js";
import { eraseNamespace } from "../store/delete-namespace.js";
import { deleteExpired, type Expiry, findExpiries } from "../store/expired-runs.js";
import type { Clock } from "./clock.js";
import type { Deletions } from "./deletions.js";
import type { NamespaceCache } from "./namespace-cache.js";

/** Removes what is not kept any longer. */
export interface Retention {
  /** Removes a bounded part of what is due. Resolves with how long the next pass can wait, in milliseconds. */
  expire(): Promise<number>;
  /** What is due may have changed. */
  wake(): void;
  /** Calls back when `expire` has something to do earlier than it said. */
  onDue(callback: () => void): void;
}

/** What retention works with. */
export interface RetentionParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly deletions: Deletions;
  readonly namespaces: NamespaceCache;
}

/** One pass: the runs are shared out among the namespaces, so that a large one does not hold up the others. */
const onePass = { namespaces: 20, runs: 200, workers: 1_000 };
/** With so much left to be removed of runs that have gone, no more of them go: reads would have to pass by all of it. */
const mostBehind = 1_000;
const behindMs = 100;
/** A run that closes in the meantime is kept for longer than this. */
const longestSleepMs = 60_000;
/** What others have locked, or are removing, is looked at again so soon. */
const retryMs = 1_000;

/** Opens retention. */
export function openRetention({ database, clock, deletions, namespaces }: RetentionParts): Retention {
  let tell = () => {};

  async function deleteRuns(expiries: readonly Expiry[]): Promise<number> {
    if (expiries.length === 0) return 0;
    const maxRuns = Math.ceil(onePass.runs / expiries.length);
    const gone = await database.transaction((tx) => deleteExpired(tx, expiries, maxRuns));
    deletions.tellDeleted(gone);
    return gone.length;
  }

  async function erase({ namespaceId, name }: Expiry): Promise<boolean> {
    const outcome = await database.transaction((tx) => eraseNamespace(tx, namespaceId, onePass.workers));
    if (outcome === "gone") namespaces.forget(name);
    return outcome === "gone";
  }

  return {
    async expire() {
      if (deletions.backlog() >= mostBehind) return behindMs;
      const found = await findExpiries(database.read, { now: clock.earliest(), limit: onePass.namespaces });
      const due = found.filter(({ keptFor }) => keptFor !== null && keptFor <= 0);
      const emptied = found.filter(({ keptFor }) => keptFor === null);
      const removed = await deleteRuns(due);
      const erased = await Promise.all(emptied.map(erase));
      if (removed > 0) return 0;
      if (due.length > 0 || erased.includes(false)) return retryMs;
      const next = Math.min(...found.map(({ keptFor }) => keptFor ?? 0).filter((micros) => micros > 0));
      return erased.length > 0 ? 0 : Math.min(longestSleepMs, Math.ceil(next / 1_000));
    },
    wake: () => tell(),
    onDue(callback) {
      tell = callback;
    },
  };
}
