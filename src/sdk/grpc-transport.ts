/** Calls over gRPC on HTTP/2. */
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  Client as Channel,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { errorOfRefusal, type PawlError, serverUnreachable, unanswered } from "./errors.js";
import { maxAnswerBytes, type Transport, type TransportCall } from "./transport.js";

/** Makes a transport; nothing is sent yet. */
export function createGrpcTransport(address: string): Transport {
  const channel = new Channel(address, credentials.createInsecure(), {
    // A server that restarts shall be found again within a second, and one that vanished without a word be noticed.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.keepalive_time_ms": 15_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.max_receive_message_length": maxAnswerBytes,
    // Connections are not shared between clients of one process, so that closing one never touches another.
    "grpc.use_local_subchannel_pool": 1,
  });
  return { send: (call) => send(channel, address, call), close: () => channel.close() };
}

function send(
  channel: Channel,
  address: string,
  { method, request, timeoutMs, signal }: TransportCall,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    let call: ClientUnaryCall | undefined;
    const cancel = () => call?.cancel();
    call = channel.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: Message) => asBuffer(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      request,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        signal.removeEventListener("abort", cancel);
        if (error) reject(errorFromCall(error, address, timeoutMs));
        else if (response === undefined) reject(new Error(`${method.name} answered with nothing`));
        else resolve(response);
      },
    );
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}

function errorFromCall(error: ServiceError, address: string, timeoutMs: number): PawlError {
  const info = readErrorInfo(error);
  if (info === undefined && error.code === status.UNAVAILABLE) {
    return serverUnreachable(address, error.details, { cause: error });
  }
  if (info === undefined && error.code === status.DEADLINE_EXCEEDED) {
    return unanswered(address, timeoutMs, { cause: error });
  }
  const fields = { code: error.code, reason: info?.reason ?? "", metadata: info?.metadata ?? {} };
  return errorOfRefusal(error.details, fields, { cause: error });
}

function readErrorInfo(error: ServiceError) {
  const bytes = error.metadata?.get("grpc-status-details-bin")[0];
  if (bytes === undefined || typeof bytes === "string") return undefined;
  try {
    const { details } = fromBinary(StatusSchema, bytes);
    return details.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((info) => info !== undefined);
  } catch {
    return undefined; // Details that can't be read tell nothing; code and message still do.
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
