/** The connection to a server, and typed clients of its services over it. */
import {
  create,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client as Channel, type ClientUnaryCall, credentials, Metadata } from "@grpc/grpc-js";
import { errorFromCall, isTransient } from "./errors.js";
import { waitAbortably } from "./wait.js";

/** Where the server listens unless told otherwise. */
export const defaultAddress = "127.0.0.1:7295";

/** How to reach a server. */
export interface ConnectionOptions {
  /** Host and port. Default "127.0.0.1:7295". */
  readonly address?: string;
}

/** An open connection. It is made when the first call needs it and made anew when it breaks. */
export interface Connection {
  readonly address: string;
  readonly channel: Channel;
  /** Ends the connection; calls in flight fail with CANCELLED or UNAVAILABLE. May be called twice. */
  close(): void;
}

/** What surrounds a call. */
export interface CallOptions {
  /** Cancels the call: it fails with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /**
   * How long to go on trying while the server can't be reached or is too busy, in milliseconds. Default 0: one try. Only for calls that may be
   * repeated: reads, and writes with a request id or a task token.
   */
  readonly retryForMs?: number;
}

/** A client with a method for each unary RPC of a service. */
export type UnaryClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : never;
};

const callTimeoutMs = 30_000;

/** Opens a connection. Nothing is sent before the first call. */
export function openConnection(options: ConnectionOptions = {}): Connection {
  const address = options.address ?? defaultAddress;
  const channel = new Channel(address, credentials.createInsecure(), {
    // A server that restarts shall be found again within a second, and one that vanished without a word be noticed.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.keepalive_time_ms": 15_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.max_receive_message_length": 8 * 1024 * 1024,
    // Connections are not shared between clients of one process, so that closing one never touches another.
    "grpc.use_local_subchannel_pool": 1,
  });
  return { address, channel, close: () => channel.close() };
}

/** Makes a typed client of a service from its generated descriptor. */
export function createUnaryClient<S extends DescService>(connection: Connection, service: S): UnaryClient<S> {
  const methods = service.methods
    .filter((method): method is typeof method & DescMethodUnary => method.methodKind === "unary")
    .map((method) => [
      method.localName,
      (request: MessageInitShape<DescMethodUnary["input"]>, options: CallOptions = {}) =>
        callWithRetries(() => callOnce(connection, method, request, options), options),
    ]);
  // The descriptor gives names and types from one source, which Object.fromEntries can't express.
  return Object.fromEntries(methods) as UnaryClient<S>;
}

async function callWithRetries<T>(call: () => Promise<T>, options: CallOptions): Promise<T> {
  const giveUpAt = Date.now() + (options.retryForMs ?? 0);
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      const pauseMs = backOffMs(failures);
      if (!isTransient(error) || Date.now() + pauseMs > giveUpAt || options.signal?.aborted === true)
        throw error;
      await waitAbortably(pauseMs, options.signal);
    }
  }
}

/** The pause after a number of failures in a row: from 50 ms to 1 s, half of it random so that clients do not come back all at once. */
export function backOffMs(failures: number): number {
  const longest = Math.min(1_000, 50 * 2 ** Math.min(failures - 1, 10));
  return longest / 2 + (Math.random() * longest) / 2;
}

function callOnce(
  connection: Connection,
  method: DescMethodUnary,
  request: MessageInitShape<DescMethodUnary["input"]>,
  options: CallOptions,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    let call: ClientUnaryCall | undefined;
    const cancel = () => call?.cancel();
    call = connection.channel.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: Message) => asBuffer(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      new Metadata(),
      { deadline: Date.now() + (options.timeoutMs ?? callTimeoutMs) },
      (error, response) => {
        options.signal?.removeEventListener("abort", cancel);
        if (error) reject(errorFromCall(error));
        else if (response === undefined) reject(new Error(`${method.name} answered with nothing`));
        else resolve(response);
      },
    );
    if (options.signal?.aborted === true) cancel();
    else options.signal?.addEventListener("abort", cancel, { once: true });
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
