/** The calls of a client, answered by an environment instead of a server. */
import {
  create,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "../../../gen/google/rpc/code_pb.js";
import { ErrorReason } from "../../../gen/pawl/v1/error_pb.js";
import { WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../core/errors.js";
import { describeError } from "../../service/errors.js";
import type { CallOptions, UnaryClient } from "../connection.js";
import { PawlError } from "../errors.js";

/** What answers the calls of a service: some of its methods. */
export type Answers<S extends DescService> = {
  readonly [M in keyof S["method"]]?: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, options: CallOptions) => MessageInitShape<O> | Promise<MessageInitShape<O>>
    : never;
};

/** Makes a client of the answers. What has none is refused. */
export function rpcOf(answers: Answers<typeof WorkflowService>): UnaryClient<typeof WorkflowService> {
  const methods = WorkflowService.methods.map((method) => [
    method.localName,
    async (request: MessageInitShape<typeof method.input>, options: CallOptions = {}) => {
      const answer = answers[method.localName as keyof typeof answers] as
        | ((request: unknown, options: CallOptions) => MessageInitShape<typeof method.output>)
        | undefined;
      try {
        if (answer === undefined) throw notSupported(method.name);
        return create(method.output, await answer(create(method.input, request), options));
      } catch (error) {
        if (options.signal?.aborted === true) throw cancelled(method.name, error);
        throw error instanceof RefusedError ? asClientSees(error) : error;
      }
    },
  ]);
  return Object.fromEntries(methods);
}

/** The content of a request, to tell a repeat from another. */
export function contentOf<Desc extends DescMethodUnary["input"]>(
  schema: Desc,
  request: MessageShape<Desc>,
): string {
  return Buffer.from(toBinary(schema, { ...request, requestId: "", identity: "" })).toString("base64");
}

function asClientSees(error: RefusedError): PawlError {
  const { code, reason, message, metadata } = describeError(error);
  return new PawlError(message, { code, reason: ErrorReason[reason] ?? "", metadata }, { cause: error });
}

function cancelled(method: string, cause: unknown): PawlError {
  return new PawlError(
    `${method} was cancelled`,
    { code: Code.CANCELLED, reason: "", metadata: {} },
    { cause },
  );
}

function notSupported(method: string): RefusedError {
  return new RefusedError(
    ErrorReason.NOT_IMPLEMENTED,
    `a test environment does not support ${method}: test it against a server, with startTestServer()`,
  );
}
