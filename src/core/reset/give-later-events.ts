/** A run that a reset makes is given what the run before had come to know behind the point. */
import type { HistoryEvent, SignalReceived } from "../../../gen/pawl/v1/event_pb.js";
import { carrySignal } from "../begin-run.js";
import type { Draft } from "../draft.js";
import { hearAnswer, hearOfChild, newsOf } from "../hear.js";
import { acceptedRequest } from "../replay/replay-update.js";
import { rememberRequest } from "../request-key.js";
import type { RunState } from "../run-state.js";
import { recordUpdates, type UpdateInput } from "../update.js";
import { pendingUpdates } from "../update-end.js";
import type { ReplacedRun } from "./close-replaced.js";
import { givesUpdates, noteLaterEvent } from "./later-events.js";
import type { ResetInput } from "./reset-workflow.js";

/** What counts of the base behind the point. */
export interface Later {
  readonly events: readonly HistoryEvent[];
  /** Updates that it had not accepted. */
  readonly waiting: readonly UpdateInput[];
  /** By request id: the hashes by which repeats of its signals are known. */
  readonly signalHashes: ReadonlyMap<string, string>;
}

/** What was read of the base and, if it is the run that was open, what it had not recorded when it was closed. */
export function laterOf(input: ResetInput, replaced: ReplacedRun | undefined): Later {
  const { base, later, reapply, signalHashes } = input;
  if (replaced?.step.before.runId !== base.runId) return { events: later.events, waiting: [], signalHashes };
  const { before, events } = replaced.step;
  const all = { ...later, events: [...later.events] };
  for (const event of events) noteLaterEvent(all, event, input);
  const waiting = givesUpdates(reapply)
    ? pendingUpdates(before).flatMap(({ request, contentHash }) =>
        request === undefined ? [] : [{ request, contentHash }],
      )
    : [];
  return { events: all.events, waiting, signalHashes: new Map([...signalHashes, ...hashesOf(before)]) };
}

/** Gives a run what counts: events in their order, then the updates that were accepted, and those that were not. */
export function giveLater(draft: Draft, input: ResetInput, later: Later): void {
  const accepted: UpdateInput[] = [];
  for (const event of later.events) {
    const { kind } = event;
    if (kind.case === "signalReceived") {
      const eventId = giveSignal(draft, input, event, kind.value);
      rememberSignal(draft, later, kind.value, eventId);
    } else if (kind.case === "updateAccepted") {
      const request = acceptedRequest(kind.value);
      accepted.push({ request, contentHash: input.updateHash(request) });
    } else giveNews(draft, kind);
  }
  recordUpdates(draft, [...accepted, ...later.waiting], false);
}

function giveSignal(
  draft: Draft,
  { base }: ResetInput,
  { eventId, identity, principal, userMetadata, links }: HistoryEvent,
  signal: SignalReceived,
): number {
  const meta = { identity, principal, userMetadata, links };
  return carrySignal(draft, { eventId, signal, meta }, base.runId);
}

/** A repeat of the signal is known to the new run as well. */
function rememberSignal(
  draft: Draft,
  { signalHashes }: Later,
  { requestId }: SignalReceived,
  eventId: number,
): void {
  const contentHash = signalHashes.get(requestId);
  if (contentHash !== undefined) rememberRequest(draft, "signal", { requestId, contentHash }, eventId);
}

function giveNews(draft: Draft, kind: HistoryEvent["kind"]): void {
  const news = newsOf(kind);
  if (news === undefined) return;
  if (news.of === "request") {
    hearAnswer(draft, news.kind);
    return;
  }
  const child = draft.run.children.get(news.kind.value.seq);
  if (child !== undefined) hearOfChild(draft, child, news.kind);
}

function hashesOf({ keys }: RunState): [string, string][] {
  return [...keys.values()].flatMap(({ kind, key, contentHash }) =>
    kind === "signal" ? [[key, contentHash]] : [],
  );
}
