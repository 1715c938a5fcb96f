/** The HTTP/1.1 side of the port: Connect, gRPC-Web and a few plain pages. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { cors } from "@connectrpc/connect";
import type { Logger } from "../../engine/logger.js";
import type { Service } from "../../service/service.js";
import { type HttpEndpointParts, httpEndpoints } from "../http-endpoints.js";
import { connectRoutes } from "./connect.js";

/** How long a caller may take, in milliseconds. */
export interface HttpTimeouts {
  /** For the head of a request. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
}

/** The HTTP/1.1 server behind the port. */
export interface HttpFront {
  take(socket: Socket): void;
  /** Takes no more requests on connections that have none open; the others go when they are answered. */
  close(): void;
  /** Cuts what is left. */
  destroy(): void;
}

/** What the HTTP/1.1 side is built of. */
export interface HttpFrontParts extends HttpEndpointParts {
  readonly service: Service;
  readonly logger: Logger;
  readonly timeouts: HttpTimeouts;
  /** Origins whose pages may call, beside those of this machine; `*` is any. */
  readonly allowedOrigins: readonly string[];
}

/** How long an idle connection is kept. */
const keepAliveMs = 30_000;
const preflightMaxAgeSeconds = 7200;

/** Makes the HTTP/1.1 server of a service. */
export function createHttpFront(parts: HttpFrontParts): HttpFront {
  const { headersMs, requestMs } = parts.timeouts;
  const routes = connectRoutes(parts.service, parts.logger);
  const pages = httpEndpoints(parts);
  const open = new Set<ServerResponse>();
  let isClosing = false;
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.max(10, Math.min(headersMs, requestMs) / 2),
    },
    (request, response) => {
      open.add(response);
      response.once("close", () => open.delete(response));
      if (isClosing) response.shouldKeepAlive = false;
      answer(request, response).catch((error: unknown) => {
        parts.logger.error("a page could not be served", { error });
        response.destroy();
      });
    },
  );
  // A server that never listens itself would have no timeouts; this is where they begin.
  server.emit("listening");

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    allowOrigin(request, response, parts.allowedOrigins);
    if (request.method === "OPTIONS") return answerPreflight(response);
    if (isGrpc(request)) return answerWrongPairing(response);
    if (!routes(request, response)) await pages(request, response);
  }

  return {
    take(socket) {
      server.emit("connection", socket);
    },
    close() {
      isClosing = true;
      for (const response of open) response.shouldKeepAlive = false;
      server.closeIdleConnections();
    },
    destroy() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Lets pages of the allowed origins read answers. Pages of others can't: a server on a developer's machine asks nobody who they are, and any page that they
 * look at could call it.
 */
function allowOrigin(request: IncomingMessage, response: ServerResponse, allowed: readonly string[]): void {
  response.setHeader("vary", "Origin");
  const { origin } = request.headers;
  if (origin === undefined || !isAllowed(origin, allowed)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", cors.exposedHeaders.join(", "));
}

function isAllowed(origin: string, allowed: readonly string[]): boolean {
  if (allowed.includes("*") || allowed.includes(origin)) return true;
  return URL.canParse(origin) && loopbackHosts.has(new URL(origin).hostname);
}

const loopbackHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, {
    "access-control-allow-methods": cors.allowedMethods.join(", "),
    "access-control-allow-headers": [...cors.allowedHeaders, "Authorization"].join(", "),
    "access-control-max-age": String(preflightMaxAgeSeconds),
  });
  response.end();
}

function isGrpc(request: IncomingMessage): boolean {
  const contentType = request.headers["content-type"] ?? "";
  return contentType.startsWith("application/grpc") && !contentType.startsWith("application/grpc-web");
}

const wrongPairing =
  "gRPC needs HTTP/2, and this call came in by HTTP/1.1: use a gRPC client or HTTP/2 with prior knowledge; Connect and gRPC-Web work over HTTP/1.1\n";

function answerWrongPairing(response: ServerResponse): void {
  response.writeHead(415, { "content-type": "text/plain; charset=utf-8" });
  response.end(wrongPairing);
}
