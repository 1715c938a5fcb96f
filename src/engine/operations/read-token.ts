/** Reading the tokens of requests. A token is good in its own namespace alone: elsewhere it is as if Pawl had not made it. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { RefusedError } from "../../core/errors.js";
import type { EngineParts } from "../parts.js";
import type { ActivityTaskToken, WorkflowTaskToken } from "../task-token.js";

/** Reads the token of a workflow task. Throws INVALID_TOKEN. */
export async function readWorkflowToken(
  parts: EngineParts,
  namespace: string,
  bytes: Uint8Array,
): Promise<WorkflowTaskToken> {
  const token = parts.tokens.readWorkflow(bytes);
  await requireNamespace(parts, namespace, token);
  return token;
}

/** Reads the token of an activity. Throws INVALID_TOKEN. */
export async function readActivityToken(
  parts: EngineParts,
  namespace: string,
  bytes: Uint8Array,
): Promise<ActivityTaskToken> {
  const token = parts.tokens.readActivity(bytes);
  await requireNamespace(parts, namespace, token);
  return token;
}

async function requireNamespace(
  parts: EngineParts,
  namespace: string,
  token: { readonly namespaceId: string },
): Promise<void> {
  const { namespaceId } = await parts.namespaces.find(namespace);
  if (token.namespaceId === namespaceId) return;
  throw new RefusedError(
    ErrorReason.INVALID_TOKEN,
    `the task token is of no task in the namespace "${namespace}": name the namespace that the task came from`,
  );
}
