/** The leases of workflow tasks, renewed while they are held. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import type { WorkerLogger } from "./logger.js";

/** The leases that a worker holds. */
export interface Leases {
  /** The tokens of all tasks in hand. */
  readonly tokens: readonly Uint8Array[];
  /** Renews the lease of a task until the returned function is called. */
  hold(task: Leased): () => void;
  /** Stops renewing. */
  stop(): void;
}

/** What is held. */
type Leased = Pick<WorkflowTask, "taskToken" | "startTime" | "deadlineTime">;

/** What leases need. */
export interface LeaseParts {
  /** How long a lease lasts, where the task does not tell. */
  readonly defaultLeaseMs: () => number;
  readonly logger: WorkerLogger;
  /** Renews leases; gives for each whether it is still held. */
  renew(tokens: readonly Uint8Array[]): Promise<readonly boolean[]>;
}

interface Lease {
  readonly token: Uint8Array;
  readonly leaseMs: number;
  /** By `performance.now()`, which no change of the clock moves. */
  renewAt: number;
}

const checkEveryMs = 500;
const maxRenewals = 1_000;

/** Makes the leases of a worker and begins to look after them. */
export function createLeases({ defaultLeaseMs, logger, renew }: LeaseParts): Leases {
  const held = new Set<Lease>();
  let isRenewing = false;

  const renewDue = async () => {
    const due = [...held].filter((lease) => lease.renewAt <= performance.now()).slice(0, maxRenewals);
    if (due.length === 0 || isRenewing) return;
    isRenewing = true;
    try {
      const results = await renew(due.map((lease) => lease.token));
      for (const [index, lease] of due.entries()) {
        // A lease that is over is not asked for again; the completion will be told so.
        if (results[index] === true) lease.renewAt = performance.now() + lease.leaseMs / 3;
        else lease.renewAt = Number.POSITIVE_INFINITY;
      }
    } catch (error) {
      logger.warn("renewing leases failed; trying again", { error: String(error) });
    } finally {
      isRenewing = false;
    }
  };
  const timer = setInterval(() => void renewDue(), checkEveryMs);
  timer.unref();

  return {
    get tokens() {
      return [...held].map((lease) => lease.token);
    },
    hold(task) {
      const leaseMs = leaseLengthMs(task) ?? defaultLeaseMs();
      const lease = { token: task.taskToken, leaseMs, renewAt: performance.now() + leaseMs / 3 };
      held.add(lease);
      return () => held.delete(lease);
    },
    stop: () => clearInterval(timer),
  };
}

/** Both times are by the server's clock, so that a worker whose clock is wrong renews in time too. */
function leaseLengthMs({ startTime, deadlineTime }: Leased): number | undefined {
  if (startTime === undefined || deadlineTime === undefined) return undefined;
  const ms = timestampMs(deadlineTime) - timestampMs(startTime);
  return ms > 0 ? ms : undefined;
}
