import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import type { Engine } from "../../src/engine/engine.js";
import {
  ClientClosedError,
  type ClientOptions,
  createClient,
  PawlError,
  ServerUnreachableError,
  WorkflowAlreadyStartedError,
  WorkflowNotFoundError,
} from "../../src/sdk/client/index.js";
import { createUnaryClient, openConnection } from "../../src/sdk/connection.js";
import { openSwitchableProxy } from "../support/switchable-proxy.js";
import { openTestFront } from "../support/test-front.js";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const transports = ["grpc", "connect"] as const;

function clientTo(address: string, transport: (typeof transports)[number], options: ClientOptions = {}) {
  const client = createClient({ address, transport, retryForMs: 0, ...options });
  onTestFinished(() => client.close());
  return client;
}

function refuse(...args: ConstructorParameters<typeof RefusedError>): never {
  throw new RefusedError(...args);
}

const thrownBy = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

/** An operation that gives no answer, for as long as its caller is there or for ever, and says when it is reached. */
function hanging() {
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const endless = () => {
    reach();
    return new Promise<never>(() => {});
  };
  const operation = (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
    reach();
    return new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("the caller has gone"))),
    );
  };
  return { reached, operation, endless };
}

test.each(transports)("%s carries answers and refusals alike", async (transport) => {
  const operations: Partial<Engine> = {
    startWorkflow: async ({ spec }) =>
      spec?.workflowId === "taken"
        ? refuse(ErrorReason.WORKFLOW_EXISTS, "é: it exists", { run_id: "r0" })
        : { workflowId: spec?.workflowId ?? "", runId: "r", isStarted: true },
    getWorkflow: async () => refuse(ErrorReason.WORKFLOW_NOT_FOUND, "there is none", { workflow_id: "x" }),
  };
  const client = clientTo((await openTestFront(operations)).address, transport);
  expect(await client.start("W", 1, { workflowId: "w" })).toMatchObject({ workflowId: "w", runId: "r" });
  const taken = await thrownBy(client.start("W", 1, { workflowId: "taken" }));
  expect(taken).toBeInstanceOf(WorkflowAlreadyStartedError);
  expect(taken).toMatchObject({ message: "é: it exists", runId: "r0", codeName: "ALREADY_EXISTS" });
  const missing = await thrownBy(client.describe("x"));
  expect(missing).toBeInstanceOf(WorkflowNotFoundError);
  expect(missing).toBeInstanceOf(PawlError);
  expect(missing).not.toBeInstanceOf(WorkflowAlreadyStartedError);
  expect(missing).toMatchObject({
    reason: "WORKFLOW_NOT_FOUND",
    code: 5,
    codeName: "NOT_FOUND",
    metadata: { workflow_id: "x" },
  });
  const invalid = await thrownBy(client.start("", 1));
  expect(invalid).toMatchObject({ reason: "INVALID_FIELD", metadata: { field: "spec.workflow_type" } });
});

test.each(transports)("%s says what to do about a server that is not there", async (transport) => {
  const front = await openTestFront({});
  await front.stop(0);
  const error = await thrownBy(clientTo(front.address, transport).count());
  expect(error).toBeInstanceOf(ServerUnreachableError);
  expect(error).toMatchObject({
    message: expect.stringContaining(`no Pawl server answers at ${front.address}: is \`pawl serve\` running`),
    codeName: "UNAVAILABLE",
  });
});

test.each(transports)("%s says that there was no answer in time", async (transport) => {
  const { address } = await openTestFront({ countWorkflows: hanging().operation });
  const connection = openConnection({ address, transport });
  onTestFinished(() => connection.close());
  const rpc = createUnaryClient(connection, WorkflowService);
  expect(await thrownBy(rpc.countWorkflows({}, { timeoutMs: 50 }))).toMatchObject({
    codeName: "DEADLINE_EXCEEDED",
    message: expect.stringContaining(`no answer from ${address} within 50 ms`),
  });
});

test.each(transports)("%s finds the server again after its connection broke", async (transport) => {
  const { reached, endless } = hanging();
  const first = await openTestFront({ countWorkflows: endless });
  const second = await openTestFront({ countWorkflows: async () => ({ count: 7n, byStatus: [] }) });
  const proxy = await openSwitchableProxy(first.port);
  onTestFinished(() => proxy.close());
  const client = clientTo(proxy.address, transport, { retryForMs: 20_000 });
  const counted = client.count();
  await reached;
  proxy.switchTo(second.port);
  await first.stop(0);
  expect(await counted).toMatchObject({ count: 7 });
});

test.each(transports)("%s ends a call when its signal is aborted", async (transport) => {
  const { reached, operation } = hanging();
  const client = clientTo((await openTestFront({ getWorkflowResult: operation })).address, transport);
  const abort = new AbortController();
  const error = thrownBy(client.result("w", { signal: abort.signal }));
  await reached;
  abort.abort();
  expect(await error).toMatchObject({ name: "PawlError", codeName: "CANCELLED" });
});

test.each(transports)("%s ends calls in flight and in retry when the client is closed", async (transport) => {
  const { reached, operation } = hanging();
  const { address } = await openTestFront({
    getWorkflowResult: operation,
    countWorkflows: async () => refuse(ErrorReason.SERVER_BUSY, "busy"),
  });
  const client = clientTo(address, transport, { retryForMs: 120_000 });
  const calls = [client.result("w"), client.count()].map(thrownBy);
  await reached;
  client.close();
  client.close();
  for (const error of await Promise.all(calls)) {
    expect(error).toBeInstanceOf(ClientClosedError);
    expect(error).toMatchObject({ message: expect.stringContaining("was closed") });
  }
});

test.each(transports)("%s refuses a call on a closed client at once", async (transport) => {
  const client = createClient({ transport });
  client.close();
  expect(await thrownBy(client.start("W", 1))).toBeInstanceOf(ClientClosedError);
  expect(await thrownBy(client.count())).toBeInstanceOf(ClientClosedError);
});

test("nothing keeps a process alive whose clients are closed, with calls in flight and in retry", async () => {
  const { address } = await openTestFront({
    getWorkflowResult: hanging().operation,
    listWorkflows: async () => ({ workflows: [] }),
    countWorkflows: async () => refuse(ErrorReason.SERVER_BUSY, "busy"),
  });
  const script = `
    import { createClient } from ${JSON.stringify(`${repository}src/sdk/client/index.ts`)};
    const errors = [];
    for (const transport of ["grpc", "connect"]) {
      const client = createClient({ address: ${JSON.stringify(address)}, transport, retryForMs: 120_000 });
      for (const call of [client.result("w"), client.count()]) call.catch((error) => errors.push(error.name));
      for await (const _ of client.list()) throw new Error("there is none");
      client.close();
    }
    process.on("exit", () => console.log(errors.join(" ")));
  `;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repository, timeout: 20_000 });
  expect(stdout.trim()).toBe(Array(4).fill("ClientClosedError").join(" "));
}, 30_000);

test("a transport that there is not is refused", () => {
  const transport = "carrier-pigeon" as "grpc";
  expect(() => createClient({ transport })).toThrow('transport is "grpc" or "connect", not "carrier-pigeon"');
});
