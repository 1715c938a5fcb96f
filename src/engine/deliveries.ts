/**
 * Delivers messages between runs: at once by the server that wrote them, or by any server's loop if that one has gone. Delivering twice does no
 * harm, since each message is delivered by the batch that deletes it.
 */
import type { ChildEnding } from "../core/adopt-child.js";
import { type ChildEndings, deliverMessages } from "../core/deliver-messages.js";
import { RefusedError } from "../core/errors.js";
import type { ScheduleName } from "../core/schedules/schedule-state.js";
import type { Inbox } from "../store/messages.js";
import type { GroupCommit } from "./commit/group-commit.js";
import { mostMessages } from "./commit/read-states.js";
import { isDatabaseTrouble } from "./database-trouble.js";
import type { RunName } from "./reads/find-run.js";

/** Delivers messages. */
export interface Deliveries {
  /** Delivers what is there for a workflow id or a schedule. Resolves when it is done; what fails is left to the loop. */
  deliverTo(inbox: Inbox): Promise<void>;
}

interface Delivery {
  readonly done: Promise<void>;
  /** More has come since it began. */
  isRepeated: boolean;
}

/** What deliveries work with. */
export interface DeliveriesParts {
  readonly commit: GroupCommit;
  /** How the chain of runs that begins with this one has ended; undefined while it is open. */
  findEnding(first: RunName): Promise<ChildEnding | undefined>;
  /** Lets a schedule take in its messages, and answers how many there were. */
  advanceSchedule(schedule: ScheduleName): Promise<number>;
  fault(message: string, error: unknown): void;
}

/** How often endings of children are looked up for one delivery, since they may end meanwhile; then the loop comes back to it. */
const mostRounds = 5;

/** Opens deliveries over group commit. */
export function openDeliveries(parts: DeliveriesParts): Deliveries {
  const { commit, findEnding, fault } = parts;
  /** At most one at a time for a workflow id: a second would be decided on messages that the first takes away. */
  const running = new Map<string, Delivery>();

  async function deliverAll(inbox: Inbox, isRepeated: () => boolean): Promise<void> {
    do {
      while (await deliverSome(inbox));
    } while (isRepeated());
  }

  /** Answers whether there may be more. */
  async function deliverSome(inbox: Inbox): Promise<boolean> {
    if (inbox.isSchedule === true) {
      const { namespaceId, workflowId: scheduleId } = inbox;
      return (await parts.advanceSchedule({ namespaceId, scheduleId })) === mostMessages;
    }
    const endings = new Map<string, ChildEnding>();
    for (let round = 0; round < mostRounds; round++) {
      const { isFull, asked } = await deliverOnce(inbox, endings);
      if (asked.length === 0) return isFull;
      for (const runId of asked) {
        const ending = await findEnding({ ...inbox, runId });
        if (ending !== undefined) endings.set(runId, ending);
      }
    }
    return false;
  }

  function deliverOnce({ namespaceId, workflowId }: Inbox, endings: ChildEndings) {
    return commit.submit({
      namespaceId,
      workflowId,
      bytes: 2_000,
      isOwed: true,
      needsFresh: true,
      takesMessages: true,
      decide(workflow, context, messages) {
        const transition = deliverMessages(workflow, messages, context, endings);
        const isFull = messages.length === mostMessages;
        return { ...transition, outcome: { isFull, asked: transition.outcome } };
      },
    });
  }

  return {
    deliverTo({ namespaceId, workflowId, isSchedule }) {
      const key = `${isSchedule === true ? "@" : ""}${namespaceId}/${workflowId}`;
      const known = running.get(key);
      if (known !== undefined) {
        known.isRepeated = true;
        return known.done;
      }
      const takeRepeated = () => {
        const entry = running.get(key);
        const isRepeated = entry?.isRepeated ?? false;
        if (entry !== undefined) entry.isRepeated = false;
        return isRepeated;
      };
      const done = deliverAll({ namespaceId, workflowId, isSchedule }, takeRepeated)
        .catch((error: unknown) => {
          if (error instanceof RefusedError || isDatabaseTrouble(error)) return;
          fault("messages between runs could not be delivered", error);
        })
        .finally(() => running.delete(key));
      running.set(key, { done, isRepeated: false });
      return done;
    },
  };
}
