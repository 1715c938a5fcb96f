/** For applications: start workflows, talk to them, look at them. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { type Workflow, WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type GetWorkflowResponse,
  type WorkflowFilterSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  type Connection,
  type ConnectionOptions,
  createUnaryClient,
  openConnection,
  type UnaryClient,
} from "../connection.js";
import { type StartOptions, startSpec } from "../start-options.js";
import { nameOf, type SignalDefinition } from "../workflow/definitions.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { type CallParts, createCalls, refOf } from "./calls.js";
import { type Carried, createHandle, type WorkflowHandle } from "./workflow-handle.js";

/** How to make a client. */
export interface ClientOptions extends ConnectionOptions {
  /** The namespace of all calls. Default "main". */
  readonly namespace?: string;
  /** Who calls, for people. Default: process id and host. */
  readonly identity?: string;
  /** How long a call goes on trying while the server can't be reached, in milliseconds. Default 30,000. */
  readonly retryForMs?: number;
}

/** Names a run: the open one of a workflow id, else its latest, unless a run id is given. */
export type WorkflowName = string | { readonly workflowId: string; readonly runId?: string };

/** A workflow that was started, or found by an id policy. Its result is that of this run and of those that go on for it; all else concerns the open run. */
export interface StartedWorkflow<O> extends WorkflowHandle<O> {
  readonly runId: string;
  /** True if the call started the run; false if it was there before. */
  readonly isStarted: boolean;
}

/** How to wait for a result. */
export interface WaitForResultOptions {
  /** Ends the waiting: it fails with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** How an update is sent. */
export interface UpdateOptions {
  /** Its id, by which a repeat is known. Default: one is made. */
  readonly updateId?: string;
  /** Ends the waiting: it fails with CANCELLED. The update goes on. */
  readonly signal?: AbortSignal;
}

/** Which runs are meant: conditions are AND-ed, none means all. */
export type WorkflowFilterInit = MessageInitShape<typeof WorkflowFilterSchema>;

/** How many runs there are. */
export interface WorkflowCounts {
  readonly count: number;
  /** By the name of the status, such as "RUNNING"; those with none are left out. */
  readonly byStatus: Readonly<Record<string, number>>;
}

/** A client of one server and namespace. Every write carries a request id and is repeated safely while the server can't be reached. */
export interface Client {
  readonly connection: Connection;
  /** Starts a workflow. It is durable before this resolves. */
  start<I, O>(
    workflow: WorkflowDefinition<I, O>,
    input: I,
    options?: StartOptions,
  ): Promise<StartedWorkflow<O>>;
  start(workflow: string, input?: unknown, options?: StartOptions): Promise<StartedWorkflow<unknown>>;
  /** Starts a workflow and waits for its result. */
  execute<I, O>(workflow: WorkflowDefinition<I, O>, input: I, options?: StartOptions): Promise<O>;
  /** A workflow that was started before, to talk to; nothing is sent. Without a run id whichever run is open is meant, else the latest. */
  handle<O = unknown>(workflowId: string, runId?: string): WorkflowHandle<O>;
  handle<I, O>(workflow: WorkflowDefinition<I, O>, workflowId: string, runId?: string): WorkflowHandle<O>;
  /** Waits for the result of a workflow, following retries and continue-as-new. Throws a WorkflowFailedError if it ends otherwise. */
  result<O = unknown>(workflow: WorkflowName, options?: WaitForResultOptions): Promise<O>;
  /** Sends a signal. It is durable before this resolves. */
  signal<T>(
    workflow: WorkflowName,
    signal: SignalDefinition<T> | string,
    ...payload: Carried<T>
  ): Promise<void>;
  /** Asks a run to cancel; its code decides what to do. */
  cancel(workflow: WorkflowName, reason?: string): Promise<void>;
  /** Closes a run at once. */
  terminate(workflow: WorkflowName, reason?: string): Promise<void>;
  /** Gets the record of a run, with what it waits for. */
  describe(workflow: WorkflowName): Promise<GetWorkflowResponse>;
  /** Reads the events of a run, all pages. */
  history(workflow: WorkflowName): AsyncIterable<HistoryEvent>;
  /** Lists runs, newest first, all pages. */
  list(filter?: WorkflowFilterInit): AsyncIterable<Workflow>;
  /** Counts runs, in all and by status. */
  count(filter?: WorkflowFilterInit): Promise<WorkflowCounts>;
  /** Closes the connection. May be called twice. */
  close(): void;
}

const pageSize = 1_000;

/** Makes a client. It connects with its first call. */
export function createClient(options: ClientOptions = {}): Client {
  const connection = openConnection(options);
  const rpc = createUnaryClient(connection, WorkflowService);
  return { connection, ...clientOf(rpc, options), close: () => connection.close() };
}

/** A client without a connection of its own. */
export type ConnectedClient = Omit<Client, "connection" | "close">;

/** Makes a client of whatever answers the calls. */
export function clientOf(
  rpc: UnaryClient<typeof WorkflowService>,
  options: Omit<ClientOptions, keyof ConnectionOptions> = {},
): ConnectedClient {
  const namespace = options.namespace ?? "main";
  const identity = options.identity ?? `${process.pid}@${hostname()}`;
  const call = { retryForMs: options.retryForMs ?? 30_000 };
  const write = () => ({ namespace, identity, requestId: randomUUID() });
  const calls = createCalls({ rpc, namespace, write, call });

  async function start(
    workflow: WorkflowDefinition | string,
    input?: unknown,
    startOptions: StartOptions = {},
  ): Promise<StartedWorkflow<unknown>> {
    const spec = startSpec(typeof workflow === "string" ? workflow : workflow.type, input, startOptions);
    const { workflowId, runId, isStarted } = await rpc.startWorkflow({ ...write(), spec }, call);
    const result = (wait?: WaitForResultOptions) => calls.result({ workflowId, runId }, wait);
    return { ...createHandle(calls, workflowId), runId, isStarted, result };
  }

  return {
    // The overloads of the interface can't be told from one implementation.
    start: start as Client["start"],
    execute: async (workflow, input, startOptions) => {
      const started = await start(workflow as WorkflowDefinition, input, startOptions);
      return (await started.result()) as never;
    },
    handle: ((workflow: WorkflowDefinition | string, ...ids: string[]) =>
      createHandle(
        calls,
        ...((typeof workflow === "string" ? [workflow, ...ids] : ids) as [string]),
      )) as Client["handle"],
    result: calls.result as Client["result"],
    signal: (workflow, signal, ...[payload]) => calls.signal(workflow, nameOf(signal), payload),
    cancel: calls.cancel,
    terminate: calls.terminate,
    describe: calls.describe,
    ...lists(rpc, namespace, call),
  };
}

function lists(
  rpc: CallParts["rpc"],
  namespace: string,
  call: CallParts["call"],
): Pick<Client, "history" | "list" | "count"> {
  return {
    async *history(workflow) {
      for (let pageToken = ""; ; ) {
        const page = await rpc.getHistory({ namespace, ...refOf(workflow), pageSize, pageToken }, call);
        yield* page.events;
        if (page.nextPageToken === "") return;
        pageToken = page.nextPageToken;
      }
    },
    async *list(filter = {}) {
      for (let pageToken = ""; ; ) {
        const page = await rpc.listWorkflows({ namespace, filter, pageSize, pageToken }, call);
        yield* page.workflows;
        if (page.nextPageToken === "") return;
        pageToken = page.nextPageToken;
      }
    },
    async count(filter = {}) {
      const { count, byStatus } = await rpc.countWorkflows({ namespace, filter, groupByStatus: true }, call);
      const entries = byStatus.map((entry) => [WorkflowStatus[entry.status], Number(entry.count)]);
      return { count: Number(count), byStatus: Object.fromEntries(entries) };
    },
  };
}
