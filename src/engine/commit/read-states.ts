/** The states that a batch is decided on: from the cache where a guess will do, else loaded in one statement. */
import type { Message, Workflow } from "../../core/run-state.js";
import type { Database } from "../../store/database.js";
import { type LoadAsk, loadWorkflows } from "../../store/load.js";
import { loadMessages } from "../../store/messages.js";
import type { Clock } from "../clock.js";
import type { EngineMetrics } from "../metrics.js";
import type { StateCache } from "../state-cache.js";
import type { Operation } from "./operation.js";
import type { Pending } from "./pending.js";

/** So many messages are delivered to a workflow id at once. */
export const mostMessages = 200;

/** What reading states works with. */
export interface StateSources {
  readonly database: Database;
  readonly cache: StateCache;
  readonly clock: Clock;
  readonly metrics: EngineMetrics;
}

/** What is known of the states that a flush needs. */
export interface States {
  /** By key: the current run. */
  readonly current: Map<string, { workflow: Workflow; isFresh: boolean }>;
  /** By key and run id: a run that is not the current one. */
  readonly strays: Map<string, Workflow>;
  /** By key: messages for the workflow id. */
  readonly messages: Map<string, readonly Message[]>;
}

/** The state that an operation is decided on. A stray run is one that is not the current one: it can be refused or found done, not written. */
export function stateFor(
  states: States,
  item: Pending,
): { workflow: Workflow; isFresh: boolean; isStray: boolean } {
  const current = states.current.get(item.key) ?? {
    workflow: unknownWorkflow(item.operation),
    isFresh: false,
  };
  const { runId } = item.operation;
  const stray =
    runId === undefined || current.workflow.run?.runId === runId
      ? undefined
      : states.strays.get(strayKey(item.key, runId));
  return stray === undefined
    ? { ...current, isStray: false }
    : { workflow: stray, isFresh: true, isStray: true };
}

/** The name of a run that is not the current one of its workflow id. No name of a workflow id begins like this. */
export function strayKey(key: string, runId: string): string {
  return `#${runId}/${key}`;
}

/** Takes states from the cache, and loads the others in one statement; one more where a run turns out not to be the current one. */
export async function readStates(parts: StateSources, items: readonly Pending[]): Promise<States> {
  const states: States = { current: new Map(), strays: new Map(), messages: new Map() };
  await readMessages(parts, items, states);
  const asks: Asks = new Map();
  for (const item of items) {
    const { operation, key } = item;
    const cached = parts.cache.get(operation.namespaceId, operation.workflowId);
    const suffices =
      !item.mustLoad && (cached === undefined ? operation.mayBeNew === true : isEnough(cached, operation));
    parts.metrics.cacheLookup(suffices);
    if (suffices) states.current.set(key, { workflow: cached ?? unknownWorkflow(operation), isFresh: false });
    else ask(asks, key, operation, undefined);
  }
  for (const [key, workflow] of await load(parts, asks)) states.current.set(key, { workflow, isFresh: true });
  const strays: Asks = new Map();
  for (const { key, operation } of items) {
    const { runId } = operation;
    const current = states.current.get(key);
    if (runId !== undefined && current?.isFresh === true && current.workflow.run?.runId !== runId)
      ask(strays, strayKey(key, runId), operation, runId);
  }
  for (const [key, workflow] of await load(parts, strays)) states.strays.set(key, workflow);
  return states;
}

/** Before the states, so that a state is never older than a message for it. */
async function readMessages(
  { database }: StateSources,
  items: readonly Pending[],
  states: States,
): Promise<void> {
  const receivers = items.filter(({ operation }) => operation.takesMessages === true);
  if (receivers.length === 0) return;
  const inboxes = receivers.map(({ operation }) => operation);
  const found = await loadMessages(database.read, inboxes, mostMessages);
  receivers.forEach(({ key }, index) => {
    states.messages.set(key, found[index] ?? []);
  });
}

type Asks = Map<string, LoadAsk & { keys: string[] }>;

async function load({ clock, database }: StateSources, asks: Asks): Promise<[string, Workflow][]> {
  if (asks.size === 0) return [];
  const sentAt = clock.steadyNow();
  const { now, workflows } = await loadWorkflows(database.read, [...asks.values()]);
  clock.observe(sentAt, clock.steadyNow(), now);
  return [...asks.keys()].flatMap((key, index): [string, Workflow][] => {
    const workflow = workflows[index];
    return workflow === undefined ? [] : [[key, workflow]];
  });
}

function ask(asks: Asks, name: string, operation: Operation<unknown>, runId: string | undefined): void {
  const { namespaceId, workflowId } = operation;
  const keys = [...(operation.keys ?? []), ...(operation.keysIfRefused ?? [])];
  const known = asks.get(name);
  if (known !== undefined) known.keys.push(...keys);
  else
    asks.set(name, { namespaceId, workflowId, ...(runId === undefined ? {} : { runId }), keys: [...keys] });
}

/** Whether a cached state may be used to decide an operation, as a guess. */
function isEnough(cached: Workflow, operation: Operation<unknown>): boolean {
  const { run } = cached;
  if (operation.runId !== undefined && run?.runId !== operation.runId) return false;
  if (run === undefined) return true;
  if (operation.seenVersion !== undefined && operation.seenVersion > run.version) return false;
  return run.hasAllKeys || (operation.keys ?? []).every((key) => run.keys.has(key));
}

function unknownWorkflow({ namespaceId, workflowId }: Operation<unknown>): Workflow {
  return { namespaceId, workflowId, pointer: undefined, run: undefined };
}
