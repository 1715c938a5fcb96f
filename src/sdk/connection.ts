/** The connection to a server, and typed clients of its services over it. */
import {
  create,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { createConnectTransport } from "./connect-transport.js";
import { clientClosed, isTransient, PawlError } from "./errors.js";
import { createGrpcTransport } from "./grpc-transport.js";
import { type DataConverter, decodeMessage, encodeMessage } from "./payload-codec.js";
import type { Transport } from "./transport.js";
import { waitAbortably } from "./wait.js";

/** Where the server listens unless told otherwise. */
export const defaultAddress = "127.0.0.1:7295";

/** How to reach a server. */
export interface ConnectionOptions {
  /** Host and port. Default "127.0.0.1:7295". */
  readonly address?: string;
  /**
   * What calls are carried by: gRPC over HTTP/2, or the Connect protocol over HTTP/1.1 for where proxies let nothing else through. Errors and retries are the
   * same. Default "grpc", which costs less.
   */
  readonly transport?: "grpc" | "connect";
  /** How values become what the server keeps, such as encrypted. Default: as JSON that it can read. */
  readonly dataConverter?: DataConverter;
}

/** A connection to a server. It is made when the first call needs it and made anew, with back-off, when it breaks. */
export interface Connection {
  readonly address: string;
  readonly transport: Transport;
  readonly dataConverter: DataConverter;
  /** The calls under way, to be ended. Undefined: the connection is closed. */
  readonly underWay: Set<AbortController> | undefined;
  /** Ends the connection at once: calls under way, and later ones, fail with a ClientClosedError. May be called twice. */
  close(): void;
}

/** What surrounds a call. */
export interface CallOptions {
  /** Cancels the call: it fails with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /**
   * How long to go on trying, from the first failure, while the server can't be reached or is too busy, in milliseconds. Default 0: one try. Only for calls
   * that may be repeated: reads, and writes with a request id or a task token.
   */
  readonly retryForMs?: number;
  /** True for a call that the server answers in time even if there is nothing to say: one that it does not answer counts as one that did not reach it. */
  readonly isLongPoll?: boolean;
  /** True to leave the payloads of the answer as they came, for who decodes its parts one by one. Default false. */
  readonly isLeftEncoded?: boolean;
}

/** A client with a method for each unary RPC of a service. */
export type UnaryClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : never;
};

const callTimeoutMs = 30_000;

/** Opens a connection. Nothing is sent before the first call. Throws a RangeError for a transport that there is not. */
export function openConnection(options: ConnectionOptions = {}): Connection {
  const { address = defaultAddress } = options;
  const transport = createTransport(options.transport ?? "grpc", address);
  let underWay: Set<AbortController> | undefined = new Set();
  return {
    address,
    transport,
    dataConverter: options.dataConverter ?? {},
    get underWay() {
      return underWay;
    },
    close() {
      const calls = underWay ?? [];
      underWay = undefined;
      for (const call of calls) call.abort();
      transport.close();
    },
  };
}

function createTransport(name: NonNullable<ConnectionOptions["transport"]>, address: string): Transport {
  switch (name) {
    case "grpc":
      return createGrpcTransport(address);
    case "connect":
      return createConnectTransport(address);
    default:
      throw new RangeError(`transport is "grpc" or "connect", not ${JSON.stringify(name)}`);
  }
}

/** Makes a typed client of a service from its generated descriptor. */
export function createUnaryClient<S extends DescService>(connection: Connection, service: S): UnaryClient<S> {
  const methods = service.methods
    .filter((method): method is typeof method & DescMethodUnary => method.methodKind === "unary")
    .map((method) => [
      method.localName,
      (request: MessageInitShape<DescMethodUnary["input"]>, options: CallOptions = {}) =>
        call(connection, method, create(method.input, request), options),
    ]);
  // The descriptor gives names and types from one source, which Object.fromEntries can't express.
  return Object.fromEntries(methods) as UnaryClient<S>;
}

/** Makes a call, which ends when its signal is aborted, or when the connection is closed. */
async function call(
  connection: Connection,
  method: DescMethodUnary,
  request: Message,
  options: CallOptions,
): Promise<Message> {
  const { underWay, transport, dataConverter } = connection;
  if (underWay === undefined) throw clientClosed(connection.address);
  const abort = new AbortController();
  const passOn = () => abort.abort();
  underWay.add(abort);
  if (options.signal?.aborted === true) passOn();
  else options.signal?.addEventListener("abort", passOn, { once: true });
  try {
    // Once, since codecs may encode the same differently the next time, and repeats of a call must be the same.
    const encoded = await encodeMessage(dataConverter, method.input, request);
    const answer = await sendWithRetries(
      transport,
      { method, request: encoded, signal: abort.signal },
      options,
    );
    if (options.isLeftEncoded !== true) await decodeMessage(dataConverter, method.output, answer);
    return answer;
  } catch (error) {
    throw connection.underWay === undefined ? clientClosed(connection.address) : error;
  } finally {
    underWay.delete(abort);
    options.signal?.removeEventListener("abort", passOn);
  }
}

interface Sent {
  readonly method: DescMethodUnary;
  readonly request: Message;
  readonly signal: AbortSignal;
}

async function sendWithRetries(transport: Transport, sent: Sent, options: CallOptions): Promise<Message> {
  const { timeoutMs = callTimeoutMs, retryForMs = 0, isLongPoll = false } = options;
  // By a clock that nobody sets.
  let giveUpAt: number | undefined;
  for (let failures = 1; ; failures++) {
    try {
      return await transport.send({ ...sent, timeoutMs });
    } catch (error) {
      const pauseMs = backOffMs(failures);
      giveUpAt ??= performance.now() + retryForMs;
      const mayHelp = isTransient(error) || (isLongPoll && isUnanswered(error));
      if (!mayHelp || performance.now() + pauseMs > giveUpAt || sent.signal.aborted) throw error;
      await waitAbortably(pauseMs, sent.signal);
    }
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof PawlError && error.code === Code.DeadlineExceeded;
}

/** The pause after a number of failures in a row: from 50 ms to 1 s, half of it random so that clients do not come back all at once. */
export function backOffMs(failures: number): number {
  const longest = Math.min(1_000, 50 * 2 ** Math.min(failures - 1, 10));
  return longest / 2 + (Math.random() * longest) / 2;
}
