/** What workers do with activities. */
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import type { Payload } from "../../../gen/pawl/v1/payload_pb.js";
import type { ActivityCompletion, ActivityRef } from "../../../gen/pawl/v1/task_pb.js";
import type {
  CompleteActivityTasksRequest,
  FailActivityTasksRequest,
  HeartbeatActivityTasksRequest,
} from "../../../gen/pawl/v1/worker_service_pb.js";
import {
  checkHeartbeat,
  completeActivity as decideComplete,
  returnActivity as decideReturn,
} from "../../core/activity.js";
import { failActivity as decideFail } from "../../core/activity-retry.js";
import type { ActivityTarget } from "../../core/activity-target.js";
import { RefusedError } from "../../core/errors.js";
import { checkDetails } from "../../core/payload.js";
import { type ActivityState, type RunState, runKeyId } from "../../core/run-state.js";
import { timestampOf } from "../../core/time.js";
import { loadWorkflows } from "../../store/load.js";
import { onRun, requireRun } from "../commit/operation.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import { accepted } from "../outcome-error.js";
import type { EngineParts } from "../parts.js";
import type { ActivityTaskToken } from "../task-token.js";
import { readActivityToken } from "./read-token.js";

/** Finishes activities, with an outcome each. */
export async function completeActivityTasks(
  parts: EngineParts,
  request: CompleteActivityTasksRequest,
  call: Call,
) {
  const { workerId } = request;
  const caller = { identity: request.identity, principal: call.principal };
  const complete = async (completion: ActivityCompletion) => {
    const { place, target } = await locate(parts, request.namespace, completion.target);
    const bytes = estimateBytes(completion) + 300;
    return parts.commit.submit(
      onRun({
        bytes,
        decide: (run, context) => decideComplete(run, { target, completion, caller, workerId }, context),
        ...place,
      }),
    );
  };
  return {
    outcomes: await Promise.all(
      request.completions.map((completion) => accepted(() => complete(completion))),
    ),
  };
}

/** Fails attempts, with an outcome each. */
export async function failActivityTasks(parts: EngineParts, request: FailActivityTasksRequest, call: Call) {
  const { workerId } = request;
  const caller = { identity: request.identity, principal: call.principal };
  const outcomes = request.failures.map((report) =>
    accepted(async () => {
      const { place, target } = await locate(parts, request.namespace, report.target);
      const { failure, heartbeatDetails } = report;
      if (failure === undefined) throw new Error("a report without a failure passed validation");
      // The details outlive the attempt where those of every heartbeat are.
      if (heartbeatDetails !== undefined) await storeDetails(parts, place, target, heartbeatDetails);
      const input = { target, failure, heartbeatDetails, caller, workerId };
      const { alreadyApplied, nextAttemptAt } = await parts.commit.submit(
        onRun({ bytes: 1_000, decide: (run, context) => decideFail(run, input, context), ...place }),
      );
      return {
        alreadyApplied,
        ...(nextAttemptAt === undefined ? {} : { nextAttemptTime: timestampOf(nextAttemptAt) }),
      };
    }),
  );
  return { outcomes: await Promise.all(outcomes) };
}

/** Notes that attempts are alive, with an outcome each. */
export async function heartbeatActivityTasks(
  parts: EngineParts,
  request: HeartbeatActivityTasksRequest,
  _call: Call,
) {
  const outcomes = request.heartbeats.map((heartbeat) =>
    accepted(async () => {
      const { place, target } = await locate(parts, request.namespace, heartbeat.target);
      return beat(parts, place, target, heartbeat.details);
    }),
  );
  return { outcomes: await Promise.all(outcomes) };
}

/** Stores the last details of an attempt. Where its lease is over, the decision that follows says whether it is a repeat. */
async function storeDetails(
  parts: EngineParts,
  place: ActivityPlace,
  target: ActivityTarget,
  details: Payload,
): Promise<void> {
  try {
    await beat(parts, place, target, details);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.reason !== ErrorReason.STALE_LEASE) throw error;
  }
}

/** Stores a heartbeat. Throws STALE_LEASE. */
async function beat(
  parts: EngineParts,
  place: ActivityPlace,
  target: ActivityTarget,
  details: Payload | undefined,
) {
  checkDetails(details, "details", parts.limits);
  const { runId, seq, epoch } =
    target.kind === "fence" ? target.fence : await findLease(parts, place, target);
  const answer = await parts.heartbeats.beat({ runId, seq, epoch, details });
  if (answer === undefined) throw staleLease();
  return { isCancelRequested: answer.isCancelRequested };
}

/** The lease that an activity named from outside is under. */
async function findLease(parts: EngineParts, place: ActivityPlace, target: ActivityTarget) {
  const { workflows } = await loadWorkflows(parts.database.read, [place]);
  const run = requireRun(workflows[0] ?? { pointer: undefined, run: undefined, ...place }, place.runId);
  return { runId: run.runId, ...checkHeartbeat(run, target) };
}

function staleLease(): RefusedError {
  return new RefusedError(
    ErrorReason.STALE_LEASE,
    "the lease of this activity is over: stop the work, what it did is not recorded",
  );
}

/** Gives an activity back that its worker holds. Answers whether it was the holder's. */
export async function returnActivity(parts: EngineParts, token: ActivityTaskToken): Promise<boolean> {
  const { returned } = await parts.commit.submit(
    onRun({
      bytes: 300,
      isOwed: true,
      decide: (run, context) => decideReturn(run, { fence: token }, context),
      ...placeOf(token),
    }),
  );
  return returned;
}

/** The token of an activity's present lease. */
export function activityTokenOf(run: RunState, activity: ActivityState): ActivityTaskToken {
  const { namespaceId, workflowId, runId, version } = run;
  return {
    kind: "activity",
    namespaceId,
    workflowId,
    runId,
    seq: activity.seq,
    epoch: activity.epoch,
    version,
  };
}

/** Where an activity's run is, for an operation on it. */
export interface ActivityPlace {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId?: string;
  readonly keysIfRefused?: readonly string[];
  readonly seenVersion?: number;
}

type NamedTarget =
  | { readonly case: "taskToken"; readonly value: Uint8Array }
  | { readonly case: "activity"; readonly value: ActivityRef }
  | { readonly case: undefined };

async function locate(
  parts: EngineParts,
  namespace: string,
  named: NamedTarget,
): Promise<{ place: ActivityPlace; target: ActivityTarget }> {
  if (named.case === "taskToken") {
    const fence = await readActivityToken(parts, namespace, named.value);
    return { place: placeOf(fence), target: { kind: "fence", fence } };
  }
  if (named.case !== "activity") throw new Error("an activity without a target passed validation");
  const { namespaceId } = await parts.namespaces.find(namespace);
  const { workflowId, runId, activity } = named.value;
  const place = { namespaceId, workflowId, ...(runId === "" ? {} : { runId }) };
  if (activity.case === "activityId") return { place, target: { kind: "id", activityId: activity.value } };
  if (activity.case === "seq") return { place, target: { kind: "seq", seq: activity.value } };
  throw new RefusedError(
    ErrorReason.INVALID_FIELD,
    "the activity is not named: give its activity_id or its seq",
    { field: "activity" },
  );
}

function placeOf({ namespaceId, workflowId, runId, seq, version }: ActivityTaskToken): ActivityPlace {
  return {
    namespaceId,
    workflowId,
    runId,
    seenVersion: version,
    keysIfRefused: [runKeyId("activity", String(seq))],
  };
}
