import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { type BadRequest, BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";

/** A refused call, as a test looks at it. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
}

/** Calls over gRPC, as a client in any language would. */
export interface GrpcCaller {
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: grpc.CallOptions,
  ): Promise<MessageShape<O>>;
  /** Sends any bytes as the request. */
  callRaw<O extends DescMessage>(
    method: DescMethodUnary<DescMessage, O>,
    bytes: Uint8Array,
  ): Promise<MessageShape<O>>;
  close(): void;
}

/** Makes a caller with a connection of its own. */
export function grpcCaller(address: string): GrpcCaller {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_send_message_length": -1,
  });
  const callRaw = <O extends DescMessage>(
    method: DescMethodUnary<DescMessage, O>,
    bytes: Uint8Array,
    options: grpc.CallOptions = {},
  ) =>
    new Promise<MessageShape<O>>((resolve, reject) => {
      client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (request: Uint8Array) => Buffer.from(request),
        (response) => fromBinary(method.output, response),
        bytes,
        new grpc.Metadata(),
        options,
        (error, response) => {
          if (error !== null) reject(error);
          else if (response !== undefined) resolve(response);
        },
      );
    });
  return {
    callRaw,
    call: (method, request, options) =>
      callRaw(method, toBinary(method.input, create(method.input, request)), options),
    close: () => client.close(),
  };
}

/** Waits for a call to be refused, and reads why. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (error: grpc.ServiceError) => error,
  );
  if (error === undefined) throw new Error("the call was not refused");
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const { details } = Buffer.isBuffer(bytes) ? fromBinary(StatusSchema, bytes) : { details: [] };
  let reason: string | undefined;
  let metadata: Readonly<Record<string, string>> = {};
  let bad: BadRequest | undefined;
  for (const any of details) {
    const info = anyUnpack(any, ErrorInfoSchema);
    if (info !== undefined) ({ reason, metadata } = info);
    bad ??= anyUnpack(any, BadRequestSchema);
  }
  const fields = bad?.fieldViolations.map(({ field }) => field) ?? [];
  return { code: error.code, message: error.details, reason, metadata, fields };
}
