/**
 * All RPCs, and the chain that every call goes through, whichever server it came in by: decoding, who calls, size and form, the handler, errors,
 * metrics and log.
 */
import { randomUUID } from "node:crypto";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
} from "@bufbuild/protobuf";
import { Code } from "../../gen/google/rpc/code_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../core/errors.js";
import type { Engine } from "../engine/engine.js";
import type { Logger } from "../engine/logger.js";
import { createCallsInFlight } from "./calls-in-flight.js";
import { type CallError, describeError, reasonName } from "./errors.js";
import type { AnyHandler } from "./handler.js";
import { namespaceHandlers } from "./namespace-handlers.js";
import { scheduleHandlers } from "./schedule-handlers.js";
import { validate } from "./validation.js";
import { workerHandlers } from "./worker-handlers.js";
import { workflowHandlers } from "./workflow-handlers.js";

/** A call, as a server took it in. */
export interface IncomingCall {
  /** The request, encoded or decoded. */
  readonly request: Uint8Array | Message;
  /** Aborted by the server when the caller has gone, and by the service when it waits no more. */
  readonly controller: AbortController;
  /** When the caller stops waiting, in milliseconds of `Date.now()`. Undefined: never. */
  readonly deadlineAt: number | undefined;
  /** Reads a header that the caller sent. */
  header(name: string): string | undefined;
}

/** How a call ended. */
export type CallResult<T> = { readonly kind: "answer"; readonly response: T } | CallRefused;
type CallRefused = { readonly kind: "error"; readonly error: CallError };

/** Is told of every call as it ends. */
export interface CallMetrics {
  callEnded(call: { method: string; code: string; ms: number }): void;
}

/** What the service is built of. */
export interface ServiceParts {
  readonly engine: Engine;
  readonly logger: Logger;
  readonly metrics: CallMetrics;
  /** The largest request, in bytes. */
  readonly maxRequestBytes: number;
  /** Tells who calls, or throws. Left out: nobody is asked who they are. */
  readonly authenticate?: (call: IncomingCall) => Promise<string>;
}

/** The service, for a server to put on the wire. */
export interface Service {
  readonly descriptors: readonly DescService[];
  readonly maxRequestBytes: number;
  /** Handles a call, and makes of its response what the server sends. Never throws. */
  handle<T>(
    method: DescMethod,
    call: IncomingCall,
    encode: (schema: DescMessage, response: Message) => T,
  ): Promise<CallResult<T>>;
  /** Refuses a call that never got as far as a request, such as one that can't be decoded. */
  refuse(method: DescMethod, error: unknown): CallRefused;
  /** Ends what waits, now and from now on, with an empty answer. */
  drain(): void;
  /** Resolves when no call is being handled. */
  whenIdle(): Promise<void>;
}

const descriptors = [WorkflowService, WorkerService, ScheduleService, NamespaceService] as const;

/** Builds the service on an engine. */
export function createService(parts: ServiceParts): Service {
  const handlers = tableOf(parts.engine);
  const inFlight = createCallsInFlight();

  async function answer(method: DescMethod, incoming: IncomingCall): Promise<Message> {
    const handler = handlers.get(method);
    if (handler === undefined) throw new Error(`${nameOf(method)} has no handler`);
    const principal = (await parts.authenticate?.(incoming)) ?? "";
    const request = decode(method.input, incoming.request, parts.maxRequestBytes);
    const violations = validate(method.input, request);
    return inFlight.run(incoming, async () => {
      const call = { principal, signal: incoming.controller.signal, deadlineAt: incoming.deadlineAt };
      return create(method.output, await handler.handle(request, call, violations));
    });
  }

  /** Counts and logs a call that was refused, and says what its caller is told. */
  function refuse(method: DescMethod, error: unknown, startedAt: number, requestId: string): CallRefused {
    const told = describeError(error);
    const name = nameOf(method);
    count(method, told.code, startedAt);
    if (told.code !== Code.INTERNAL) {
      parts.logger.debug("a call was refused", { method: name, requestId, reason: reasonName(told.reason) });
      return { kind: "error", error: told };
    }
    parts.logger.error("a call failed by a fault of the server", { method: name, requestId, error });
    return { kind: "error", error: { ...told, metadata: { request_id: requestId } } };
  }

  function count(method: DescMethod, code: Code, startedAt: number): void {
    const ms = performance.now() - startedAt;
    parts.metrics.callEnded({ method: nameOf(method), code: Code[code] ?? String(code), ms });
  }

  return {
    descriptors,
    maxRequestBytes: parts.maxRequestBytes,
    async handle(method, incoming, encode) {
      const startedAt = performance.now();
      try {
        const response = encode(method.output, await answer(method, incoming));
        count(method, Code.OK, startedAt);
        return { kind: "answer", response };
      } catch (error) {
        return refuse(method, error, startedAt, requestIdOf(incoming));
      }
    },
    refuse: (method, error) => refuse(method, error, performance.now(), randomUUID()),
    drain: inFlight.drain,
    whenIdle: inFlight.whenIdle,
  };
}

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** The id by which the log can be searched: the caller's, if it has a form that a log can take, else a new one. */
function requestIdOf(call: IncomingCall): string {
  const given = call.header("x-request-id");
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** The error of a request that is larger than it may be. */
export function requestTooLarge(limit: number, actual?: number): RefusedError {
  const size = actual === undefined ? "" : ` with ${actual} bytes`;
  return new RefusedError(
    ErrorReason.SIZE_LIMIT,
    `the request${size} is larger than the ${limit} bytes that it may have; send it in parts, or keep large data elsewhere`,
    { field: "request", limit: String(limit), ...(actual === undefined ? {} : { actual: String(actual) }) },
  );
}

/** The error of a request that is not what its schema says. */
export function undecodable(schema: DescMessage, why: string): RefusedError {
  return new RefusedError(ErrorReason.INVALID_FIELD, `the request is no ${schema.typeName}: ${why}`, {
    field: "request",
  });
}

function decode(schema: DescMessage, request: Uint8Array | Message, limit: number): Message {
  if (!(request instanceof Uint8Array)) return request;
  if (request.byteLength > limit) throw requestTooLarge(limit, request.byteLength);
  try {
    return fromBinary(schema, request);
  } catch (error) {
    throw undecodable(schema, error instanceof Error ? error.message : String(error));
  }
}

function tableOf(engine: Engine): Map<DescMethod, AnyHandler> {
  const table = new Map<DescMethod, AnyHandler>();
  const add = (service: DescService, handlers: Readonly<Record<string, AnyHandler | undefined>>) => {
    for (const [name, handler] of Object.entries(handlers)) {
      const method = service.method[name];
      if (method !== undefined && handler !== undefined) table.set(method, handler);
    }
  };
  // The descriptors have typed each handler; from here on all are treated alike.
  add(WorkflowService, workflowHandlers(engine) as Readonly<Record<string, AnyHandler>>);
  add(WorkerService, workerHandlers(engine) as Readonly<Record<string, AnyHandler>>);
  add(ScheduleService, scheduleHandlers(engine) as Readonly<Record<string, AnyHandler>>);
  add(NamespaceService, namespaceHandlers(engine) as Readonly<Record<string, AnyHandler>>);
  return table;
}
