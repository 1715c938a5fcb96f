/** One workflow, as applications talk to it. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import type { GetWorkflowResponse } from "../../../gen/pawl/v1/workflow_service_pb.js";
import {
  nameOf,
  type QueryDefinition,
  type SignalDefinition,
  type UpdateDefinition,
} from "../workflow/definitions.js";
import type { Calls } from "./calls.js";
import type { CancelOptions, ResetOptions, UpdateOptions, WaitForResultOptions } from "./client.js";
import type { HistoryOptions } from "./reads.js";
import type { UpdateHandle } from "./updates.js";

/** One workflow, or one of its runs. All writes are durable before they resolve. Calls throw a PawlError when they are refused. */
export interface WorkflowHandle<O = unknown> {
  readonly workflowId: string;
  /** The run that is meant, or that was started; undefined: whichever is open, else the latest. */
  readonly runId: string | undefined;
  /** Waits for the result, following retries and continue-as-new. Throws a WorkflowFailedError if the workflow ends otherwise. */
  result(options?: WaitForResultOptions): Promise<O>;
  /** Sends a signal. */
  signal<T>(signal: SignalDefinition<T> | string, ...payload: Carried<T>): Promise<void>;
  /** Asks the code, which answers by its state as it is. Throws the handler's failure, or a PawlError such as NO_WORKER. */
  query<R, A>(query: QueryDefinition<R, A> | string, ...input: Carried<A>): Promise<R>;
  /** Sends an update and waits for its answer. Throws the failure with which it was rejected or answered. */
  update<R, A>(
    update: UpdateDefinition<R, A> | string,
    ...input: [...Carried<A>, options?: UpdateOptions]
  ): Promise<R>;
  /** Sends an update and waits until the run has accepted it. Throws the failure with which it was rejected, or has been answered by then. */
  startUpdate<R, A>(
    update: UpdateDefinition<R, A> | string,
    ...input: [...Carried<A>, options?: UpdateOptions]
  ): Promise<UpdateHandle<R>>;
  /** An update that was sent before, to wait for its answer; nothing is sent. */
  updateHandle<R = unknown>(updateId: string): UpdateHandle<R>;
  /** Asks the run to cancel; its code decides what to do. */
  cancel(reason?: string, options?: CancelOptions): Promise<void>;
  /** Closes the run at once. */
  terminate(reason?: string): Promise<void>;
  /** Gets the record of the run, with what it waits for. */
  describe(): Promise<GetWorkflowResponse>;
  /** Reads the events of the run, page by page as they are gone through. */
  history(options?: HistoryOptions): AsyncIterable<HistoryEvent>;
  /**
   * Starts a new run from an event of this one, which is terminated if it is open; what came before is replayed. Gives the run id of the new run. For code that went
   * wrong and was put right.
   */
  reset(options: ResetOptions): Promise<string>;
  /** Deletes the run, which must be closed, with its history. */
  delete(): Promise<void>;
}

/** What is given along: nothing for what carries nothing, and as one likes where that is not known. */
export type Carried<T> = undefined extends T ? [value?: T] : [value: T];

/** Makes a handle; nothing is sent. */
export function createHandle(calls: Calls, workflowId: string, runId?: string): WorkflowHandle {
  const workflow = runId === undefined ? workflowId : { workflowId, runId };
  return {
    workflowId,
    runId,
    result: (options) => calls.result(workflow, options),
    signal: (signal, ...[payload]) => calls.signal(workflow, nameOf(signal), payload),
    query: (query, ...[input]) => calls.query(workflow, nameOf(query), input) as Promise<never>,
    update: (update, ...[input, options]) =>
      calls.update(workflow, nameOf(update), input, options as UpdateOptions | undefined) as Promise<never>,
    startUpdate: (update, ...[input, options]) =>
      calls.startUpdate(
        workflow,
        nameOf(update),
        input,
        options as UpdateOptions | undefined,
      ) as Promise<never>,
    updateHandle: (updateId) => calls.updateHandle(workflow, updateId) as UpdateHandle<never>,
    history: (options) => calls.history(workflow, options),
    cancel: (reason, options) => calls.cancel(workflow, reason, options),
    terminate: (reason) => calls.terminate(workflow, reason),
    describe: () => calls.describe(workflow),
    reset: (options) => calls.reset(workflow, options),
    delete: () => calls.delete(workflow),
  };
}
