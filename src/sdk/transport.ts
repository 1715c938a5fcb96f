/** What carries calls to the server. */
import type { DescMethodUnary, Message } from "@bufbuild/protobuf";

/** One call, as a transport is given it. */
export interface TransportCall {
  readonly method: DescMethodUnary;
  readonly request: Message;
  /** When the server must have answered, in milliseconds from now. */
  readonly timeoutMs: number;
  /** Cancels the call. */
  readonly signal: AbortSignal;
}

/** Carries calls, over connections that it makes when they are needed and makes anew when they break. Rejects with a PawlError. */
export interface Transport {
  /** Carries a call, and resolves with the answer. */
  send(call: TransportCall): Promise<Message>;
  /** Ends the connections. */
  close(): void;
}

/** The largest answer that is taken, in bytes; servers send no more than half of it. */
export const maxAnswerBytes = 8 * 1024 * 1024;
