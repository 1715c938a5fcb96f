/** Why a call was refused, as its caller is told. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";

/** What a caller is told. */
export interface Refusal {
  /** The gRPC code, such as "NOT_FOUND". */
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are wrong in their form. */
  readonly fields: readonly string[];
}

/** Waits for a call to be refused, as a whole or in its only element. Throws if it is not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    return ofElement(await call);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [info] = error.findDetails(ErrorInfoSchema);
    if (info === undefined) throw error;
    const [bad] = error.findDetails(BadRequestSchema);
    const fields = bad?.fieldViolations.map(({ field }) => field) ?? [];
    return {
      code: nameOf(error.code),
      reason: info.reason,
      message: error.rawMessage,
      metadata: info.metadata,
      fields,
    };
  }
}

interface ElementError {
  readonly code: number;
  readonly reason: ErrorReason;
  readonly message: string;
  readonly metadata: Record<string, string>;
}

function ofElement(response: unknown): Refusal {
  const { outcomes } = response as { outcomes?: { outcome: { case?: string; value?: unknown } }[] };
  const [outcome] = outcomes ?? [];
  if (outcomes?.length !== 1 || outcome?.outcome.case !== "error")
    throw new Error("the call was not refused");
  const { code, reason, message, metadata } = outcome.outcome.value as ElementError;
  return { code: nameOf(code), reason: ErrorReason[reason] ?? "", message, metadata, fields: [] };
}

/** Connect names codes NotFound, gRPC NOT_FOUND. */
function nameOf(code: number): string {
  return (Code[code] ?? "").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
