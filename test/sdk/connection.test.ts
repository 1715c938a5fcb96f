import { setTimeout as delay } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { createClient, PawlError, WorkflowFailedError } from "../../src/sdk/client/index.js";
import { createUnaryClient, openConnection } from "../../src/sdk/connection.js";
import { FakeRefusal, startFakeServer, untilGone } from "./fake-server.js";

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

async function serve(...args: Parameters<typeof startFakeServer>) {
  const server = await startFakeServer(...args);
  toClose.push(server.stop);
  return server;
}

function rpcTo(address: string) {
  const connection = openConnection({ address });
  toClose.unshift(connection.close);
  return createUnaryClient(connection, WorkflowService);
}

function clientTo(address: string) {
  const client = createClient({ address });
  toClose.unshift(client.close);
  return client;
}

test("a refusal carries its code, reason and metadata", async () => {
  const { address } = await serve({
    getWorkflow() {
      throw new FakeRefusal(5, "WORKFLOW_NOT_FOUND", { workflow_id: "x" });
    },
  });
  const error = await rpcTo(address)
    .getWorkflow({ workflowId: "x" })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PawlError);
  expect(error).toMatchObject({
    code: 5,
    codeName: "NOT_FOUND",
    reason: "WORKFLOW_NOT_FOUND",
    metadata: { workflow_id: "x" },
  });
});

test("an abort signal cancels the call at the server", async () => {
  const abort = new AbortController();
  let toldGone = () => {};
  const gone = new Promise<void>((resolve) => {
    toldGone = resolve;
  });
  const { address } = await serve({
    async getWorkflow(_, { signal }) {
      abort.abort();
      await untilGone(signal);
      toldGone();
      return {};
    },
  });
  const call = rpcTo(address).getWorkflow({ workflowId: "x" }, { signal: abort.signal });
  await expect(call).rejects.toMatchObject({ codeName: "CANCELLED" });
  await gone;
});

test("a call ends at its deadline", async () => {
  const { address } = await serve({
    getWorkflow: async (_, { signal }) => untilGone(signal).then(() => ({})),
  });
  const call = rpcTo(address).getWorkflow({ workflowId: "x" }, { timeoutMs: 50 });
  await expect(call).rejects.toMatchObject({ codeName: "DEADLINE_EXCEEDED" });
});

test("a long poll that gets no answer counts as one that did not reach the server", async () => {
  let calls = 0;
  const { address } = await serve({
    async getWorkflowResult(_, { signal }) {
      calls++;
      if (calls === 1) await untilGone(signal);
      return { runId: "r" };
    },
  });
  const rpc = rpcTo(address);
  const options = { timeoutMs: 50, retryForMs: 5_000 };
  await expect(rpc.getWorkflowResult({ workflowId: "x" }, options)).rejects.toMatchObject({
    codeName: "DEADLINE_EXCEEDED",
  });
  calls = 0;
  const answer = await rpc.getWorkflowResult({ workflowId: "x" }, { ...options, isLongPoll: true });
  expect([answer.runId, calls]).toEqual(["r", 2]);
});

test("a call is tried for its time from the first failure on, however long it was under way before", async () => {
  let calls = 0;
  const { address } = await serve({
    async getWorkflowResult() {
      calls++;
      if (calls === 1) await delay(300);
      if (calls < 3) throw new FakeRefusal(14, "DATABASE_UNAVAILABLE");
      return { runId: "r" };
    },
  });
  const answer = await rpcTo(address).getWorkflowResult({ workflowId: "x" }, { retryForMs: 250 });
  expect(answer.runId).toBe("r");
});

test("a write is repeated with the same request id until the server is there", async () => {
  const requestIds: string[] = [];
  const { address } = await serve({
    startWorkflow(request) {
      requestIds.push(request.requestId);
      if (requestIds.length < 3) throw new FakeRefusal(14, "DATABASE_UNAVAILABLE");
      return { workflowId: "w", runId: "r", isStarted: true };
    },
  });
  const started = await clientTo(address).start("W", { n: 1 });
  expect(started).toMatchObject({ workflowId: "w", runId: "r", isStarted: true });
  expect(requestIds).toHaveLength(3);
  expect(new Set(requestIds).size).toBe(1);
});

test("a refusal is not repeated", async () => {
  let calls = 0;
  const { address } = await serve({
    signalWorkflow() {
      calls++;
      throw new FakeRefusal(9, "WORKFLOW_CLOSED");
    },
  });
  await expect(clientTo(address).signal("w", "go")).rejects.toMatchObject({ reason: "WORKFLOW_CLOSED" });
  expect(calls).toBe(1);
});

test("a result is waited for until it comes", async () => {
  let calls = 0;
  const { address } = await serve({
    getWorkflowResult() {
      calls++;
      if (calls < 3) return {};
      return {
        outcome: {
          runId: "r",
          status: 3,
          value: { case: "result", value: { body: { case: "json", value: "[1]" } } },
        },
      };
    },
  });
  expect(await clientTo(address).result("w")).toEqual([1]);
});

test("a workflow that failed throws with its failure as cause", async () => {
  const failure = {
    message: "declined",
    kind: { case: "application" as const, value: { type: "CardDeclined" } },
  };
  const { address } = await serve({
    getWorkflowResult: () => ({
      outcome: { runId: "r", status: 4, value: { case: "failure", value: failure } },
    }),
  });
  const error = await clientTo(address)
    .result("w")
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect(error).toMatchObject({ status: "FAILED", cause: { type: "CardDeclined", message: "declined" } });
});

test("history and lists are read page by page", async () => {
  const { address } = await serve({
    getHistory: ({ pageToken }) =>
      pageToken === "" ? { events: [{ eventId: 1 }], nextPageToken: "2" } : { events: [{ eventId: 2 }] },
    listWorkflows: ({ pageToken }) =>
      pageToken === ""
        ? { workflows: [{ workflowId: "a" }], nextPageToken: "b" }
        : { workflows: [{ workflowId: "b" }] },
  });
  const client = clientTo(address);
  expect((await all(client.history("w"))).map((event) => event.eventId)).toEqual([1, 2]);
  expect((await all(client.list())).map((workflow) => workflow.workflowId)).toEqual(["a", "b"]);
});

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}
