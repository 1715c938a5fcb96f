/** How bad calls are written down: what is called, and the code and the reason that its caller is told. */
import { randomUUID } from "node:crypto";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { type BadInputFixture, type CommandInit, elementRefused, refused, type Told } from "./fixture.js";

/** One bad call. */
export interface BadCall {
  readonly title: string;
  readonly code: string;
  readonly reason: string;
  /** What the error's metadata must hold, beside other things. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly call: (fixture: BadInputFixture) => Promise<Told>;
}

const { method: wk } = WorkerService;

export const payload = (json: string) => ({ body: { case: "json" as const, value: json } });
export const broken = payload("{not json");
export const large = (bytes: number) => payload(JSON.stringify("x".repeat(bytes)));
export const spec = { workflowId: "never-started", workflowType: "Sturdy" };
export const minus = { seconds: -1n };
export const unknownRun = randomUUID();
export const failure = { message: "no", kind: { case: "application" as const, value: {} } };

/** A code and a reason. */
export type Reason = readonly [code: string, reason: string];

/** A call that is refused as a whole. */
export function whole<I extends DescMessage, O extends DescMessage>(
  title: string,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I> | ((fixture: BadInputFixture) => MessageInitShape<I>),
  [code, reason]: Reason,
  metadata: Readonly<Record<string, string>> = {},
): BadCall {
  const call = (fixture: BadInputFixture) => {
    const message = typeof request === "function" ? request(fixture) : request;
    return refused(fixture.caller.call(method, message));
  };
  return { title: `${method.name}: ${title}`, code, reason, metadata, call };
}

/** A completion of the held workflow task, or under another token. */
export function completion(
  title: string,
  commands: CommandInit[],
  [code, reason]: Reason,
  metadata: Readonly<Record<string, string>> = {},
  token: (fixture: BadInputFixture) => Uint8Array = ({ held }) => held,
): BadCall {
  const call = (fixture: BadInputFixture) =>
    elementRefused(
      fixture.caller.call(wk.completeWorkflowTasks, {
        completions: [{ taskToken: token(fixture), commands }],
      }),
    );
  return { title: `CompleteWorkflowTasks: ${title}`, code, reason, metadata, call };
}

/** A call on the held activity, or under another token. */
export function activity(
  title: string,
  how: "complete" | "fail" | "heartbeat",
  [code, reason]: Reason,
  options: {
    readonly target?: (fixture: BadInputFixture) => ActivityTarget;
    readonly value?: ReturnType<typeof payload>;
    readonly namespace?: string;
  } = {},
): BadCall {
  const call = (fixture: BadInputFixture) => {
    const target = (options.target ?? ((f) => tokenTarget(f.activity)))(fixture);
    const { value = payload("1"), namespace = "" } = options;
    switch (how) {
      case "complete":
        return elementRefused(
          fixture.caller.call(wk.completeActivityTasks, {
            namespace,
            completions: [{ target, outcome: { case: "result", value } }],
          }),
        );
      case "fail":
        return elementRefused(
          fixture.caller.call(wk.failActivityTasks, {
            namespace,
            failures: [{ target, failure, heartbeatDetails: value }],
          }),
        );
      case "heartbeat":
        return elementRefused(
          fixture.caller.call(wk.heartbeatActivityTasks, {
            namespace,
            heartbeats: [{ target, details: value }],
          }),
        );
    }
  };
  return { title: `activity ${how}: ${title}`, code, reason, call };
}

type ActivityTarget =
  | { readonly case: "taskToken"; readonly value: Uint8Array }
  | {
      readonly case: "activity";
      readonly value: {
        workflowId: string;
        runId?: string;
        activity?: { case: "activityId"; value: string } | { case: "seq"; value: number };
      };
    };

export const tokenTarget = (value: Uint8Array): ActivityTarget => ({ case: "taskToken", value });
export const named = (workflowId: string, seq: number): ActivityTarget => ({
  case: "activity",
  value: { workflowId, activity: { case: "seq", value: seq } },
});
export const cut = (token: Uint8Array) => token.subarray(0, token.length - 1);
export const altered = (token: Uint8Array) =>
  token.map((byte, index) => (index === token.length - 2 ? byte ^ 1 : byte));
export const garbage = new TextEncoder().encode("a token of my own making");

export const invalidField = ["INVALID_ARGUMENT", "INVALID_FIELD"] as const;
export const invalidPayload = ["INVALID_ARGUMENT", "INVALID_PAYLOAD"] as const;
export const invalidCommand = ["INVALID_ARGUMENT", "INVALID_COMMAND"] as const;
export const invalidToken = ["INVALID_ARGUMENT", "INVALID_TOKEN"] as const;
export const invalidPageToken = ["INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"] as const;
export const workflowNotFound = ["NOT_FOUND", "WORKFLOW_NOT_FOUND"] as const;
export const namespaceNotFound = ["NOT_FOUND", "NAMESPACE_NOT_FOUND"] as const;
export const workerNotFound = ["NOT_FOUND", "WORKER_NOT_FOUND"] as const;
export const activityNotFound = ["NOT_FOUND", "ACTIVITY_NOT_FOUND"] as const;
export const workflowClosed = ["FAILED_PRECONDITION", "WORKFLOW_CLOSED"] as const;
export const workflowOpen = ["FAILED_PRECONDITION", "WORKFLOW_OPEN"] as const;
export const workerDraining = ["FAILED_PRECONDITION", "WORKER_DRAINING"] as const;
export const workflowExists = ["ALREADY_EXISTS", "WORKFLOW_EXISTS"] as const;
export const namespaceExists = ["ALREADY_EXISTS", "NAMESPACE_EXISTS"] as const;
export const namespaceInUse = ["FAILED_PRECONDITION", "NAMESPACE_IN_USE"] as const;
export const requestIdReused = ["ALREADY_EXISTS", "REQUEST_ID_REUSED"] as const;
export const staleLease = ["ABORTED", "STALE_LEASE"] as const;
export const sizeLimit = ["RESOURCE_EXHAUSTED", "SIZE_LIMIT"] as const;
export const pendingLimit = ["RESOURCE_EXHAUSTED", "PENDING_LIMIT"] as const;
