/** A server that answers as a test tells it to, over real gRPC. */
import { setMaxListeners } from "node:events";
import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";

type Methods = (typeof WorkerService)["method"] & (typeof WorkflowService)["method"];

/** What surrounds a call at the fake server. */
export interface FakeCall {
  /** Aborted when the caller has gone, or a worker drains. */
  readonly signal: AbortSignal;
}

/** Answers by RPC; one that is left out is answered with an empty message. */
export type FakeAnswers = {
  [M in keyof Methods]?: (
    request: MessageShape<Methods[M]["input"]>,
    call: FakeCall,
  ) => MessageInitShape<Methods[M]["output"]> | Promise<MessageInitShape<Methods[M]["output"]>>;
};

/** A refusal, with a reason as real servers give it. */
export class FakeRefusal extends Error {
  readonly code: number;
  readonly reason: string;
  readonly metadata: Record<string, string>;

  constructor(code: number, reason: string, metadata: Record<string, string> = {}) {
    super(`refused with ${reason}`);
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}

/** A running fake server. */
export interface FakeServer {
  readonly address: string;
  readonly port: number;
  stop(): void;
}

/** Starts a fake server, on a free port unless one is given. Polls that have no answer wait until their caller goes. */
export async function startFakeServer(answers: FakeAnswers, port = 0): Promise<FakeServer> {
  const server = new Server();
  const drained = new AbortController();
  setMaxListeners(0, drained.signal); // One a call.
  for (const service of [WorkerService, WorkflowService]) {
    const unary = service.methods.filter((method) => method.methodKind === "unary") as DescMethodUnary[];
    const definition = unary.map((method) => [
      method.name,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (message: never) => Buffer.from(toBinary(method.input, message)),
        requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
        responseSerialize: (message: never) => Buffer.from(toBinary(method.output, message)),
        responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
      },
    ]);
    const handlers = unary.map((method) => [
      method.name,
      (call: AnyCall, done: AnyDone) => answer({ answers, drained, method, call, done }),
    ]);
    server.addService(Object.fromEntries(definition), Object.fromEntries(handlers));
  }
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, free) =>
      error ? reject(error) : resolve(free),
    );
  });
  return { address: `127.0.0.1:${bound}`, port: bound, stop: () => server.forceShutdown() };
}

type AnyCall = ServerUnaryCall<never, never>;
type AnyDone = (error: object | null, response?: never) => void;

interface FakeRequest {
  readonly answers: FakeAnswers;
  readonly drained: AbortController;
  readonly method: DescMethodUnary;
  readonly call: AnyCall;
  readonly done: AnyDone;
}

async function answer({ answers, drained, method, call, done }: FakeRequest): Promise<void> {
  const gone = new AbortController();
  call.on("cancelled", () => gone.abort());
  if (drained.signal.aborted) gone.abort();
  drained.signal.addEventListener("abort", () => gone.abort());
  if (method.name === "DrainWorker") drained.abort();
  const handler = answers[method.localName as keyof FakeAnswers] as
    | ((request: never, call: FakeCall) => unknown)
    | undefined;
  try {
    if (handler === undefined && method.name.startsWith("Poll")) await untilGone(gone.signal);
    const response = (await handler?.(call.request, { signal: gone.signal })) ?? {};
    done(null, create(method.output, response as MessageInitShape<typeof method.output>) as never);
  } catch (error) {
    done(statusOf(error));
  }
}

/** Resolves when the caller has gone. */
export function untilGone(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function statusOf(error: unknown): object {
  if (!(error instanceof FakeRefusal)) return { code: 13, details: String(error) };
  const { code, reason, metadata: particulars, message } = error;
  const info = create(ErrorInfoSchema, { reason, domain: "pawl", metadata: particulars });
  const status = create(StatusSchema, { code, message, details: [anyPack(ErrorInfoSchema, info)] });
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: message, metadata };
}
