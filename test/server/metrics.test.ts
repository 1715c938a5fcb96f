import { expect, test } from "vitest";
import { createMetrics } from "../../src/server/metrics.js";

test("counts calls and what the engine tells", async () => {
  const { calls, engine, text } = createMetrics();
  calls.callEnded({ method: "m", code: "OK", ms: 20 });
  engine.batchWritten({ operations: 5, units: 4, lost: 1, ms: 3 });
  engine.waitingOperations(7);
  engine.pollers("activity", 3);
  engine.readyTasks("workflow", 2);
  engine.leaseExpired("activity");
  engine.cacheLookup(true);
  engine.cacheLookup(false);
  engine.cacheSize(9, 1000);
  const lines = (await text()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'pawl_calls_total{method="m",code="OK"} 1',
      'pawl_call_duration_seconds_bucket{le="0.025",method="m"} 1',
      'pawl_call_duration_seconds_bucket{le="0.01",method="m"} 0',
      "pawl_batch_operations_sum 5",
      "pawl_batch_units_sum 4",
      "pawl_batch_units_lost_total 1",
      'pawl_batch_commit_seconds_bucket{le="0.005"} 1',
      "pawl_waiting_operations 7",
      'pawl_pollers{kind="activity"} 3',
      'pawl_ready_tasks{kind="workflow"} 2',
      'pawl_leases_expired_total{kind="activity"} 1',
      'pawl_leases_expired_total{kind="workflow"} 0',
      'pawl_cache_lookups_total{outcome="hit"} 1',
      'pawl_cache_lookups_total{outcome="miss"} 1',
      "pawl_cache_entries 9",
      "pawl_cache_bytes 1000",
    ]),
  );
});
