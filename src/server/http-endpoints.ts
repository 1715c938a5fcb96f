/** What the port answers on plain HTTP/1.1, beside the API. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Where the answers come from. */
export interface HttpEndpointParts {
  /** Whether the database can be reached and has the schema. */
  isReady(): Promise<boolean>;
  /** All metrics, in the text format of Prometheus. */
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

const plain = "text/plain; charset=utf-8";

const welcome = `Pawl: durable workflows served over gRPC, on Postgres.

gRPC, over HTTP/2, with reflection and grpc.health.v1
Connect and gRPC-Web, over HTTP/1.1: POST /pawl.v1.WorkflowService/ListWorkflows
/healthz  200 while the process runs
/readyz   200 while it can serve: the database can be reached and has the schema
/metrics  metrics in the text format of Prometheus
`;

/** Makes the handler of everything that is no RPC. */
export function httpEndpoints(
  parts: HttpEndpointParts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { status, body, contentType } = await answer(parts, request);
    response.writeHead(status, {
      "content-type": contentType ?? plain,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

async function answer(parts: HttpEndpointParts, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 404, body: `there is no RPC ${path}\n` };
  }
  switch (path) {
    case "/":
      return { status: 200, body: welcome };
    case "/healthz":
      return { status: 200, body: "ok\n" };
    case "/readyz":
      return (await parts.isReady().catch(() => false))
        ? { status: 200, body: "ready\n" }
        : {
            status: 503,
            body: "not ready: the database can't be reached or lacks the schema, or the server stops\n",
          };
    case "/metrics":
      return { status: 200, body: await parts.metrics.text(), contentType: parts.metrics.contentType };
    default:
      return { status: 404, body: `there is nothing at ${path}; / tells what there is\n` };
  }
}
