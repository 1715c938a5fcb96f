import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import type { WorkflowTaskOutcomeSchema } from "../../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { RefusedError } from "../../src/core/errors.js";
import type { Engine } from "../../src/engine/engine.js";
import { silentLogger } from "../../src/engine/logger.js";
import { createService, type ServiceParts } from "../../src/service/service.js";
import { fakeEngine } from "../support/fake-engine.js";

function serve(operations: Partial<Engine>, parts: Partial<ServiceParts> = {}) {
  const ended: { method: string; code: string }[] = [];
  const service = createService({
    engine: fakeEngine(operations),
    logger: silentLogger,
    metrics: { callEnded: ({ method, code }) => ended.push({ method, code }) },
    maxRequestBytes: 1024,
    ...parts,
  });
  const call = async <I extends DescMessage>(
    method: DescMethodUnary<I>,
    request: MessageInitShape<I>,
    incoming: { controller?: AbortController; deadlineAt?: number } = {},
  ) => {
    const result = await service.handle(
      method,
      {
        request: toBinary(method.input, create(method.input, request)),
        controller: incoming.controller ?? new AbortController(),
        deadlineAt: incoming.deadlineAt,
        header: (name) => (name === "x-request-id" ? "abc-1" : undefined),
      },
      (_schema, response) => response,
    );
    return result.kind === "answer" ? result.response : result.error;
  };
  return { service, call, ended };
}

test("fills in what a request leaves out", async () => {
  const pollWorkflowTasks = vi.fn<Engine["pollWorkflowTasks"]>(async () => ({}));
  const createNamespace = vi.fn<Engine["createNamespace"]>(async () => ({}));
  const { call } = serve({ pollWorkflowTasks, createNamespace });
  await call(WorkerService.method.pollWorkflowTasks, {});
  await call(NamespaceService.method.createNamespace, { name: "n" });
  expect(pollWorkflowTasks.mock.calls[0]?.[0]).toMatchObject({
    namespace: "main",
    taskQueue: "default",
    maxTasks: 1,
    wait: { seconds: 20n },
  });
  expect(createNamespace.mock.calls[0]?.[0]).toMatchObject({ retention: { seconds: 2_592_000n } });
});

test("gives an element that is wrong its own outcome, and the engine the others", async () => {
  const completeWorkflowTasks = vi.fn<Engine["completeWorkflowTasks"]>(async ({ completions }) => ({
    outcomes: completions.map(
      ({ taskToken }): MessageInitShape<typeof WorkflowTaskOutcomeSchema> =>
        taskToken[0] === 1
          ? { outcome: { case: "accepted", value: {} } }
          : { outcome: { case: "error", value: { reason: ErrorReason.STALE_LEASE, message: "over" } } },
    ),
  }));
  const { call } = serve({ completeWorkflowTasks });
  const response = await call(WorkerService.method.completeWorkflowTasks, {
    completions: [
      { taskToken: Uint8Array.of(1) },
      {
        taskToken: Uint8Array.of(1),
        commands: [{}, { seq: 1, kind: { case: "scheduleTimer", value: { duration: { seconds: -1n } } } }],
      },
      { taskToken: Uint8Array.of(2) },
      { taskToken: new Uint8Array() },
    ],
  });
  expect(completeWorkflowTasks).toHaveBeenCalledOnce();
  expect(response).toMatchObject({
    outcomes: [
      { outcome: { case: "accepted" } },
      {
        outcome: {
          case: "error",
          value: {
            code: 3,
            reason: ErrorReason.INVALID_COMMAND,
            metadata: { command_index: "1", command: "schedule_timer" },
          },
        },
      },
      { outcome: { case: "error", value: { code: 10, reason: ErrorReason.STALE_LEASE } } },
      { outcome: { case: "error", value: { code: 3, reason: ErrorReason.INVALID_FIELD } } },
    ],
  });
});

test("answers a batch of which nothing is right without asking the engine", async () => {
  const { call } = serve({});
  const response = await call(WorkflowService.method.startWorkflows, { specs: [{}, { workflowType: "\0" }] });
  expect(response).toMatchObject({
    outcomes: [{ outcome: { case: "error" } }, { outcome: { case: "error" } }],
  });
});

test("refuses a batch as a whole when the request around its elements is wrong", async () => {
  const { call } = serve({});
  const response = await call(WorkflowService.method.startWorkflows, { namespace: "\0", specs: [{}] });
  expect(response).toMatchObject({ reason: ErrorReason.INVALID_FIELD, metadata: { field: "namespace" } });
});

test("logs a fault in full, once, and tells the caller nothing of it", async () => {
  const error = vi.fn();
  const fault = new Error("relation runs does not exist");
  const { call, ended } = serve(
    { getWorkflow: () => Promise.reject(fault) },
    { logger: { ...silentLogger, error } },
  );
  const refusal = await call(WorkflowService.method.getWorkflow, { workflowId: "w" });
  expect(refusal).toMatchObject({ reason: ErrorReason.INTERNAL, metadata: { request_id: "abc-1" } });
  expect(JSON.stringify(refusal)).not.toContain("relation");
  expect(error.mock.calls).toEqual([
    [expect.any(String), expect.objectContaining({ error: fault, requestId: "abc-1" })],
  ]);
  expect(ended).toEqual([{ method: "pawl.v1.WorkflowService/GetWorkflow", code: "INTERNAL" }]);
});

test("treats a response that can't be encoded as a fault", async () => {
  const { service } = serve({ countWorkflows: async () => ({ count: "many" as unknown as bigint }) });
  const request = {
    request: new Uint8Array(),
    controller: new AbortController(),
    deadlineAt: undefined,
    header: () => undefined,
  };
  const result = await service.handle(WorkflowService.method.countWorkflows, request, toBinary);
  expect(result).toMatchObject({ kind: "error", error: { reason: ErrorReason.INTERNAL } });
});

test("passes on who calls, as authenticated, and refuses who is not", async () => {
  const getWorkflow = vi.fn<Engine["getWorkflow"]>(async () => ({}));
  const authenticate = async (): Promise<string> => "alice";
  const { call } = serve({ getWorkflow }, { authenticate });
  await call(WorkflowService.method.getWorkflow, { workflowId: "w" });
  expect(getWorkflow.mock.calls[0]?.[1]).toMatchObject({ principal: "alice" });
  const refusing = serve(
    { getWorkflow },
    {
      authenticate: () => Promise.reject(new RefusedError(ErrorReason.SERVER_BUSY, "busy")),
    },
  );
  expect(await refusing.call(WorkflowService.method.getWorkflow, { workflowId: "w" })).toMatchObject({
    reason: ErrorReason.SERVER_BUSY,
  });
});

test("aborts a waiting call when its caller goes", async () => {
  const caller = new AbortController();
  const { call } = serve({ pollWorkflowTasks: (_, { signal }) => untilAborted(signal) });
  const answer = call(WorkerService.method.pollWorkflowTasks, {}, { controller: caller });
  caller.abort();
  expect(await answer).toMatchObject({ tasks: [] });
});

test("ends a call at its deadline, even if the engine does not", async () => {
  let signal: AbortSignal | undefined;
  const { call } = serve({
    getWorkflow: (_, call) => {
      signal = call.signal;
      return new Promise(() => {});
    },
  });
  const refusal = await call(
    WorkflowService.method.getWorkflow,
    { workflowId: "w" },
    { deadlineAt: Date.now() + 20 },
  );
  expect(refusal).toMatchObject({ reason: ErrorReason.DEADLINE });
  expect(signal?.aborted).toBe(true);
});

test("ends what waits when it drains, and what comes later at once", async () => {
  let polled = () => {};
  const isPolled = new Promise<void>((resolve) => {
    polled = resolve;
  });
  const { service, call } = serve({
    pollWorkflowTasks: (_, { signal }) => {
      polled();
      return untilAborted(signal);
    },
  });
  const open = call(WorkerService.method.pollWorkflowTasks, {});
  await isPolled;
  service.drain();
  await service.whenIdle();
  expect(await open).toMatchObject({ tasks: [] });
  expect(await call(WorkerService.method.pollWorkflowTasks, {})).toMatchObject({ tasks: [] });
});

function untilAborted(signal: AbortSignal): Promise<Record<string, never>> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve({});
    signal.addEventListener("abort", () => resolve({}));
  });
}
