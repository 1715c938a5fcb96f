/** For applications: start workflows, talk to them, look at them. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import { type GetWorkflowResponse, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  type Connection,
  type ConnectionOptions,
  createUnaryClient,
  openConnection,
  type UnaryClient,
} from "../connection.js";
import type { StartOptions } from "../start-options.js";
import { nameOf, type SignalDefinition } from "../workflow/definitions.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import type { CallParts } from "./call-parts.js";
import { createCalls } from "./calls.js";
import { type ClientInterceptor, joinInterceptors } from "./interceptors.js";
import { createReads, type Reads } from "./reads.js";
import { createSchedules, type Schedules } from "./schedules.js";
import { createStarts, type OutputOf, type SignalWithStartOptions, type WorkflowStart } from "./starts.js";
import { type Carried, createHandle, type WorkflowHandle } from "./workflow-handle.js";

/** How to make a client. */
export interface ClientOptions extends ConnectionOptions {
  /** The namespace of all calls. Default "main". */
  readonly namespace?: string;
  /** Who calls, for people. Default: process id and host. */
  readonly identity?: string;
  /** How long a call goes on trying while the server can't be reached, in milliseconds. Default 30,000. */
  readonly retryForMs?: number;
  /** What is done around each call, the first outermost. Default: nothing. */
  readonly interceptors?: readonly ClientInterceptor[];
}

/** Names a run: the open one of a workflow id, else its latest, unless a run id is given. */
export type WorkflowName = string | { readonly workflowId: string; readonly runId?: string };

/** A workflow that was started, or found by an id policy. Its result is that of this run and of those that go on for it; all else concerns the open run. */
export interface StartedWorkflow<O = unknown> extends WorkflowHandle<O> {
  readonly runId: string;
  /** True if the call started the run; false if it was there before. */
  readonly isStarted: boolean;
}

/** How to wait for a result. */
export interface WaitForResultOptions {
  /** Ends the waiting: it fails with CANCELLED. */
  readonly signal?: AbortSignal;
  /** True to wait for the end of one run, not for that of those which go on for it. Default false. */
  readonly thisRunOnly?: boolean;
}

/** How an update is sent. */
export interface UpdateOptions {
  /** Its id, by which a repeat is known. Default: one is made. */
  readonly updateId?: string;
  /** Ends the waiting: it fails with CANCELLED. The update goes on. */
  readonly signal?: AbortSignal;
}

/** How a run is asked to cancel. */
export interface CancelOptions {
  /** True to cancel its pending timers and activities as well, for code that does not do so itself. Default false. */
  readonly cancelPending?: boolean;
}

/** Where a run begins anew. */
export interface ResetOptions {
  /** The event to go back to: the end of a workflow task. */
  readonly eventId: number;
  /** Why, for people. */
  readonly reason?: string;
  /** What of that which came later is given to the new run. Default "signals-and-updates". */
  readonly reapply?: "signals-and-updates" | "signals" | "nothing";
}

/** A client of one server and namespace. Every write carries a request id and is repeated safely while the server can't be reached. */
export interface Client extends Reads {
  readonly connection: Connection;
  /** Workflows that start by the clock. */
  readonly schedules: Schedules;
  /** Starts a workflow. It is durable before this resolves. Throws a WorkflowAlreadyStartedError by the id policies. */
  start<I, O>(
    workflow: WorkflowDefinition<I, O>,
    input: I,
    options?: StartOptions,
  ): Promise<StartedWorkflow<O>>;
  /** The same for a workflow that takes no input. */
  start<O>(workflow: WorkflowDefinition<undefined, O>): Promise<StartedWorkflow<O>>;
  /** The same for a workflow that is given by its type. */
  start(workflow: string, input?: unknown, options?: StartOptions): Promise<StartedWorkflow<unknown>>;
  /** Starts many workflows, in as few requests as they fit in, and gives an outcome for each, in order: one that is refused does not touch the others. Throws nothing of theirs. */
  startMany<const W extends readonly WorkflowDefinition<never>[]>(
    starts: readonly [...{ [K in keyof W]: WorkflowStart<W[K]> }],
  ): Promise<{ -readonly [K in keyof W]: PromiseSettledResult<StartedWorkflow<OutputOf<W[K]>>> }>;
  /** Sends a signal to the open run of the workflow id, or starts one that has it from the beginning. `isStarted` tells which. */
  signalWithStart<I, O, T>(
    workflow: WorkflowDefinition<I, O>,
    input: I,
    options: SignalWithStartOptions<T>,
  ): Promise<StartedWorkflow<O>>;
  /** Starts a workflow and waits for its result. Throws a WorkflowFailedError if it ends otherwise. */
  execute<I, O>(workflow: WorkflowDefinition<I, O>, input: I, options?: StartOptions): Promise<O>;
  /** The same for a workflow that takes no input. */
  execute<O>(workflow: WorkflowDefinition<undefined, O>): Promise<O>;
  /** The same for a workflow that is given by its type. */
  execute<O = unknown>(workflow: string, input?: unknown, options?: StartOptions): Promise<O>;
  /** A workflow that was started before, to talk to; nothing is sent. Without a run id whichever run is open is meant, else the latest. */
  handle<O = unknown>(workflowId: string, runId?: string): WorkflowHandle<O>;
  /** The same, typed by the workflow. */
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
  cancel(workflow: WorkflowName, reason?: string, options?: CancelOptions): Promise<void>;
  /** Closes a run at once. */
  terminate(workflow: WorkflowName, reason?: string): Promise<void>;
  /** Gets the record of a run, with what it waits for. */
  describe(workflow: WorkflowName): Promise<GetWorkflowResponse>;
  /** Closes the connection at once: calls under way, and later ones, fail with a ClientClosedError. May be called twice. */
  close(): void;
}

/** Makes a client. It connects with its first call. */
export function createClient(options: ClientOptions = {}): Client {
  const connection = openConnection(options);
  const rpc = createUnaryClient(connection, WorkflowService);
  const schedules = createSchedules({
    ...callerOf(options),
    rpc: createUnaryClient(connection, ScheduleService),
  });
  return { connection, schedules, ...clientOf(rpc, options), close: () => connection.close() };
}

/** A client without a connection of its own. */
export type ConnectedClient = Omit<Client, "connection" | "schedules" | "close">;

/** Makes a client of whatever answers the calls. */
export function clientOf(
  rpc: UnaryClient<typeof WorkflowService>,
  options: Omit<ClientOptions, keyof ConnectionOptions> = {},
): ConnectedClient {
  const intercept = joinInterceptors(options.interceptors ?? []);
  const parts: CallParts = { ...callerOf(options), rpc, intercept };
  const calls = createCalls(parts);
  const { start, startMany, signalWithStart } = createStarts(parts, calls);

  return {
    // The overloads and types of the interface can't be told from one implementation.
    start: start as Client["start"],
    startMany: startMany as Client["startMany"],
    signalWithStart: signalWithStart as Client["signalWithStart"],
    execute: (async (...args: Parameters<typeof start>) =>
      (await start(...args)).result()) as Client["execute"],
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
    ...createReads(parts),
  };
}

/** What a client says of itself with every call. */
function callerOf(options: Omit<ClientOptions, keyof ConnectionOptions>) {
  const namespace = options.namespace ?? "main";
  const identity = options.identity ?? `${process.pid}@${hostname()}`;
  const write = () => ({ namespace, identity, requestId: randomUUID() });
  return { namespace, write, call: { retryForMs: options.retryForMs ?? 30_000 } };
}
