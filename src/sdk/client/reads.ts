/** Looking at many things: histories, lists and counts. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { type Workflow, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type { WaitingWorkflow, WorkflowFilterSchema } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { type Duration, toMs } from "../duration.js";
import { type CallParts, longPoll, refOf, waitMs } from "./call-parts.js";
import type { WorkflowName } from "./client.js";

/** Which runs are meant: conditions are AND-ed, none means all. */
export type WorkflowFilterInit = MessageInitShape<typeof WorkflowFilterSchema>;

/** How many runs there are. */
export interface WorkflowCounts {
  readonly count: number;
  /** By the name of the status, such as "RUNNING"; those with none are left out. */
  readonly byStatus: Readonly<Record<string, number>>;
}

/** Which events of a history are read. */
export interface HistoryOptions {
  /** True to go on with events as they come, until the run has closed. Default false: those that there are. */
  readonly follow?: boolean;
  /** Ends the reading: it fails with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Which runs are looked for that do not move. */
export interface WaitingOptions {
  /** Only those whose last event is at least this old. Default 1 minute. */
  readonly idleFor?: Duration;
}

/** Looks at many things. Lists are read page by page, as they are gone through. */
export interface Reads {
  /** Reads the events of a run. */
  history(workflow: WorkflowName, options?: HistoryOptions): AsyncIterable<HistoryEvent>;
  /** Lists runs, newest first. */
  list(filter?: WorkflowFilterInit): AsyncIterable<Workflow>;
  /** Counts runs, in all and by status. */
  count(filter?: WorkflowFilterInit): Promise<WorkflowCounts>;
  /** Lists the children of a run, in the order in which they were started. */
  children(workflow: WorkflowName): AsyncIterable<Workflow>;
  /** Lists open runs that do not move, and why, those that were started first coming first. */
  waiting(options?: WaitingOptions): AsyncIterable<WaitingWorkflow>;
}

const pageSize = 1_000;

/** Makes the reads. */
export function createReads(parts: CallParts): Reads {
  const { rpc, namespace, call } = parts;
  return {
    history: (workflow, options) => readHistory(parts, workflow, options),
    list: (filter = {}) =>
      allPages(async (pageToken) => {
        const page = await rpc.listWorkflows({ namespace, filter, pageSize, pageToken }, call);
        return { items: page.workflows, nextPageToken: page.nextPageToken };
      }),
    async count(filter = {}) {
      const { count, byStatus } = await rpc.countWorkflows({ namespace, filter, groupByStatus: true }, call);
      const entries = byStatus.map((entry) => [WorkflowStatus[entry.status], Number(entry.count)]);
      return { count: Number(count), byStatus: Object.fromEntries(entries) };
    },
    children: (workflow) =>
      allPages(async (pageToken) => {
        const request = { namespace, ...refOf(workflow), pageSize, pageToken };
        const page = await rpc.listChildWorkflows(request, call);
        return { items: page.workflows, nextPageToken: page.nextPageToken };
      }),
    waiting: ({ idleFor } = {}) =>
      allPages(async (pageToken) => {
        const condition = idleFor !== undefined && { idleFor: durationFromMs(toMs(idleFor)) };
        const page = await rpc.listWaiting({ namespace, pageSize, pageToken, ...condition }, call);
        return { items: page.workflows, nextPageToken: page.nextPageToken };
      }),
  };
}

/** Goes through all pages, reading one when it is needed. */
export async function* allPages<T>(
  read: (pageToken: string) => Promise<{ readonly items: readonly T[]; readonly nextPageToken: string }>,
): AsyncIterable<T> {
  for (let pageToken = ""; ; ) {
    const { items, nextPageToken } = await read(pageToken);
    yield* items;
    if (nextPageToken === "") return;
    pageToken = nextPageToken;
  }
}

/** Reads a history. Following, a page has a token for as long as the run is open, and comes empty when its time is over. */
export function readHistory(
  parts: CallParts,
  workflow: WorkflowName,
  { follow = false, signal }: HistoryOptions = {},
): AsyncIterable<HistoryEvent> {
  const { rpc, namespace } = parts;
  const wait = follow && { wait: durationFromMs(waitMs) };
  return allPages(async (pageToken) => {
    const request = { namespace, ...refOf(workflow), pageSize, pageToken, ...wait };
    const page = await rpc.getHistory(request, longPoll(parts, signal));
    return { items: page.events, nextPageToken: page.nextPageToken };
  });
}
