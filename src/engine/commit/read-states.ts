/** The states that a batch is decided on: from the cache where a guess will do, else loaded in one statement. */
import type { Workflow } from "../../core/run-state.js";
import type { Database } from "../../store/database.js";
import { type LoadAsk, loadWorkflows } from "../../store/load.js";
import type { Clock } from "../clock.js";
import type { EngineMetrics } from "../metrics.js";
import type { StateCache } from "../state-cache.js";
import type { Operation } from "./operation.js";
import type { Pending } from "./pending.js";

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
      : states.strays.get(`${item.key}#${runId}`);
  return stray === undefined
    ? { ...current, isStray: false }
    : { workflow: stray, isFresh: true, isStray: true };
}

/** Takes states from the cache, and loads the others in one statement. */
export async function readStates(parts: StateSources, items: readonly Pending[]): Promise<States> {
  const states: States = { current: new Map(), strays: new Map() };
  const asks = new Map<string, LoadAsk & { keys: string[] }>();
  for (const item of items) {
    const { operation, key } = item;
    const cached = parts.cache.get(operation.namespaceId, operation.workflowId);
    const suffices =
      !item.mustLoad && (cached === undefined ? operation.mayBeNew === true : isEnough(cached, operation));
    parts.metrics.cacheLookup(suffices);
    if (suffices) states.current.set(key, { workflow: cached ?? unknownWorkflow(operation), isFresh: false });
    else ask(asks, key, operation, undefined);
    const { runId } = operation;
    if (!suffices && runId !== undefined && cached?.run?.runId !== runId)
      ask(asks, `${key}#${runId}`, operation, runId);
  }
  if (asks.size === 0) return states;
  const sentAt = parts.clock.steadyNow();
  const loaded = await loadWorkflows(parts.database.read, [...asks.values()]);
  parts.clock.observe(sentAt, parts.clock.steadyNow(), loaded.now);
  [...asks.keys()].forEach((key, index) => {
    const workflow = loaded.workflows[index];
    if (workflow === undefined) return;
    if (key.includes("#") && asks.get(key)?.runId !== undefined) states.strays.set(key, workflow);
    else states.current.set(key, { workflow, isFresh: true });
  });
  return states;
}

function ask(
  asks: Map<string, LoadAsk & { keys: string[] }>,
  name: string,
  operation: Operation<unknown>,
  runId: string | undefined,
): void {
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
