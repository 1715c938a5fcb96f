/** What the server counts, in the text format of Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { EngineMetrics } from "../engine/metrics.js";
import type { CallMetrics } from "../service/service.js";

/** The counts of a server. */
export interface ServerMetrics {
  readonly calls: CallMetrics;
  readonly engine: EngineMetrics;
  readonly contentType: string;
  text(): Promise<string>;
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const sizeBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Makes counts that begin at zero. */
export function createMetrics(): ServerMetrics {
  const registry = new Registry();
  // The process itself: memory, processor time, event loop, garbage. How late the event loop is, is sampled ten times a second: a hundred times, as is usual,
  // cost an idle server more than all else that it does.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  return {
    calls: callMetrics(registry),
    engine: engineMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function callMetrics(registry: Registry): CallMetrics {
  const registers = [registry];
  const ended = new Counter({
    name: "pawl_calls_total",
    help: "Calls that ended, by method and gRPC code.",
    labelNames: ["method", "code"],
    registers,
  });
  const duration = new Histogram({
    name: "pawl_call_duration_seconds",
    help: "How long calls took, by method, the waiting of long polls included.",
    labelNames: ["method"],
    buckets: secondsBuckets,
    registers,
  });
  return {
    callEnded({ method, code, ms }) {
      ended.inc({ method, code });
      duration.observe({ method }, ms / 1000);
    },
  };
}

function engineMetrics(registry: Registry): EngineMetrics {
  return { ...batchMetrics(registry), ...taskMetrics(registry), ...cacheMetrics(registry) };
}

function batchMetrics(registry: Registry): Pick<EngineMetrics, "batchWritten" | "waitingOperations"> {
  const registers = [registry];
  const operations = new Histogram({
    name: "pawl_batch_operations",
    help: "Operations that a batch answered.",
    buckets: sizeBuckets,
    registers,
  });
  const units = new Histogram({
    name: "pawl_batch_units",
    help: "Units that a batch tried to write: the rows that one operation needs, all or nothing.",
    buckets: sizeBuckets,
    registers,
  });
  const lost = new Counter({
    name: "pawl_batch_units_lost_total",
    help: "Units that lost against another writer and were decided anew.",
    registers,
  });
  const commit = new Histogram({
    name: "pawl_batch_commit_seconds",
    help: "How long the statement of a batch took, commit included.",
    buckets: secondsBuckets,
    registers,
  });
  const waiting = new Gauge({
    name: "pawl_waiting_operations",
    help: "Operations that wait to be written; at its bound calls are refused with SERVER_BUSY.",
    registers,
  });
  return {
    batchWritten(batch) {
      operations.observe(batch.operations);
      units.observe(batch.units);
      lost.inc(batch.lost);
      commit.observe(batch.ms / 1000);
    },
    waitingOperations: (count) => waiting.set(count),
  };
}

function taskMetrics(registry: Registry): Pick<EngineMetrics, "pollers" | "readyTasks" | "leaseExpired"> {
  const registers = [registry];
  const labelNames = ["kind"] as const;
  const pollers = new Gauge({
    name: "pawl_pollers",
    help: "Polls that wait on this server, by kind of task.",
    labelNames,
    registers,
  });
  const ready = new Gauge({
    name: "pawl_ready_tasks",
    help: "Tasks that are ready and that nobody has taken, as this server last saw them, by kind of task.",
    labelNames,
    registers,
  });
  const expired = new Counter({
    name: "pawl_leases_expired_total",
    help: "Leases of tasks that ended because no worker answered in time, by kind of task.",
    labelNames,
    registers,
  });
  for (const kind of ["workflow", "activity"] as const) {
    pollers.set({ kind }, 0);
    ready.set({ kind }, 0);
    expired.inc({ kind }, 0);
  }
  return {
    pollers: (kind, count) => pollers.set({ kind }, count),
    readyTasks: (kind, count) => ready.set({ kind }, count),
    leaseExpired: (kind) => expired.inc({ kind }),
  };
}

function cacheMetrics(registry: Registry): Pick<EngineMetrics, "cacheLookup" | "cacheSize"> {
  const registers = [registry];
  const lookups = new Counter({
    name: "pawl_cache_lookups_total",
    help: "Times the state of a run was looked for in the cache, by whether it was there: hit or miss.",
    labelNames: ["outcome"],
    registers,
  });
  const entries = new Gauge({
    name: "pawl_cache_entries",
    help: "Runs whose state is cached.",
    registers,
  });
  const bytes = new Gauge({
    name: "pawl_cache_bytes",
    help: "About how many bytes the cached states take.",
    registers,
  });
  for (const outcome of ["hit", "miss"]) lookups.inc({ outcome }, 0);
  return {
    cacheLookup: (isHit) => lookups.inc({ outcome: isHit ? "hit" : "miss" }),
    cacheSize(count, size) {
      entries.set(count);
      bytes.set(size);
    },
  };
}
