/** Lets core decide a batch of operations, and folds what comes out into units. */
import type { Message } from "../../core/run-state.js";
import type { Context, Poller, TaskOffer } from "../../core/transition.js";
import type { Operation } from "./operation.js";
import type { AnyPending, Pending } from "./pending.js";
import { type States, stateFor, strayKey } from "./read-states.js";
import type { ScheduleOperation } from "./schedule-operation.js";
import { beginUnit, foldTransition, hasChanges, type UnitDraft } from "./unit-draft.js";

/** What deciding works with. */
export interface DecideParts {
  /** All of a context but its pollers. */
  contextFor(operation: Operation<unknown> | ScheduleOperation<unknown>): Omit<Context, "takePoller">;
  takePoller(task: TaskOffer): Poller | undefined;
  released(pollId: string): void;
}

/** What became of the operations of a batch. */
export interface Decided {
  /** Units with something to write. */
  readonly drafts: readonly UnitDraft[];
  /** By operation whose effect is to be written: its outcome. */
  readonly outcomes: ReadonlyMap<AnyPending, unknown>;
  /** Operations to be decided again on a state that is loaded anew and has nothing unwritten. */
  readonly again: readonly AnyPending[];
}

type Answer =
  | { readonly kind: "written"; readonly outcome: unknown }
  | { readonly kind: "nothing"; readonly outcome: unknown }
  | { readonly kind: "refused"; readonly error: unknown };

/** Decides operations in order. Those that change nothing are answered here, if the state they rest on allows it. */
export function decideAll(parts: DecideParts, items: readonly Pending[], states: States): Decided {
  const drafts = new Map<string, UnitDraft>();
  const outcomes = new Map<Pending, unknown>();
  const again: Pending[] = [];
  for (const item of items) {
    const { workflow, isFresh, isStray } = stateFor(states, item);
    const draftKey = isStray ? strayKey(item.key, workflow.run?.runId ?? "") : item.key;
    const draft = drafts.get(draftKey) ?? beginUnit(workflow, isFresh, item.key);
    drafts.set(draftKey, draft);
    const mayAnswer = draft.isFresh && !hasChanges(draft);
    const answer = decideOne(parts, item, draft, states.messages.get(item.key) ?? []);
    if (answer.kind === "written") outcomes.set(item, answer.outcome);
    else if (!mayAnswer) again.push(item);
    else if (answer.kind === "nothing") item.resolve(answer.outcome);
    else item.reject(answer.error);
  }
  return { drafts: [...drafts.values()].filter(hasChanges), outcomes, again };
}

function decideOne(
  parts: DecideParts,
  item: Pending,
  draft: UnitDraft,
  messages: readonly Message[],
): Answer {
  const { taken, context } = takingPollers(parts, parts.contextFor(item.operation));
  try {
    const transition = item.operation.decide(draft.current, context, messages);
    if (foldTransition(draft, transition)) {
      draft.reserved.push(...taken);
      return { kind: "written", outcome: transition.outcome };
    }
    for (const pollId of taken) parts.released(pollId);
    return { kind: "nothing", outcome: transition.outcome };
  } catch (error) {
    for (const pollId of taken) parts.released(pollId);
    return { kind: "refused", error };
  }
}

/** A context that takes polls, and notes which. */
export function takingPollers<C>(
  parts: Pick<DecideParts, "takePoller">,
  context: C,
): { readonly taken: readonly string[]; readonly context: C & Pick<Context, "takePoller"> } {
  const taken: string[] = [];
  const takePoller = (task: TaskOffer) => {
    const poller = parts.takePoller(task);
    if (poller !== undefined) taken.push(poller.pollId);
    return poller;
  };
  return { taken, context: { takePoller, ...context } };
}
