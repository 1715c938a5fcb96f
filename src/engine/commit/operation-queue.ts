/** The operations that wait for a batch: by workflow id, since one id may be in one batch at a time only. */

/** What the queue needs to know of what waits. */
export interface Queued {
  readonly key: string;
  readonly bytes: number;
}

/** A first-in, first-out queue over workflow ids that are not busy. */
export interface OperationQueue<Q extends Queued> {
  add(item: Q): void;
  /** Adds items, in their order, before those that wait for the same ids. */
  addFirst(items: readonly Q[]): void;
  /** Takes the next items, and makes their ids busy. One that is larger than `maxBytes` comes alone. */
  take(maxItems: number, maxBytes: number): Q[];
  /** Takes all that wait for an id and makes it busy; nothing if it is busy or nothing waits. */
  takeKey(key: string): Q[];
  /** Says that an id is in no batch any more. */
  release(key: string): void;
  /** Whether an id is in a batch, or something waits for it. */
  isKnown(key: string): boolean;
  size(): number;
  /** What waits, in bytes. */
  bytes(): number;
  /** How many ids are in a batch. */
  busyKeys(): number;
}

/** Opens an empty queue. */
export function openOperationQueue<Q extends Queued>(): OperationQueue<Q> {
  const waiting = new Map<string, Q[]>();
  const busy = new Set<string>();
  /** Ids with waiting items that are not busy, in order; a Map keeps insertion order and allows removal. */
  const ready = new Set<string>();
  let size = 0;
  let totalBytes = 0;

  function takeFrom(key: string, maxItems: number, maxBytes: number): Q[] {
    const items = waiting.get(key) ?? [];
    let bytes = 0;
    let count = 0;
    for (const item of items) {
      if (count === maxItems || (count > 0 && bytes + item.bytes > maxBytes)) break;
      bytes += item.bytes;
      count++;
    }
    const taken = items.splice(0, count);
    if (items.length === 0) waiting.delete(key);
    ready.delete(key);
    busy.add(key);
    size -= taken.length;
    totalBytes -= bytes;
    return taken;
  }

  function itemsOf({ key, bytes }: Q): Q[] {
    const items = waiting.get(key) ?? [];
    if (items.length === 0) waiting.set(key, items);
    if (!busy.has(key)) ready.add(key);
    size++;
    totalBytes += bytes;
    return items;
  }

  return {
    add(item) {
      itemsOf(item).push(item);
    },
    addFirst(items) {
      for (const item of items.toReversed()) itemsOf(item).unshift(item);
    },
    take(maxItems, maxBytes) {
      const taken: Q[] = [];
      let bytes = 0;
      for (const key of ready) {
        const head = waiting.get(key)?.[0]?.bytes ?? 0;
        if (taken.length >= maxItems || (taken.length > 0 && bytes + head > maxBytes)) break;
        const items = takeFrom(key, maxItems - taken.length, maxBytes - bytes);
        for (const item of items) bytes += item.bytes;
        taken.push(...items);
      }
      return taken;
    },
    takeKey(key) {
      if (busy.has(key) || !waiting.has(key)) return [];
      return takeFrom(key, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    },
    release(key) {
      busy.delete(key);
      if (waiting.has(key)) ready.add(key);
    },
    isKnown: (key) => busy.has(key) || waiting.has(key),
    size: () => size,
    bytes: () => totalBytes,
    busyKeys: () => busy.size,
  };
}
