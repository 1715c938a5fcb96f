/** The worker as the server knows it. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { WorkerSpecSchema } from "../../../gen/pawl/v1/worker_pb.js";
import type { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { backOffMs, type UnaryClient } from "../connection.js";
import { isTransient, PawlError } from "../errors.js";
import { waitAbortably } from "../wait.js";
import type { WorkerLogger } from "./logger.js";

/** A worker that the server knows. */
export interface Registration {
  /** How long a workflow task may be held without renewing it, where the run does not say otherwise. */
  readonly workflowTaskTimeoutMs: number;
  /** How often to call HeartbeatWorker. */
  readonly heartbeatIntervalMs: number;
  /** Registers, trying until the server is there or the signal is aborted. Throws if the server refuses the worker. */
  register(signal: AbortSignal): Promise<void>;
  /** Makes a call that names the worker; registers again, and repeats the call once, if the server does not know it. */
  call<T>(call: () => Promise<T>): Promise<T>;
}

/** What a registration needs. */
export interface RegistrationParts {
  readonly rpc: UnaryClient<typeof WorkerService>;
  readonly namespace: string;
  /** What the worker is, asked for at each registration. */
  describe(): MessageInitShape<typeof WorkerSpecSchema>;
  readonly logger: WorkerLogger;
}

/** Makes a registration; nothing is sent yet. */
export function createRegistration({ rpc, namespace, describe, logger }: RegistrationParts): Registration {
  let workflowTaskTimeoutMs = 10_000;
  let heartbeatIntervalMs = 30_000;
  let underWay: Promise<void> | undefined;

  const registerOnce = async () => {
    const answer = await rpc.registerWorker({ namespace, worker: describe() });
    if (answer.workflowTaskTimeout) workflowTaskTimeoutMs = durationMs(answer.workflowTaskTimeout);
    if (answer.heartbeatInterval) heartbeatIntervalMs = durationMs(answer.heartbeatInterval);
  };
  const registerAgain = () => {
    underWay ??= registerOnce().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };

  return {
    get workflowTaskTimeoutMs() {
      return workflowTaskTimeoutMs;
    },
    get heartbeatIntervalMs() {
      return heartbeatIntervalMs;
    },
    async register(signal) {
      for (let failures = 1; !signal.aborted; failures++) {
        try {
          return await registerAgain();
        } catch (error) {
          if (signal.aborted) return;
          if (!isTransient(error)) throw error;
          if (failures === 1)
            logger.warn("the server can't be reached; trying until it can", { error: error.message });
          await waitAbortably(backOffMs(failures), signal);
        }
      }
    },
    async call(call) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof PawlError) || error.reason !== "WORKER_NOT_FOUND") throw error;
        await registerAgain();
        logger.info("registered again, since the server did not know this worker", {});
        return await call();
      }
    },
  };
}
