/** What the calls of a client share. */
import type { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { CallOptions, UnaryClient } from "../connection.js";
import type { WorkflowName } from "./client.js";
import type { Intercept } from "./interceptors.js";

/** What calls are made with. */
export interface CallParts {
  readonly rpc: UnaryClient<typeof WorkflowService>;
  readonly namespace: string;
  /** What every write says of itself. */
  readonly write: () => { namespace: string; identity: string; requestId: string };
  readonly call: { readonly retryForMs: number };
  readonly intercept: Intercept;
}

/** How long one call waits at the server. */
export const waitMs = 20_000;
const waitGraceMs = 10_000;

/** How calls that wait at the server are made. */
export function longPoll({ call }: CallParts, signal: AbortSignal | undefined): CallOptions {
  return { ...call, signal, timeoutMs: waitMs + waitGraceMs, isLongPoll: true };
}

/** A workflow's name as requests have it. */
export function refOf(workflow: WorkflowName): { workflowId: string; runId: string } {
  if (typeof workflow === "string") return { workflowId: workflow, runId: "" };
  return { workflowId: workflow.workflowId, runId: workflow.runId ?? "" };
}
