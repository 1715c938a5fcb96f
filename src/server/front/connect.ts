/** Connect and gRPC-Web, over HTTP/1.1. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescMessage, DescMethod, DescMethodUnary, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Logger } from "../../engine/logger.js";
import { type CallError, detailsOf } from "../../service/errors.js";
import { requestTooLarge, type Service, undecodable } from "../../service/service.js";
import { earlyErrorOf } from "./connect-early-error.js";

/** What became of a call, as far as the protocol's own code doesn't tell. */
interface Progress {
  /** Whether the request was decoded, so that the chain has it. */
  isHandled: boolean;
  /** Set to be refused at once. */
  readonly refusal?: CallError;
}

const progressKey = createContextKey<Progress>({ isHandled: false });

/** Makes the handler of all RPCs. It answers false for what is none. */
export function connectRoutes(
  service: Service,
  logger: Logger,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const paths = new Map(handlersOf(service).map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = paths.get((request.url ?? "").split("?", 1)[0] ?? "");
    if (handler === undefined) return false;
    answer(service, handler, universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((universal) => universalResponseToNodeResponse(universal, response))
      .catch((error: unknown) => {
        // The caller has gone.
        if (ConnectError.from(error).code === Code.Aborted) return;
        logger.error("an answer could not be sent", { error });
        response.destroy();
      });
    return true;
  };
}

function handlersOf(service: Service): readonly UniversalHandler[] {
  const router = createConnectRouter({
    grpc: false,
    readMaxBytes: service.maxRequestBytes,
    acceptCompression: [compressionGzip, compressionBrotli],
    // A field that nobody knows is a slip of whoever wrote the JSON; it is not ignored.
    jsonOptions: { ignoreUnknownFields: false },
  });
  for (const descriptor of service.descriptors) {
    for (const method of descriptor.methods) {
      if (isUnary(method))
        router.rpc(method, (request, context) => handle(service, method, request, context));
    }
  }
  return router.handlers;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

async function handle(
  service: Service,
  method: DescMethodUnary,
  request: Message,
  context: HandlerContext,
): Promise<Message> {
  const progress = context.values.get(progressKey);
  progress.isHandled = true;
  if (progress.refusal !== undefined) throw toConnectError(progress.refusal);
  const controller = new AbortController();
  const abort = () => controller.abort(context.signal.reason);
  if (context.signal.aborted) abort();
  else context.signal.addEventListener("abort", abort, { once: true });
  const leftMs = context.timeoutMs();
  const result = await service.handle(
    method,
    {
      request,
      controller,
      deadlineAt: leftMs === undefined ? undefined : Date.now() + leftMs,
      header: (name) => context.requestHeader.get(name) ?? undefined,
    },
    asItIs,
  );
  if (result.kind === "answer") return result.response;
  throw toConnectError(result.error);
}

function asItIs(_schema: DescMessage, response: Message): Message {
  return response;
}

/**
 * Answers a request. One that never got to the chain, since it can't be decoded or is too large, has an error of the protocol's own code, without a reason;
 * the same handler is then asked once more to say the right one, in the protocol of the call.
 */
async function answer(
  service: Service,
  handler: UniversalHandler,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const progress: Progress = { isHandled: false };
  const response = await handler({ ...request, contextValues: valuesOf(progress) });
  if (progress.isHandled) return response;
  const { early, response: same } = await earlyErrorOf(response);
  if (early === undefined) return same;
  const { error } = service.refuse(
    handler.method,
    early.isTooLarge
      ? requestTooLarge(service.maxRequestBytes)
      : undecodable(handler.method.input, early.message),
  );
  return handler(refusedRequest(request, valuesOf({ isHandled: false, refusal: error })));
}

function valuesOf(progress: Progress): ReturnType<typeof createContextValues> {
  return createContextValues().set(progressKey, progress);
}

/** A request of the same protocol and format, with an empty message. */
function refusedRequest(
  request: UniversalServerRequest,
  contextValues: ReturnType<typeof createContextValues>,
): UniversalServerRequest {
  const header = new Headers(request.header);
  for (const name of [
    "content-encoding",
    "content-length",
    "grpc-encoding",
    "connect-timeout-ms",
    "grpc-timeout",
  ]) {
    header.delete(name);
  }
  if (request.method === "GET") header.set("content-type", "application/json");
  const contentType = header.get("content-type") ?? "";
  const message = new TextEncoder().encode(contentType.includes("json") ? "{}" : "");
  const isWeb = contentType.startsWith("application/grpc-web");
  const body = isWeb ? Uint8Array.of(0, 0, 0, 0, message.length, ...message) : message;
  return { ...request, method: "POST", header, body: once(body), contextValues };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function toConnectError(error: CallError): ConnectError {
  return new ConnectError(error.message, codeByNumber(error.code), undefined, detailsOf(error));
}

/** Connect numbers its codes as gRPC does. */
function codeByNumber(code: number): Code {
  return code in Code ? code : Code.Unknown;
}
