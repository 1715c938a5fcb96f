/** Listing runs that do not move, and why. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ListWaitingRequest,
  WaitingReason,
  WaitingWorkflowSchema,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { Micros, RunState } from "../../core/run-state.js";
import { isClosedStatus } from "../../core/status.js";
import { timestampOf } from "../../core/time.js";
import { readWaiting, type WaitingView } from "../../core/waiting.js";
import { workflowRecord } from "../../core/workflow-record.js";
import { findIdleRuns, type IdleRun } from "../../store/idle-runs.js";
import type { RunPosition } from "../../store/list.js";
import { loadWorkflows } from "../../store/load.js";
import type { Call } from "../engine.js";
import { readPageToken, writePageToken } from "../page-token.js";
import type { EngineParts } from "../parts.js";
import { mostPageBytes } from "../response-size.js";
import { msFromDuration } from "../time.js";
import { isRunPosition } from "./list-workflows.js";
import { openPage, type Page } from "./page.js";

/** How many runs one page looks at: rows by tens of thousands, states, each of which may be large, by far fewer. */
const most = { lookedAt: 20_000, judged: 1_000 };
const stepRuns = 1_000;
const loadedAtOnce = 20;

type WaitingInit = MessageInitShape<typeof WaitingWorkflowSchema>;

/** Which runs are listed. */
interface Ask {
  readonly namespaceId: string;
  readonly reason: WaitingReason;
  readonly idleSince: Micros;
  readonly view: WaitingView;
}

/** Lists open runs that have not moved for a while, those that were started first coming first. */
export async function listWaiting(parts: EngineParts, request: ListWaitingRequest, _call: Call) {
  const { namespaceId } = await parts.namespaces.find(request.namespace);
  const { reason, pageSize, pageToken } = request;
  const idleMs = msFromDuration(request.idleFor) ?? 0;
  const query = { waitingIn: namespaceId, reason, idleMs };
  const start = pageToken === "" ? undefined : readPageToken(pageToken, query, isRunPosition);
  const now = parts.clock.latest();
  const isPolled = await parts.seenPolls.read(namespaceId);
  const idleSince = Math.max(0, now - Math.ceil(idleMs * 1_000));
  const page = openPage(WaitingWorkflowSchema, { pageSize, maxBytes: mostPageBytes(parts) });
  const ask = { namespaceId, reason, idleSince, view: { now, isPolled } };
  const next = await fillPage(parts, ask, page, start);
  return { workflows: page.elements, nextPageToken: next === undefined ? "" : writePageToken(query, next) };
}

/** Goes through runs until the page is full, or has taken enough work. Answers where the next page goes on; undefined if there is none. */
async function fillPage(
  parts: EngineParts,
  ask: Ask,
  page: Page<WaitingInit>,
  start: RunPosition | undefined,
): Promise<RunPosition | undefined> {
  let after = start;
  let judged = 0;
  for (let lookedAt = 0; lookedAt < most.lookedAt; lookedAt += stepRuns) {
    const { namespaceId, idleSince } = ask;
    const step = await findIdleRuns(parts.database.read, { namespaceId, idleSince, after, limit: stepRuns });
    for (let first = 0; first < step.idle.length; first += loadedAtOnce) {
      if (judged >= most.judged) return after;
      const some = step.idle.slice(first, first + loadedAtOnce);
      for (const [index, waiting] of (await judge(parts, ask, some)).entries()) {
        if (waiting !== undefined && !page.add(waiting)) return after;
        after = positionOf(some[index]) ?? after;
      }
      judged += some.length;
      const isLast = step.next === undefined && first + loadedAtOnce >= step.idle.length;
      if (page.isFull()) return isLast ? undefined : after;
    }
    if (step.next === undefined) return undefined;
    after = step.next;
  }
  return after;
}

/** Loads runs, and says of each why it waits; nothing of those that have moved since they were found, or wait for something else than is asked for. */
async function judge(
  parts: EngineParts,
  ask: Ask,
  idle: readonly IdleRun[],
): Promise<(WaitingInit | undefined)[]> {
  const { namespaceId } = ask;
  const asks = idle.map(({ workflowId, runId }) => ({ namespaceId, workflowId, runId }));
  const { workflows } = await loadWorkflows(parts.database.read, asks);
  return workflows.map(({ run }) => (run === undefined ? undefined : explain(run, ask)));
}

function explain(run: RunState, { reason, idleSince, view }: Ask): WaitingInit | undefined {
  if (isClosedStatus(run.status) || run.lastEventAt > idleSince) return undefined;
  const [leading] = readWaiting(run, view);
  if (leading === undefined) return undefined;
  if (reason !== WaitingReason.UNSPECIFIED && leading.reason !== reason) return undefined;
  return { workflow: workflowRecord(run), ...leading, since: timestampOf(leading.since) };
}

function positionOf(run: IdleRun | undefined): RunPosition | undefined {
  return run === undefined ? undefined : { startedAt: run.startedAt, runId: run.runId };
}
