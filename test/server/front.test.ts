import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import type { Engine } from "../../src/engine/engine.js";
import { refusalOf } from "../support/grpc-caller.js";
import { openTestFront } from "../support/test-front.js";

const { startWorkflow, getWorkflow, signalWorkflow } = WorkflowService.method;

const transports = [
  ["Connect with JSON", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "Connect with protobuf",
    (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
  ],
  [
    "Connect with GET",
    (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
  ],
  ["gRPC-Web", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "gRPC-Web with JSON",
    (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
] as const;

const echo: Partial<Engine> = {
  startWorkflow: async ({ spec, namespace }) => ({
    workflowId: `${namespace}/${spec?.workflowId}/${spec?.taskQueue}`,
    runId: "r",
    isStarted: true,
  }),
};
const refusing: Partial<Engine> = {
  getWorkflow: async () => {
    throw new RefusedError(ErrorReason.WORKFLOW_NOT_FOUND, "nothing is 50% off: a/b é", { workflow_id: "x" });
  },
};

test("answers gRPC with the defaults filled in", async () => {
  const caller = (await openTestFront(echo)).caller();
  const response = await caller.call(startWorkflow, { spec: { workflowId: "w", workflowType: "t" } });
  expect(response).toMatchObject({ workflowId: "main/w/default", runId: "r", isStarted: true });
});

test.each(transports)("answers %s on the same port", async (_name, transport) => {
  const client = createClient(WorkflowService, transport((await openTestFront(echo)).url));
  const response = await client.startWorkflow({ spec: { workflowId: "w", workflowType: "t" } });
  expect(response).toMatchObject({ workflowId: "main/w/default", runId: "r", isStarted: true });
});

test("tells a gRPC caller why it is refused", async () => {
  const caller = (await openTestFront(refusing)).caller();
  expect(await refusalOf(caller.call(getWorkflow, { workflowId: "x" }))).toMatchObject({
    code: 5,
    reason: "WORKFLOW_NOT_FOUND",
    message: "nothing is 50% off: a/b é",
    metadata: { workflow_id: "x" },
  });
});

test.each(transports)("tells a caller of %s why it is refused", async (_name, transport) => {
  const client = createClient(WorkflowService, transport((await openTestFront(refusing)).url));
  const { error, info } = await connectRefusal(client.getWorkflow({ workflowId: "x" }));
  expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "nothing is 50% off: a/b é" });
  expect(info).toMatchObject({
    reason: "WORKFLOW_NOT_FOUND",
    domain: "pawl",
    metadata: { workflow_id: "x" },
  });
});

test("names the fields that are wrong, to callers of gRPC", async () => {
  const caller = (await openTestFront({})).caller();
  const refusal = await refusalOf(caller.call(signalWorkflow, { runId: "a\0b" }));
  expect(refusal).toMatchObject({ code: 3, reason: "INVALID_FIELD", metadata: { field: "workflow_id" } });
  expect(refusal.fields).toEqual(["workflow_id", "name", "run_id"]);
});

test.each(transports)("names the fields that are wrong, to callers of %s", async (_name, transport) => {
  const client = createClient(WorkflowService, transport((await openTestFront({})).url));
  const { error, info } = await connectRefusal(client.signalWorkflow({ runId: "a\0b" }));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(info).toMatchObject({ reason: "INVALID_FIELD", metadata: { field: "workflow_id" } });
  const [bad] = error.findDetails(BadRequestSchema);
  expect(bad?.fieldViolations.map(({ field }) => field)).toEqual(["workflow_id", "name", "run_id"]);
});

test("refuses a request over the limit, by gRPC", async () => {
  const caller = (await openTestFront({}, { maxRequestBytes: 1024 })).caller();
  for (const length of [1025, 100_000, 5_000_000]) {
    const refusal = await refusalOf(caller.callRaw(getWorkflow, new Uint8Array(length)));
    expect(refusal).toMatchObject({ code: 8, reason: "SIZE_LIMIT", metadata: { limit: "1024" } });
  }
});

test.each(transports)("refuses a request over the limit, by %s", async (_name, transport) => {
  const front = await openTestFront({}, { maxRequestBytes: 1024 });
  const client = createClient(WorkflowService, transport(front.url));
  const input = { body: { case: "data" as const, value: new Uint8Array(5000) } };
  const { error, info } = await connectRefusal(client.startWorkflow({ spec: { workflowType: "t", input } }));
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(info).toMatchObject({ reason: "SIZE_LIMIT", metadata: { field: "request", limit: "1024" } });
});

test("refuses bytes that are no such message, by gRPC", async () => {
  const caller = (await openTestFront({})).caller();
  const refusal = await refusalOf(caller.callRaw(getWorkflow, Uint8Array.of(0xff, 0xff)));
  expect(refusal).toMatchObject({ code: 3, reason: "INVALID_FIELD" });
  expect(refusal.message).toContain("pawl.v1.GetWorkflowRequest");
});

test.each([
  ["text that is no JSON", "application/json", "{"],
  ["a field that nobody knows", "application/json", '{"workflowIdd": "w"}'],
  ["a field of another type", "application/json", '{"workflowId": 5}'],
  ["bytes that are no such message", "application/proto", "\u007f"],
])("refuses %s, by Connect, as the caller's mistake", async (_name, contentType, body) => {
  const { url, metrics } = await openTestFront({});
  const response = await post(`${url}/pawl.v1.WorkflowService/GetWorkflow`, contentType, body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: "invalid_argument",
    details: [{ type: "google.rpc.ErrorInfo", debug: { reason: "INVALID_FIELD", domain: "pawl" } }],
  });
  expect(await metrics.text()).toContain(
    'pawl_calls_total{method="pawl.v1.WorkflowService/GetWorkflow",code="INVALID_ARGUMENT"} 1',
  );
});

test("refuses bytes that are no such message, by gRPC-Web, as the caller's mistake", async () => {
  const { url } = await openTestFront({});
  const response = await post(
    `${url}/pawl.v1.WorkflowService/GetWorkflow`,
    "application/grpc-web+proto",
    "\0\0\0\0\u0001\u007f",
  );
  expect(await response.text()).toMatch(/grpc-status: ?3\r\n/);
});

test("ends a call at the caller's deadline, by gRPC and by Connect", async () => {
  const front = await openTestFront({ getWorkflow: () => new Promise(() => {}) });
  const deadline = Date.now() + 100;
  const refusal = await refusalOf(front.caller().call(getWorkflow, { workflowId: "w" }, { deadline }));
  expect(refusal.code).toBe(4);
  const response = await fetch(`${front.url}/pawl.v1.WorkflowService/GetWorkflow`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-timeout-ms": "50" },
    body: '{"workflowId":"w"}',
  });
  expect(await response.json()).toMatchObject({
    code: "deadline_exceeded",
    details: [{ debug: { reason: "DEADLINE" } }],
  });
});

test("tells the engine when a caller goes, by gRPC and by Connect", async () => {
  const gone: Promise<void>[] = [];
  let arrived = () => {};
  const front = await openTestFront({
    getWorkflow: async (_, { signal }) => {
      gone.push(new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
      arrived();
      return new Promise(() => {});
    },
  });
  const arrival = () =>
    new Promise<void>((resolve) => {
      arrived = resolve;
    });
  const first = arrival();
  const caller = front.caller();
  const cut = caller.call(getWorkflow, { workflowId: "w" }).catch(() => {});
  await first;
  caller.close();
  const second = arrival();
  const controller = new AbortController();
  const client = createClient(WorkflowService, transports[0][1](front.url));
  const cancelled = client.getWorkflow({ workflowId: "w" }, { signal: controller.signal }).catch(() => {});
  await second;
  controller.abort();
  await Promise.all([cancelled, gone[1]]);
  await front.stop(0);
  await Promise.all([cut, gone[0]]);
});

async function connectRefusal(call: Promise<unknown>) {
  const error = ConnectError.from(await call.catch((error: unknown) => error));
  const [info] = error.findDetails(ErrorInfoSchema);
  return { error, info };
}

function post(url: string, contentType: string, body: string): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "content-type": contentType }, body: Buffer.from(body) });
}
