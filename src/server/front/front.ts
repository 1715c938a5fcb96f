/**
 * One port for everything. The first bytes of a connection tell what it speaks: the preface of HTTP/2 goes to the gRPC server, all else to the HTTP/1.1
 * server. Both hand their calls to the same service.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../../engine/logger.js";
import type { Service } from "../../service/service.js";
import type { HttpEndpointParts } from "../http-endpoints.js";
import { StartError } from "../start-error.js";
import { createGrpcFront } from "./grpc.js";
import { createHttpFront } from "./http.js";

/** How long callers may take before they are cut off, in milliseconds. */
export interface FrontTimeouts {
  /** For the first bytes of a connection. */
  readonly firstBytesMs: number;
  /** For the head of an HTTP/1.1 request. */
  readonly headersMs: number;
  /** For a whole HTTP/1.1 request. */
  readonly requestMs: number;
}

/** What the front is built of. */
export interface FrontParts extends HttpEndpointParts {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly service: Service;
  readonly logger: Logger;
  readonly timeouts?: FrontTimeouts;
  /** Origins whose pages may call from a browser, beside those of this machine; `*` is any. Left out: none. */
  readonly allowedOrigins?: readonly string[];
}

/** An open port. */
export interface Front {
  /** Where it listens, such as `127.0.0.1:7295`. */
  readonly address: string;
  readonly port: number;
  /**
   * Stops: takes no more connections, answers open polls with nothing, lets calls finish and cuts what is left after the grace time. May be called again.
   */
  stop(graceMs: number): Promise<void>;
}

const defaultTimeouts: FrontTimeouts = { firstBytesMs: 10_000, headersMs: 10_000, requestMs: 60_000 };

const http2Preface = "PRI";

/** How long connections may stay that have no call of the service, such as one that watches the health. */
const lingerMs = 500;

/** Opens the port. Throws StartError if it can't be had. */
export async function openFront(parts: FrontParts): Promise<Front> {
  const { service, logger } = parts;
  const timeouts = parts.timeouts ?? defaultTimeouts;
  let isStopping = false;
  const grpc = createGrpcFront(service);
  const isReady = async () => !isStopping && (await parts.isReady());
  const http = createHttpFront({
    service,
    logger,
    timeouts,
    metrics: parts.metrics,
    isReady,
    allowedOrigins: parts.allowedOrigins ?? [],
  });

  const unknown = new Set<Socket>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    unknown.add(socket);
    socket.on("error", ignore);
    socket.once("close", () => {
      sockets.delete(socket);
      unknown.delete(socket);
    });
    handOver(socket, timeouts.firstBytesMs, (isHttp2) => {
      unknown.delete(socket);
      if (isHttp2) grpc.take(socket);
      else http.take(socket);
    });
  });
  await listen(server, parts);

  async function stop(graceMs: number): Promise<void> {
    const deadline = Date.now() + graceMs;
    isStopping = true;
    grpc.setServing(false);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of unknown) socket.destroy();
    service.drain();
    grpc.close();
    http.close();
    await within(deadline - Date.now(), service.whenIdle());
    http.close();
    await within(Math.min(lingerMs, deadline - Date.now()), closed);
    http.destroy();
    grpc.destroy();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  let stopped: Promise<void> | undefined;
  const port = portOf(server);
  return {
    address: `${parts.host.includes(":") ? `[${parts.host}]` : parts.host}:${port}`,
    port,
    stop(graceMs) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

/** Finds out what a connection speaks. One that doesn't say so in time is cut. */
function handOver(socket: Socket, timeoutMs: number, take: (isHttp2: boolean) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once("close", () => clearTimeout(timer));
  let start = Buffer.alloc(0);
  const look = () => {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return;
    start = Buffer.concat([start, bytes]);
    const head = start.toString("latin1", 0, http2Preface.length);
    // A few bytes may be too few to tell.
    if (head.length < http2Preface.length && http2Preface.startsWith(head)) return;
    clearTimeout(timer);
    socket.off("readable", look);
    socket.unshift(start);
    take(head === http2Preface);
  };
  socket.on("readable", look);
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
    server.listen({ host, port }, resolve);
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): StartError {
  const cause = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new StartError(
        `port ${port} of ${host} is taken: stop what listens there, or choose another port with --port`,
        cause,
      );
    case "EACCES":
      return new StartError(
        `port ${port} of ${host} needs more rights than this user has: choose one above 1023 with --port`,
        cause,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new StartError(
        `${host} is no address of this machine: choose one with --host, such as 127.0.0.1`,
        cause,
      );
    default:
      return new StartError(`cannot listen on port ${port} of ${host}: ${error.message}`, cause);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms));
  });
  await Promise.race([done, over]).finally(() => clearTimeout(timer));
}

/** A connection that breaks is closed; there is nobody to tell. */
function ignore(): void {}
