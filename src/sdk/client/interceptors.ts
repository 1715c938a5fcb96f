/** What others do around the calls of a client, such as tracing. */

/** What an application asks for. */
export type ClientOperation =
  | "start"
  | "startMany"
  | "signalWithStart"
  | "result"
  | "signal"
  | "query"
  | "update"
  | "cancel"
  | "terminate"
  | "reset"
  | "delete"
  | "describe";

/** A call of an application, on its way to the server. Interceptors may change its input and headers; all else is for information. */
export interface ClientCall {
  readonly operation: ClientOperation;
  /** The type of a workflow that is started, or the name of a signal, query or update; else empty. */
  readonly name: string;
  /** Undefined: the start of a workflow whose id is yet to be made, or of many. */
  readonly workflowId: string | undefined;
  /** Undefined: whichever run is open, else the latest. */
  readonly runId: string | undefined;
  /** What it carries; for a start of many the list of their inputs, whose length must stay. */
  readonly input: unknown;
  /** Values that travel along with starts, signals, queries and updates. Those of a start are in `ctx.info.headers`, and in `info.headers` of the run's activities. */
  readonly headers: Readonly<Record<string, unknown>>;
}

/**
 * Does something around each call of a client: `(call, next) => next(call)`. The first of a list is the outermost. A call goes through once, however often it is tried:
 * repeats happen behind `next`, which throws when they are used up. Pages of lists and histories, counts and schedules do not come this way.
 */
export type ClientInterceptor = (
  call: ClientCall,
  next: (call: ClientCall) => Promise<unknown>,
) => Promise<unknown>;

/** Does a call by way of all interceptors. */
export type Intercept = <T>(
  call: Pick<ClientCall, "operation"> & Partial<ClientCall>,
  perform: (call: ClientCall) => Promise<T>,
) => Promise<T>;

/** Joins interceptors to one way. */
export function joinInterceptors(interceptors: readonly ClientInterceptor[]): Intercept {
  return (call, perform) => {
    const way = interceptors.reduceRight<(call: ClientCall) => Promise<unknown>>(
      (next, interceptor) => async (call) => interceptor(call, next),
      perform,
    );
    const blank = { name: "", workflowId: undefined, runId: undefined, input: undefined, headers: {} };
    // An interceptor passes on what it is given; one that does not has told TypeScript that it knows better.
    return way({ ...blank, ...call }) as ReturnType<typeof perform>;
  };
}
