/** Requests to other workflows. */
import { ExternalFailureCause } from "../../../gen/pawl/v1/event_pb.js";
import { ApplicationFailure } from "../failures.js";
import { encodePayload } from "../payload.js";
import type { ExternalHandle } from "../workflow/child.js";
import { nameOf } from "../workflow/definitions.js";
import type { RunParts } from "./run-parts.js";

/** Whom a request is meant for. */
export interface Target {
  readonly namespace: string;
  readonly workflowId: string;
  /** Empty: whichever run is open. */
  readonly runId: string;
}

/** A handle of another workflow. */
export function externalHandle(
  parts: RunParts,
  workflowId: string,
  runId: string | undefined,
): ExternalHandle {
  const target = { namespace: "", workflowId, runId: runId ?? "" };
  return {
    workflowId,
    runId,
    signal: (signal, payload) => signalOther(parts, { target, childOnly: false, signal, payload }),
    cancel(reason = "") {
      const rejected = parts.waits.rejectedBefore({});
      if (rejected !== undefined) return rejected;
      const { seq } = parts.log.add({
        case: "cancelExternalWorkflow",
        value: { target, childOnly: false, reason },
      });
      return waitForDelivery(parts, seq, `the request to cancel ${workflowId}`);
    },
  };
}

/** Signals another workflow and waits until it has the signal. */
export function signalOther(
  parts: RunParts,
  request: {
    readonly target: Target;
    readonly childOnly: boolean;
    readonly signal: { readonly name: string } | string;
    readonly payload: unknown;
  },
): Promise<void> {
  const rejected = parts.waits.rejectedBefore({});
  if (rejected !== undefined) return rejected;
  const { target, childOnly } = request;
  const name = nameOf(request.signal);
  const payload = encodePayload(request.payload);
  const value = { target, childOnly, name, ...(payload && { payload }) };
  const { seq } = parts.log.add({ case: "signalExternalWorkflow", value });
  return waitForDelivery(parts, seq, `the delivery of the signal "${name}" to ${target.workflowId}`);
}

/** A request has reached the other workflow. */
export function delivered({ requests }: RunParts, seq: number): void {
  requests.get(seq)?.succeed();
  requests.delete(seq);
}

/** A request could not reach it. */
export function notDelivered({ requests }: RunParts, seq: number, failure: ApplicationFailure): void {
  requests.get(seq)?.fail(failure);
  requests.delete(seq);
}

/** Why something could not be done to another workflow. */
export function externalFailure(what: string, cause: ExternalFailureCause): ApplicationFailure {
  const type = ExternalFailureCause[cause] ?? "UNSPECIFIED";
  return new ApplicationFailure(`${what}: ${type}`, { type, isNonRetryable: true });
}

function waitForDelivery({ waits, requests }: RunParts, seq: number, what: string): Promise<void> {
  const wait = waits.open<void>(what, {}, () => {
    requests.delete(seq);
    return "reject";
  });
  requests.set(seq, wait);
  return wait.promise;
}
