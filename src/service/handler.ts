/** What handles an RPC, typed by the generated descriptors. */
import type {
  DescMessage,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Call } from "../engine/engine.js";
import { InvalidRequestError, type Violation } from "./invalid-request-error.js";

/** Handles the requests of one RPC: fills in defaults, calls the engine once, builds the response. */
export interface Handler<I extends DescMessage, O extends DescMessage> {
  /** Answers a request, or throws. `violations` is what is wrong with its form. */
  handle(
    request: MessageShape<I>,
    call: Call,
    violations: readonly Violation[],
  ): Promise<MessageInitShape<O>>;
}

/** The handlers of a service: one for each of its RPCs. */
export type Handlers<S extends DescService> = {
  readonly [P in keyof S["method"]]: S["method"][P] extends DescMethodUnary<infer I, infer O>
    ? Handler<I, O>
    : never;
};

/** Any handler, for what treats all RPCs alike. */
export interface AnyHandler {
  handle(request: Message, call: Call, violations: readonly Violation[]): Promise<Record<string, unknown>>;
}

/** A handler of whole requests: one that is wrong in its form is refused. */
export function whole<Request, Response>(
  handle: (request: Request, call: Call) => Promise<Response>,
): { handle(request: Request, call: Call, violations: readonly Violation[]): Promise<Response> } {
  return {
    async handle(request, call, violations) {
      refuseInvalid(violations);
      return handle(request, call);
    },
  };
}

/** Throws if anything is wrong. */
export function refuseInvalid([first, ...others]: readonly Violation[]): void {
  if (first !== undefined) throw new InvalidRequestError([first, ...others]);
}
