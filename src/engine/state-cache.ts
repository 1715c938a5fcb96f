/**
 * The states of workflow ids that were written or loaded last, and the newest events of their runs.
 *
 * An entry is a guess: another server may have written since. Only guarded writes may rest on it.
 */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { RunState, Workflow } from "../core/run-state.js";
import type { RecordedEvent } from "../core/transition.js";
import { loadedKeys } from "../store/load.js";
import { estimateBytes } from "./estimate-bytes.js";

/**
 * A bounded cache of workflow states, the least recently used going first, and those that nobody uses after a while; of runs that are closed only the newest
 * are kept, for those who wait for them.
 */
export interface StateCache {
  get(namespaceId: string, workflowId: string): Workflow | undefined;
  /** Keeps a state that is known to be stored; the events are those that the newest write added to its run. */
  keep(workflow: Workflow, newEvents: readonly RecordedEvent[]): void;
  drop(namespaceId: string, workflowId: string): void;
  /** Lets go of what nobody has used for a while. */
  dropIdle(): void;
  /** The events of a run from behind one id through another, if all of them are here and surely no more than so many bytes. */
  events(
    run: RunState,
    afterEventId: number,
    throughEventId: number,
    maxBytes?: number,
  ): HistoryEvent[] | undefined;
  entries(): number;
  bytes(): number;
}

interface Entry {
  workflow: Workflow;
  tail: HistoryEvent[];
  tailBytes: number;
  bytes: number;
  /** When it was used last, by a steady clock in milliseconds. */
  usedAt: number;
}

/** Newest events kept of a run, in bytes as stored. */
const maxTailBytes = 64 * 1024;
/** What an entry, an event and something pending cost beside what is counted, in bytes: read off the heap of a server with 75,000 runs of six events in here. */
const entryBytes = 3_500;
const eventBytes = 900;
const pendingBytes = 600;

/** Nothing is decided about a closed run any more, but whoever waits for it reads how it ended. */
const mostClosed = 1_000;

/**
 * What was not used for so long goes. To load it again costs a run little that moves so rarely, and what stays here costs whenever V8 goes through its heap,
 * also of a server that has nothing to do.
 */
const idleMs = 30_000;

/**
 * @param maxBytes the memory that it may use, estimated
 * @param steadyNow a steady clock in milliseconds
 */
export function openStateCache(maxBytes: number, steadyNow = () => performance.now()): StateCache {
  const entries = new Map<string, Entry>();
  /** The keys of those whose run is closed, the oldest first. */
  const closed = new Set<string>();
  let total = 0;

  function remove(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    entries.delete(key);
    closed.delete(key);
    total -= entry.bytes;
    return entry;
  }

  function shrink(): void {
    for (const key of closed) {
      if (closed.size <= mostClosed) break;
      remove(key);
    }
    for (const key of entries.keys()) {
      if (total <= maxBytes) return;
      remove(key);
    }
  }

  return {
    get(namespaceId, workflowId) {
      const key = keyOf(namespaceId, workflowId);
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      entry.usedAt = steadyNow();
      return entry.workflow;
    },
    keep(workflow, newEvents) {
      const key = keyOf(workflow.namespaceId, workflow.workflowId);
      const entry = extend(remove(key), withoutStored(withFewKeys(workflow)), newEvents, steadyNow());
      entries.set(key, entry);
      if (workflow.run?.closedAt !== undefined) closed.add(key);
      total += entry.bytes;
      shrink();
    },
    drop(namespaceId, workflowId) {
      remove(keyOf(namespaceId, workflowId));
    },
    dropIdle() {
      const before = steadyNow() - idleMs;
      // The least recently used come first.
      for (const [key, { usedAt }] of entries) {
        if (usedAt > before) return;
        remove(key);
      }
    },
    events(run, afterEventId, throughEventId, maxBytes = maxTailBytes) {
      const entry = entries.get(keyOf(run.namespaceId, run.workflowId));
      if (entry === undefined || entry.tailBytes > maxBytes) return undefined;
      const first = entry.tail[0]?.eventId;
      if (entry.workflow.run?.runId !== run.runId || first === undefined || first > afterEventId + 1)
        return undefined;
      const found = entry.tail.slice(afterEventId + 1 - first, throughEventId + 1 - first);
      return found.length === throughEventId - afterEventId ? found : undefined;
    },
    entries: () => entries.size,
    bytes: () => total,
  };
}

/** Lets the oldest keys go once there are twice as many as are kept. Those of buffered events stay: they are still to get their event ids. */
function withFewKeys(workflow: Workflow): Workflow {
  const { run } = workflow;
  if (run === undefined || run.keys.size < 2 * loadedKeys) return workflow;
  const entries = [...run.keys];
  const oldest = entries.length - loadedKeys;
  const keys = new Map(entries.filter(([, key], index) => index >= oldest || key.eventId === 0));
  return { ...workflow, run: { ...run, keys, hasAllKeys: false } };
}

/** What is stored and not needed to decide: the snapshot, and updates that were rejected. */
function withoutStored(workflow: Workflow): Workflow {
  const { run } = workflow;
  if (run === undefined) return workflow;
  const { snapshot, updates } = run;
  const isLean =
    snapshot === undefined && [...updates.values()].every(({ rejection }) => rejection === undefined);
  if (isLean) return workflow;
  const left = [...updates].filter(([, { rejection }]) => rejection === undefined);
  return { ...workflow, run: { ...run, snapshot: undefined, updates: new Map(left) } };
}

function extend(
  before: Entry | undefined,
  workflow: Workflow,
  newEvents: readonly RecordedEvent[],
  usedAt: number,
): Entry {
  const run = workflow.run;
  const isSameRun = before?.workflow.run?.runId === run?.runId;
  const tail = isSameRun && before !== undefined ? before.tail : [];
  let tailBytes = isSameRun && before !== undefined ? before.tailBytes : 0;
  for (const { event, bytes } of newEvents) {
    const last = tail.at(-1);
    if (last !== undefined && last.eventId + 1 !== event.eventId) {
      tail.length = 0;
      tailBytes = 0;
    }
    tail.push(event);
    tailBytes += bytes.length;
  }
  if (tailBytes > maxTailBytes || (run !== undefined && tail.at(-1)?.eventId !== run.nextEventId - 1)) {
    tail.length = 0;
    tailBytes = 0;
  }
  const bytes =
    entryBytes + tail.length * eventBytes + 2 * tailBytes + (run === undefined ? 0 : stateBytes(run));
  return { workflow, tail, tailBytes, bytes, usedAt };
}

function stateBytes({
  activities,
  timers,
  children,
  externalRequests,
  buffered,
  keys,
  attributes,
}: RunState) {
  const pending =
    activities.size + timers.size + children.size + externalRequests.size + buffered.length + keys.size;
  return pending * pendingBytes + (attributes === undefined ? 0 : estimateBytes(attributes));
}

function keyOf(namespaceId: string, workflowId: string): string {
  return `${namespaceId}/${workflowId}`;
}
