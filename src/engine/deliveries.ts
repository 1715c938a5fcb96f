/**
 * Delivers messages between runs: at once by the server that wrote them, or by any server's loop if that one has gone. Delivering twice does no
 * harm, since each message is delivered by the batch that deletes it.
 */
import { deliverMessages } from "../core/deliver-messages.js";
import { RefusedError } from "../core/errors.js";
import type { Inbox } from "../store/messages.js";
import type { GroupCommit } from "./commit/group-commit.js";
import { mostMessages } from "./commit/read-states.js";
import { isDatabaseTrouble } from "./database-trouble.js";

/** Delivers messages. */
export interface Deliveries {
  /** Delivers what is there for a workflow id. Resolves when it is done; what fails is left to the loop. */
  deliverTo(inbox: Inbox): Promise<void>;
}

interface Delivery {
  readonly done: Promise<void>;
  /** More has come since it began. */
  isRepeated: boolean;
}

/** Opens deliveries over group commit. */
export function openDeliveries(
  commit: GroupCommit,
  fault: (message: string, error: unknown) => void,
): Deliveries {
  /** At most one at a time for a workflow id: a second would be decided on messages that the first takes away. */
  const running = new Map<string, Delivery>();

  async function deliverAll(inbox: Inbox, isRepeated: () => boolean): Promise<void> {
    do {
      while (await deliverSome(inbox));
    } while (isRepeated());
  }

  /** Answers whether there may be more. */
  function deliverSome({ namespaceId, workflowId }: Inbox): Promise<boolean> {
    return commit.submit({
      namespaceId,
      workflowId,
      bytes: 2_000,
      isOwed: true,
      needsFresh: true,
      takesMessages: true,
      decide(workflow, context, messages) {
        return { ...deliverMessages(workflow, messages, context), outcome: messages.length === mostMessages };
      },
    });
  }

  return {
    deliverTo({ namespaceId, workflowId }) {
      const key = `${namespaceId}/${workflowId}`;
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
      const done = deliverAll({ namespaceId, workflowId }, takeRepeated)
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
