/**
 * What must hold of an operation of the API, as cases that run over both fronts. A case is an entry: its name is the title of a test. The operations
 * stand in `operations.ts`, in the order of docs/operations.md; `completeness.test.ts` holds the two against each other.
 */
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import type { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import type { Scene } from "./scene.js";

/** Cases by their titles. */
export type Cases = Readonly<Record<string, (scene: Scene) => Promise<void>>>;

/** Calls that must be refused, by title: each rejects, or answers with the error of its only element. */
export type RefusedCalls = Readonly<Record<string, (scene: Scene) => Promise<unknown>>>;

/** The name of a reason, as ErrorInfo carries it. */
export type ReasonName = keyof typeof ErrorReason;

/** What must hold of one operation. */
export interface OperationContract<I extends DescMessage = DescMessage> {
  readonly rpc: DescMethodUnary<I>;
  /** What it answers, and what stands in history then. */
  readonly happy: Cases;
  /** What the same call again does: with the same request id, token or seq. For a read: that it reads the same. */
  readonly repeated: Cases;
  /** Why it is refused, beside what refuses every call. */
  readonly refused: Readonly<Partial<Record<ReasonName, RefusedCalls>>>;
  /** What a caller in another namespace sees: nothing. */
  readonly elsewhere: Cases;
  /**
   * A request that is right but for its namespace, which does not exist: NAMESPACE_NOT_FOUND, or what it says. A scene is given since a task's token must
   * be one. Left out where a request names no namespace.
   */
  readonly nowhere?: (scene: Scene) => MessageInitShape<I> | Promise<MessageInitShape<I>>;
  /** Another reason than NAMESPACE_NOT_FOUND: that of a token, which belongs to another namespace. */
  readonly nowhereReason?: ReasonName;
  /** A request that is wrong in its form, with the field that is wrong: INVALID_FIELD. */
  readonly malformed: { readonly request: MessageInitShape<I>; readonly field: string };
}

/** Writes down an operation, typed by its RPC. */
export function operation<I extends DescMessage, O extends DescMessage>(
  rpc: DescMethodUnary<I, O>,
  contract: Omit<OperationContract<I>, "rpc">,
): OperationContract {
  // The list holds operations of every type; only the case itself looks into its request.
  return { rpc, ...contract } as unknown as OperationContract;
}
