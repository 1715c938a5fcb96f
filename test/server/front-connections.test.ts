import { execFile } from "node:child_process";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterEach, expect, test } from "vitest";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { Engine } from "../../src/engine/engine.js";
import { StartError } from "../../src/server/start-error.js";
import { openTestFront, type TestFront } from "../support/test-front.js";

const run = promisify(execFile);

const { startWorkflow } = WorkflowService.method;
const { pollWorkflowTasks } = WorkerService.method;

const sockets: net.Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const starting: Partial<Engine> = { startWorkflow: async () => ({ workflowId: "w", runId: "r" }) };

test.each(["/pawl.v1.WorkflowService/GetWorkflow", "/healthz"])(
  "tells callers of %s by HTTP/2 without TLS to use HTTP/1.1",
  async (path) => {
    const { url } = await openTestFront({});
    const session = http2.connect(url);
    const request = session.request({ ":method": "POST", ":path": path, "content-type": "application/json" });
    const [headers] = await once(request, "response");
    const chunks = await request.toArray();
    session.close();
    expect(headers[":status"]).toBe(415);
    expect(Buffer.concat(chunks).toString()).toMatch(/gRPC only: use HTTP\/1\.1/);
  },
);

test("tells callers of gRPC-Web by HTTP/2 without TLS to use HTTP/1.1", async () => {
  const { url } = await openTestFront({});
  const session = http2.connect(url);
  const request = session.request({
    ":method": "POST",
    ":path": "/x",
    "content-type": "application/grpc-web+proto",
  });
  const [headers] = await once(request, "response");
  session.close();
  expect(headers[":status"]).toBe(415);
});

test("tells callers of gRPC by HTTP/1.1 to use HTTP/2", async () => {
  const { url } = await openTestFront({});
  const response = await fetch(`${url}/pawl.v1.WorkflowService/GetWorkflow`, {
    method: "POST",
    headers: { "content-type": "application/grpc" },
    body: new Uint8Array(5),
  });
  expect(response.status).toBe(415);
  expect(await response.text()).toContain("gRPC needs HTTP/2");
});

test("finds out what a connection speaks though it comes byte by byte", async () => {
  const { port } = await openTestFront({});
  const socket = await connected(port);
  for (const character of "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    socket.write(character);
  expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*ok\n$/);
});

test("cuts connections that say nothing, or less than they should, and serves the others meanwhile", async () => {
  const timeouts = { firstBytesMs: 300, headersMs: 300, requestMs: 300 };
  const front = await openTestFront(starting, { timeouts });
  const opened = Array.from({ length: 100 }, async (_, index) => {
    const socket = await connected(front.port);
    const beginning =
      ["", "P", "PR", "GET / HT", "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n1"][index % 5] ?? "";
    if (beginning !== "") socket.write(beginning);
    return socket;
  });
  const halfOpen = await Promise.all(opened);
  const closed = halfOpen.map((socket) => once(socket.resume(), "close"));
  const answer = await front.caller().call(startWorkflow, { spec: { workflowType: "t" } });
  expect(answer.runId).toBe("r");
  await Promise.all(closed);
});

test("answers what open polls wait for with nothing when it stops, and is gone", async () => {
  const waiting = waitingPolls(3);
  const front = await openTestFront({ pollWorkflowTasks: waiting.poll });
  const client = createClient(
    WorkerService,
    createConnectTransport({ baseUrl: front.url, httpVersion: "1.1" }),
  );
  const polls = [
    front.caller().call(pollWorkflowTasks, {}),
    front.caller().call(pollWorkflowTasks, {}),
    client.pollWorkflowTasks({}),
  ];
  await waiting.allThere;
  const silent = await connected(front.port);
  const isCut = once(silent.resume(), "close");
  const startedAt = Date.now();
  await front.stop(10_000);
  expect(Date.now() - startedAt).toBeLessThan(5000);
  for (const poll of polls) expect(await poll).toMatchObject({ tasks: [] });
  await isCut;
  await expect(connected(front.port)).rejects.toThrow("ECONNREFUSED");
  await front.stop(10_000);
});

test("lets a call that is under way finish before it stops", async () => {
  let finish = () => {};
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const front = await openTestFront({
    startWorkflow: () =>
      new Promise((resolve) => {
        finish = () => resolve({ runId: "r" });
        arrived();
      }),
  });
  const call = front.caller().call(startWorkflow, { spec: { workflowType: "t" } });
  await arrival;
  const stopped = front.stop(10_000);
  finish();
  expect((await call).runId).toBe("r");
  await stopped;
});

test("cuts a call that does not end within the grace time", async () => {
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const front = await openTestFront({
    startWorkflow: () => {
      arrived();
      return new Promise(() => {});
    },
  });
  const call = front.caller().call(startWorkflow, { spec: { workflowType: "t" } });
  await arrival;
  await Promise.all([front.stop(50), expect(call).rejects.toThrow()]);
});

test("names the flag when the port is taken", async () => {
  const { port } = await openTestFront({});
  const error = await openTestFront({}, { port }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(StartError);
  expect(error).toMatchObject({ exitCode: 1, message: expect.stringContaining("--port") });
});

test("answers buf curl by reflection, in both versions, with no schema at hand", async () => {
  const front = await openTestFront(starting);
  const methods = await bufCurl(front, ["--list-methods"], "");
  expect(methods).toContain("pawl.v1.WorkflowService/StartWorkflow");
  expect(methods).toContain("pawl.v1.WorkerService/PollWorkflowTasks");
  for (const version of ["grpc-v1", "grpc-v1alpha"]) {
    const args = ["--reflect-protocol", version, "--data", '{"spec":{"workflowType":"t"}}'];
    const answer = await bufCurl(front, args, "/pawl.v1.WorkflowService/StartWorkflow");
    expect(JSON.parse(answer)).toEqual({ workflowId: "w", runId: "r" });
  }
});

test("answers grpc.health.v1", async () => {
  const front = await openTestFront({});
  const schema = "node_modules/grpc-health-check/proto/health/v1/health.proto";
  for (const service of ["", "pawl.v1.WorkflowService"]) {
    const args = ["--schema", schema, "--data", JSON.stringify({ service })];
    const answer = await bufCurl(front, args, "/grpc.health.v1.Health/Check");
    expect(JSON.parse(answer)).toEqual({ status: "SERVING" });
  }
});

async function bufCurl({ url }: TestFront, args: readonly string[], path: string): Promise<string> {
  const all = ["buf", "curl", "--http2-prior-knowledge", "--protocol", "grpc", ...args, `${url}${path}`];
  return (await run("npx", all)).stdout;
}

function waitingPolls(expected: number) {
  let count = 0;
  let all = () => {};
  const allThere = new Promise<void>((resolve) => {
    all = resolve;
  });
  const poll: Engine["pollWorkflowTasks"] = (_, { signal }) => {
    count += 1;
    if (count === expected) all();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve({})));
  };
  return { poll, allThere };
}

async function connected(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  sockets.push(socket);
  await once(socket, "connect");
  socket.on("error", () => {});
  return socket;
}
