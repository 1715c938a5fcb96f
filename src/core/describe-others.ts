/** What a run waits for beside its tasks: timers, children, other runs and answers. */
import { WaitingReason } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "./run-state.js";
import { pendingUpdates } from "./update-end.js";
import type { Waiting } from "./waiting.js";
import { iso, maxNamed } from "./waiting-words.js";

/** Describes them. Since when each is waited for, the state does not tell: not later than since the last event. */
export function describeOthers(state: RunState): Waiting[] {
  const of = (reason: WaitingReason) => (explanation: string) => ({
    reason,
    explanation,
    since: state.lastEventAt,
  });
  return [
    ...describeChildren(state).map(of(WaitingReason.CHILD)),
    ...describeTimers(state).map(of(WaitingReason.TIMER)),
    ...[...describeRequests(state), ...describeUpdates(state)].map(of(WaitingReason.SIGNAL)),
  ];
}

function describeTimers({ timers }: RunState): string[] {
  if (timers.size === 0) return [];
  let next = Number.POSITIVE_INFINITY;
  for (const { fireAt } of timers.values()) next = Math.min(next, fireAt);
  return [
    timers.size === 1
      ? `Waits for a timer that fires at ${iso(next)}.`
      : `Waits for ${timers.size} timers; the next fires at ${iso(next)}.`,
  ];
}

function describeChildren({ children }: RunState): string[] {
  return namesOf([...children.values()], "children", ({ workflowId, startedEventId }) =>
    startedEventId === undefined
      ? `Waits for its child "${workflowId}" to start.`
      : `Waits for its child "${workflowId}" to end.`,
  );
}

function describeRequests({ externalRequests }: RunState): string[] {
  return namesOf(
    [...externalRequests.values()],
    "requests to other workflows",
    ({ kind, target: { workflowId } }) => {
      const what = kind === "signal" ? "its signal" : "its request to cancel";
      return `Waits for ${what} to reach workflow "${workflowId}".`;
    },
  );
}

function describeUpdates(state: RunState): string[] {
  return namesOf(pendingUpdates(state), "updates", ({ updateId, acceptedEventId }) =>
    acceptedEventId === undefined
      ? `Waits for its code to accept update "${updateId}".`
      : `Waits for its code to answer update "${updateId}".`,
  );
}

function namesOf<T>(all: readonly T[], kind: string, describe: (one: T) => string): string[] {
  const named = all.slice(0, maxNamed).map(describe);
  return all.length > maxNamed ? [...named, `Waits for ${all.length - maxNamed} more ${kind}.`] : named;
}
