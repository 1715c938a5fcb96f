/** Reads the schedules of a batch, always anew, and lets core decide: one operation of a schedule in a batch. */
import type { Message, Workflow } from "../../core/run-state.js";
import type { ScheduleContext, ScheduleState } from "../../core/schedules/schedule-state.js";
import { loadWorkflows } from "../../store/load.js";
import { loadMessages } from "../../store/messages.js";
import { findScheduleRequest, loadSchedules } from "../../store/schedules.js";
import { type Decided, type DecideParts, takingPollers } from "./decide.js";
import type { AnyPending, PendingOfSchedule } from "./pending.js";
import { mostMessages, type StateSources } from "./read-states.js";
import type { GivenToSchedule, ScheduleDecision } from "./schedule-operation.js";
import { beginUnit, foldTransition, type UnitDraft } from "./unit-draft.js";

type Parts = StateSources & DecideParts;

/** What is known of a schedule and of what happens to it. */
interface Known {
  readonly state: ScheduleState | undefined;
  readonly messages: readonly Message[];
  readonly earlier: GivenToSchedule["earlier"];
  /** Workflow ids that were used. */
  readonly taken: ReadonlySet<string>;
}

/** Decides operations on schedules. Those that change nothing are answered here. */
export async function decideSchedules(parts: Parts, items: readonly PendingOfSchedule[]): Promise<Decided> {
  const drafts: UnitDraft[] = [];
  const outcomes = new Map<AnyPending, unknown>();
  const seen = new Set<string>();
  // What is decided together would rest on the same state.
  const first = items.filter(({ key }) => !seen.has(key) && seen.add(key));
  const known = await readKnown(parts, first);
  first.forEach((item, index) => {
    const its = known[index];
    if (its !== undefined) decideOne(parts, item, its, { drafts, outcomes });
  });
  return { drafts, outcomes, again: items.filter((item) => !first.includes(item)) };
}

function decideOne(
  parts: Parts,
  item: PendingOfSchedule,
  known: Known,
  { drafts, outcomes }: { readonly drafts: UnitDraft[]; readonly outcomes: Map<AnyPending, unknown> },
): void {
  const { taken, context } = takingPollers(parts, parts.contextFor(item.operation));
  try {
    const decision = item.operation.decide(known.state, givenOf(known, context));
    const draft = draftOf(item, known.state, decision);
    if (draft === undefined) {
      item.resolve(decision.outcome);
      return;
    }
    draft.reserved.push(...taken);
    drafts.push(draft);
    outcomes.set(item, decision.outcome);
  } catch (error) {
    for (const pollId of taken) parts.released(pollId);
    item.reject(error);
  }
}

/** The unit of a decision. Undefined: it changes nothing. */
function draftOf(
  { key, operation }: PendingOfSchedule,
  before: ScheduleState | undefined,
  { after, started, handed, messages, delivered, request }: ScheduleDecision<unknown>,
): UnitDraft | undefined {
  const isChanged = before !== undefined && after !== undefined && (after !== before || delivered.length > 0);
  const schedule = isChanged
    ? { before, after: { ...after, version: before.version + 1 }, request }
    : undefined;
  if (schedule === undefined && delivered.length === 0) return undefined;
  const { namespaceId } = operation;
  const { workflowId = "", runId } = started?.after ?? {};
  const draft = beginUnit({ namespaceId, workflowId, pointer: undefined, run: undefined }, true, key);
  const pointer = runId === undefined ? undefined : { runId, startRequestId: "", requestHash: "" };
  foldTransition(draft, {
    runs: started === undefined ? [] : [started],
    pointer,
    handed,
    messages,
    delivered,
    outcome: undefined,
  });
  draft.schedule = schedule;
  return draft;
}

function givenOf(
  { messages, earlier, taken }: Known,
  context: Omit<ScheduleContext, "isTaken">,
): GivenToSchedule {
  return { messages, earlier, context: { ...context, isTaken: (workflowId) => taken.has(workflowId) } };
}

/** Messages come before the schedules and requests behind them, so that a schedule is neither older than the ones nor newer than the others. */
async function readKnown(parts: Parts, items: readonly PendingOfSchedule[]): Promise<Known[]> {
  if (items.length === 0) return [];
  const { database, clock } = parts;
  const messages = await readMessages(parts, items);
  const sentAt = clock.steadyNow();
  const { now, schedules } = await loadSchedules(
    database.read,
    items.map(({ operation }) => operation),
  );
  if (now !== undefined) clock.observe(sentAt, clock.steadyNow(), now);
  return Promise.all(
    items.map(async (item, index) => {
      const { namespaceId, requestId = "" } = item.operation;
      const earlier =
        requestId === "" ? undefined : await findScheduleRequest(database.read, { namespaceId, requestId });
      const known = {
        state: schedules[index],
        messages: messages.get(item.key) ?? [],
        earlier,
        taken: new Set<string>(),
      };
      return { ...known, taken: await findTaken(parts, item, known) };
    }),
  );
}

async function readMessages(
  { database }: Parts,
  items: readonly PendingOfSchedule[],
): Promise<ReadonlyMap<string, readonly Message[]>> {
  const receivers = items.filter(({ operation }) => operation.takesMessages === true);
  if (receivers.length === 0) return new Map();
  const inboxes = receivers.map(({ operation: { namespaceId, scheduleId } }) => ({
    namespaceId,
    workflowId: scheduleId,
    isSchedule: true,
  }));
  const found = await loadMessages(database.read, inboxes, mostMessages);
  return new Map(receivers.map(({ key }, index) => [key, found[index] ?? []]));
}

/** That a workflow id is new is a guess at first; a unit that has lost may have lost by it, so then the id that it would take is looked up. */
async function findTaken(parts: Parts, item: PendingOfSchedule, known: Known): Promise<ReadonlySet<string>> {
  if (item.lost === 0) return known.taken;
  const workflowId = wantedId(parts, item, known);
  if (workflowId === undefined) return known.taken;
  const { namespaceId } = item.operation;
  const { workflows } = await loadWorkflows(parts.database.read, [{ namespaceId, workflowId }]);
  return new Set(workflows.filter(isUsed).map((workflow) => workflow.workflowId));
}

/** The workflow id that a decision would take. */
function wantedId(parts: Parts, { operation }: PendingOfSchedule, known: Known): string | undefined {
  const context = { ...parts.contextFor(operation), takePoller: () => undefined };
  try {
    return operation.decide(known.state, givenOf(known, context)).started?.after.workflowId;
  } catch {
    // It is refused, whatever id it would have taken.
    return undefined;
  }
}

function isUsed({ pointer }: Workflow): boolean {
  return pointer !== undefined;
}
