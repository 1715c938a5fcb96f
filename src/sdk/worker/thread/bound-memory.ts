/** Keeping the memory of a thread within its bound. */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { RunCache } from "../run-cache.js";

/**
 * Drops runs while the thread's heap holds more than it may. It is looked at behind each full collection, when it holds nothing but what is in use: at
 * other times most of a busy heap is what has been dropped already. What a run needs can't be told from outside, so it is not estimated.
 */
export function boundMemory(cache: Pick<RunCache, "shed">, mostBytes: number): void {
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isFullCollection)) shedAbove(cache, mostBytes, usedBytes());
  });
  observer.observe({ entryTypes: ["gc"] });
}

/** Drops about the part of the runs by which the heap is too large, and somewhat more, so that it is not too large again at once. */
export function shedAbove(cache: Pick<RunCache, "shed">, mostBytes: number, bytes: number): void {
  if (bytes > mostBytes) cache.shed(Math.min(1, 1.1 - mostBytes / bytes));
}

function usedBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function isFullCollection(entry: PerformanceEntry): boolean {
  // Node's types don't know what an entry of a collection has.
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}
