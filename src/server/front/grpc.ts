/** The gRPC side of the port: HTTP/2 connections, handed over as they come in. */

import type { Http2ServerRequest } from "node:http2";
import type { Socket } from "node:net";
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.js";
import { deadlineExceeded } from "../../service/calls-in-flight.js";
import { type CallError, describeError, toStatus } from "../../service/errors.js";
import { requestTooLarge, type Service } from "../../service/service.js";
import { addReflection } from "./reflection.js";

const keepaliveMs = 10_000;
const keepaliveTimeoutMs = 10_000;
const detailsKey = "grpc-status-details-bin";

/** The gRPC server behind the port. */
export interface GrpcFront {
  take(socket: Socket): void;
  setServing(isServing: boolean): void;
  /** Asks every client to go: no new calls, open ones go on. */
  close(): void;
  /** Cuts what is left. */
  destroy(): void;
}

/** Makes the gRPC server of a service, with reflection and health. */
export function createGrpcFront(service: Service): GrpcFront {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": service.maxRequestBytes,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
    interceptors: [detailInterceptor(service.maxRequestBytes)],
  });
  explainWrongPairing(server);
  for (const descriptor of service.descriptors)
    server.addService(definitionOf(descriptor), implementationOf(descriptor, service));
  addReflection(server);
  const names = ["", ...service.descriptors.map(({ typeName }) => typeName)];
  const health = new HealthImplementation();
  const setServing = (isServing: boolean) => {
    for (const name of names) health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
  };
  setServing(true);
  health.addToServer(server);
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  return {
    take: (socket) => injector.injectConnection(socket),
    setServing,
    close: () => injector.destroy(),
    destroy: () => server.forceShutdown(),
  };
}

function definitionOf(descriptor: DescService): grpc.ServiceDefinition {
  return Object.fromEntries(descriptor.methods.map((method) => [method.localName, methodDefinition(method)]));
}

/** Requests are decoded by the chain, so that one which can't be is answered like any other bad request. */
function methodDefinition(method: DescMethod): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function implementationOf(descriptor: DescService, service: Service): grpc.UntypedServiceImplementation {
  return Object.fromEntries(descriptor.methods.map((method) => [method.localName, unary(method, service)]));
}

function unary(method: DescMethod, service: Service): grpc.handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const controller = new AbortController();
    const abort = () => controller.abort(callerIsGone);
    if (call.cancelled) abort();
    else call.once("cancelled", abort);
    const incoming = {
      request: call.request,
      controller,
      deadlineAt: deadlineOf(call),
      header: (name: string) => headerOf(call.metadata, name),
    };
    void service.handle(method, incoming, encode).then((result) => {
      // A call that ends counts as cancelled too.
      call.off("cancelled", abort);
      if (result.kind === "answer") callback(null, result.response);
      else callback(toServiceError(result.error));
    });
  };
}

/** One for all: an abort that makes its own DOMException is dear. */
const callerIsGone = new Error("the caller has gone");

function deadlineOf(call: grpc.ServerUnaryCall<Buffer, Buffer>): number | undefined {
  const deadline = call.getDeadline();
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(at) ? at : undefined;
}

function headerOf(metadata: grpc.Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value : undefined;
}

function encode(schema: DescMessage, response: Message): Buffer {
  return asBuffer(toBinary(schema, response));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toServiceError(error: CallError): Partial<grpc.StatusObject> {
  return { code: statusByNumber(error.code), details: error.message, metadata: detailsMetadata(error) };
}

/** grpc-js numbers its codes as google.rpc.Code does, which is where they come from. */
function statusByNumber(code: number): grpc.status {
  return code in grpc.status ? code : grpc.status.UNKNOWN;
}

function detailsMetadata(error: CallError): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set(detailsKey, asBuffer(toBinary(StatusSchema, toStatus(error))));
  return metadata;
}

type StatusToSend = Parameters<grpc.ServerInterceptingCall["sendStatus"]>[0];

/** grpc-js ends some calls by itself, before or beside the handler. They get the reason that such an end has everywhere else. */
function detailInterceptor(maxRequestBytes: number): grpc.ServerInterceptor {
  return (_method, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (status) => sendStatus(withDetails(status, maxRequestBytes));
    // The call itself, as without interceptors: another one around it would only pass everything on.
    return call as grpc.ServerInterceptingCall;
  };
}

function withDetails(status: StatusToSend, maxRequestBytes: number): StatusToSend {
  const isDetailed = (status.metadata?.get(detailsKey).length ?? 0) > 0;
  if (isDetailed) return status;
  const error = errorOfCode(status.code, maxRequestBytes);
  if (error === undefined) return status;
  return { code: status.code, details: error.message, metadata: detailsMetadata(error) };
}

function errorOfCode(code: grpc.status, maxRequestBytes: number): CallError | undefined {
  if (code === grpc.status.RESOURCE_EXHAUSTED) return describeError(requestTooLarge(maxRequestBytes));
  if (code === grpc.status.DEADLINE_EXCEEDED) return describeError(deadlineExceeded());
  return undefined;
}

/**
 * grpc-js answers what is not gRPC with a bare 415. Its check is private; it is replaced by one that says what would work. Should a later version of it not
 * look here any more, the bare answer is back, and a test fails.
 */
function explainWrongPairing(server: grpc.Server): void {
  Object.defineProperty(server, "_verifyContentType", {
    value(stream: Http2ServerRequest["stream"], headers: Http2ServerRequest["headers"]): boolean {
      const contentType = headers["content-type"] ?? "";
      if (contentType.startsWith("application/grpc") && !contentType.startsWith("application/grpc-web"))
        return true;
      stream.respond({ ":status": 415, "content-type": "application/json" });
      stream.end(JSON.stringify({ code: "unimplemented", message: wrongPairing }));
      return false;
    },
  });
}

const wrongPairing =
  "without TLS, HTTP/2 on this port speaks gRPC only: use HTTP/1.1 for Connect, gRPC-Web and plain HTTP (with curl: leave out --http2-prior-knowledge)";
