/** What an environment answers to the calls of clients. */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { QuerySchema, UpdateRequestSchema } from "../../../gen/pawl/v1/task_pb.js";
import { type WorkflowSpec, WorkflowSpecSchema } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  CancelWorkflowRequestSchema,
  type GetWorkflowResultRequest,
  SignalWithStartWorkflowRequestSchema,
  SignalWorkflowRequestSchema,
  TerminateWorkflowRequestSchema,
  type UpdateWorkflowRequest,
  type WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { cancelWorkflow } from "../../core/cancel.js";
import type { RunState } from "../../core/run-state.js";
import { signalWorkflow } from "../../core/signal.js";
import { signalWithStart } from "../../core/signal-with-start.js";
import { type StartInput, startWorkflow } from "../../core/start.js";
import { isClosedStatus } from "../../core/status.js";
import { terminateWorkflow } from "../../core/terminate.js";
import { admitUpdate } from "../../core/update.js";
import type { CallOptions } from "../connection.js";
import { describeWorkflow, listed, pageOf } from "./reads.js";
import { type Answers, contentOf } from "./rpc.js";
import { readUpdate } from "./update-result.js";
import type { Waiters } from "./waiters.js";
import { caller, missingWorkflow, type WorkflowCode } from "./workflow-code.js";
import { endOf, type World } from "./world.js";

/** What answering needs. */
export interface AnswerParts {
  readonly world: World;
  readonly waiters: Waiters;
  readonly workflowCode: WorkflowCode;
  /** Whether there is code for a workflow type. */
  isKnown(workflowType: string): boolean;
  now(): number;
  /** Does work when no workflow task is left that is ready. */
  betweenTasks<T>(work: () => Promise<T>): Promise<T>;
}

/** Makes the answers. */
export function answersOf(parts: AnswerParts): Answers<typeof WorkflowService> {
  const { world } = parts;
  return {
    ...writesOf(parts),
    updateWorkflow: (request, options) => update(parts, request, options),
    getUpdateResult: async ({ workflowId, runId, updateId, waitStage }, { signal }) => {
      const run = world.find(workflowId, runId);
      return { update: await readUpdate(parts, { run, updateId, waitStage, signal }) };
    },
    getWorkflowResult: (request, options) => result(parts, request, options),
    async queryWorkflow({ workflowId, runId, name, input }) {
      const asked = world.find(workflowId, runId).runId;
      const query = create(QuerySchema, { queryId: "query", name, ...(input && { input }) });
      return parts.betweenTasks(async () => {
        const run = world.run(asked);
        const { outcome } = await parts.workflowCode.query(run, query);
        return { outcome, status: run.status };
      });
    },
    getWorkflow: ({ workflowId, runId }) => describeWorkflow(parts, world.find(workflowId, runId)),
    getHistory: (request) => pageOf(world, request),
    listWorkflows: ({ filter }) => ({ workflows: listed(world, filter) }),
    countWorkflows({ filter }) {
      const found = listed(world, filter);
      const counts = new Map<number, number>();
      for (const { status = 0 } of found) counts.set(status, (counts.get(status) ?? 0) + 1);
      const byStatus = [...counts].map(([status, count]) => ({ status, count: BigInt(count) }));
      return { count: BigInt(found.length), byStatus };
    },
  };
}

function writesOf(parts: AnswerParts): Answers<typeof WorkflowService> {
  const { world } = parts;
  return {
    async startWorkflow(request) {
      const input = startInput(parts, request.spec, request.requestId);
      const { workflowId } = input;
      const started = world.decide(workflowId, (workflow, context) =>
        startWorkflow(workflow, input, context),
      );
      return { workflowId, ...started };
    },
    async startWorkflows({ specs }) {
      const outcomes = specs.map((spec) => {
        const input = startInput(parts, spec, "");
        const { workflowId } = input;
        const started = world.decide(workflowId, (workflow, at) => startWorkflow(workflow, input, at));
        return { outcome: { case: "started" as const, value: { workflowId, ...started } } };
      });
      return { outcomes };
    },
    async signalWithStartWorkflow(request) {
      const { signalName: name, signalPayload: payload, requestId } = request;
      const contentHash = contentOf(SignalWithStartWorkflowRequestSchema, request);
      const signal = { name, payload, header: undefined, links: [], requestId, contentHash, caller };
      const input = { ...startInput(parts, request.spec, requestId), requestHash: contentHash, signal };
      const { workflowId } = input;
      const started = world.decide(workflowId, (workflow, at) => signalWithStart(workflow, input, at));
      return { workflowId, ...started };
    },
    signalWorkflow(request) {
      const { runId } = world.find(request.workflowId, request.runId);
      const { name, payload, header, links, requestId } = request;
      const contentHash = contentOf(SignalWorkflowRequestSchema, request);
      const input = { name, payload, header, links, requestId, contentHash, caller };
      world.decideRun(runId, (run, context) => signalWorkflow(run, input, context));
      return { runId };
    },
    cancelWorkflow(request) {
      const { runId } = world.find(request.workflowId, request.runId);
      const { reason, cancelPending, requestId } = request;
      const contentHash = contentOf(CancelWorkflowRequestSchema, request);
      const input = { reason, cancelPending, requestId, contentHash, caller };
      return { runId, ...world.decideRun(runId, (run, context) => cancelWorkflow(run, input, context)) };
    },
    terminateWorkflow(request) {
      const { runId } = world.find(request.workflowId, request.runId);
      const { reason, details, requestId } = request;
      const contentHash = contentOf(TerminateWorkflowRequestSchema, request);
      const input = { reason, details, requestId, contentHash, caller };
      world.decideRun(runId, (run, context) => terminateWorkflow(run, input, context));
      return { runId };
    },
  };
}

function startInput(parts: AnswerParts, given: WorkflowSpec | undefined, requestId: string): StartInput {
  const asked = create(WorkflowSpecSchema, given);
  const workflowId = asked.workflowId || randomUUID();
  const spec = { ...asked, workflowId, taskQueue: asked.taskQueue || "default" };
  if (!parts.isKnown(spec.workflowType)) throw missingWorkflow(spec.workflowType);
  const requestHash = contentOf(WorkflowSpecSchema, asked);
  return { namespace: parts.world.namespace, workflowId, spec, requestId, requestHash, caller };
}

async function update(parts: AnswerParts, request: UpdateWorkflowRequest, { signal }: CallOptions) {
  const { world } = parts;
  const { name, input, header, waitStage } = request;
  const updateId = request.updateId || randomUUID();
  const { runId } = world.find(request.workflowId, request.runId);
  const asked = create(UpdateRequestSchema, {
    ...{ updateId, name },
    ...(input && { input }),
    ...(header && { header }),
  });
  const contentHash = contentOf(UpdateRequestSchema, asked);
  world.decideRun(runId, (run, context) =>
    admitUpdate(run, { request: { ...asked, identity: request.identity }, contentHash }, context),
  );
  return { update: await readUpdate(parts, { run: world.run(runId), updateId, waitStage, signal }) };
}

/** Waits for the end of a run, and of those that go on for it. */
function result(parts: AnswerParts, request: GetWorkflowResultRequest, { signal }: CallOptions) {
  const { world, waiters } = parts;
  const { workflowId, thisRunOnly } = request;
  let run: RunState = world.find(workflowId, request.runId);
  return waiters.until({
    what: `the result of workflow "${workflowId}"`,
    place: workflowId,
    signal,
    look() {
      for (;;) {
        run = world.run(run.runId);
        if (!isClosedStatus(run.status)) return undefined;
        const { outcome, nextRunId } = endOf(world, run);
        if (thisRunOnly || nextRunId === "") return { runId: run.runId, outcome };
        run = world.run(nextRunId);
      }
    },
  });
}
