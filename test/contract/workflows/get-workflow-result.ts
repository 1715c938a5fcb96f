import { expect } from "vitest";
import { TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type GetWorkflowResultRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Init, json, type Scene, seconds } from "../scene.js";
import { cancelWorkflow, continueAsNew, failWorkflow } from "./commands.js";

const wait = seconds(20);

const result = ({ workflows, namespace }: Scene, request: Init<typeof GetWorkflowResultRequestSchema> = {}) =>
  workflows.getWorkflowResult({ namespace, workflowId: "wf", ...request });

/** Makes the next run of the workflow id end with a result. */
async function completeNext(scene: Scene): Promise<void> {
  await scene.complete(await scene.takeTask({ wait: seconds(10) }), [completeWorkflow("42")]);
}

const completed = { status: WorkflowStatus.COMPLETED, value: { case: "result", value: json("42") } };

export const getWorkflowResult = operation(WorkflowService.method.getWorkflowResult, {
  happy: {
    "waits for the result, and leaves no event": async (scene) => {
      const runId = await scene.start("wf");
      const waiting = result(scene, { wait });
      await completeNext(scene);
      const { outcome, ...rest } = await waiting;
      expect(rest).toMatchObject({ runId });
      expect(outcome).toMatchObject({ runId, ...completed });
      expect(outcome?.closeTime).toBeDefined();
      expect(await scene.history("wf")).toHaveLength(5);
    },
    "answers at once where the run has ended": async (scene) => {
      const runId = await scene.startClosed("wf");
      expect(await result(scene)).toMatchObject({
        ...{ runId, outcome: { status: WorkflowStatus.COMPLETED, value: { value: json("1") } } },
      });
    },
    "answers without an outcome when the wait is over": async (scene) => {
      const runId = await scene.start("wf");
      const early = await result(scene, { wait: {} });
      expect([early.runId, early.outcome]).toEqual([runId, undefined]);
      const timed = await result(scene, { wait: { nanos: 1_000_000 } });
      expect(timed.outcome).toBeUndefined();
    },
    "answers without an outcome before the caller's deadline": async (scene) => {
      await scene.start("wf");
      const { workflows, namespace } = scene;
      const waiting = workflows.getWorkflowResult({ namespace, workflowId: "wf" }, { timeoutMs: 1_000 });
      expect((await waiting).outcome).toBeUndefined();
    },
    "tells how the run ended otherwise": async (scene) => {
      const { workflows, namespace } = scene;
      await scene.startWith("wf", [failWorkflow("sold out")]);
      expect((await result(scene)).outcome).toMatchObject({
        ...{ status: WorkflowStatus.FAILED, value: { case: "failure", value: { message: "sold out" } } },
      });
      await scene.start("wf", { runTimeout: seconds(60) });
      await scene.pass(61_000);
      expect((await result(scene)).outcome).toMatchObject({
        status: WorkflowStatus.TIMED_OUT,
        value: { value: { kind: { case: "timeout", value: { kind: TimeoutKind.START_TO_CLOSE } } } },
      });
      await scene.start("wf");
      await workflows.terminateWorkflow({ namespace, workflowId: "wf", reason: "stuck", identity: "ada" });
      expect((await result(scene)).outcome).toMatchObject({
        status: WorkflowStatus.TERMINATED,
        value: { value: { message: "stuck", kind: { case: "terminated", value: { identity: "ada" } } } },
      });
      await scene.startWith("wf", []);
      await workflows.cancelWorkflow({ namespace, workflowId: "wf" });
      await scene.complete(await scene.takeTask(), [cancelWorkflow]);
      expect((await result(scene)).outcome).toMatchObject({
        ...{ status: WorkflowStatus.CANCELLED, value: { value: { kind: { case: "cancelled" } } } },
      });
    },
    "follows continue-as-new, while it waits and later": async (scene) => {
      const runId = await scene.start("wf");
      const waiting = result(scene, { runId, wait });
      await scene.complete(await scene.takeTask(), [continueAsNew()]);
      await scene.pass(2_000);
      await completeNext(scene);
      const answer = await waiting;
      expect(answer.outcome).toMatchObject({ runId: answer.runId, ...completed });
      expect(answer.runId).not.toBe(runId);
      expect(await result(scene, { runId })).toEqual(answer);
    },
    "follows retries": async (scene) => {
      const runId = await scene.start("wf", { retryPolicy: { jitter: 0, maximumAttempts: 2 } });
      const waiting = result(scene, { runId, wait });
      await scene.complete(await scene.takeTask(), [failWorkflow()]);
      await scene.pass(2_000);
      await completeNext(scene);
      expect((await waiting).outcome).toMatchObject(completed);
    },
    "follows resets of an open run": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const { workflows, namespace } = scene;
      const { runId: newRunId } = await workflows.resetWorkflow({ namespace, workflowId: "wf", eventId: 4 });
      const waiting = result(scene, { runId, wait });
      await completeNext(scene);
      expect(await waiting).toMatchObject({ runId: newRunId, outcome: completed });
      const { outcome } = await result(scene, { runId, thisRunOnly: true });
      expect(outcome).toMatchObject({ runId, status: WorkflowStatus.TERMINATED });
    },
    "waits for one run alone if it is told to": async (scene) => {
      const runId = await scene.startWith("wf", [continueAsNew()]);
      const { outcome } = await result(scene, { runId, thisRunOnly: true });
      expect(outcome).toMatchObject({ runId, status: WorkflowStatus.CONTINUED_AS_NEW });
      expect(outcome?.value.case).toBeUndefined();
      const failed = await scene.start("other", { retryPolicy: { jitter: 0, maximumAttempts: 2 } });
      await scene.complete(await scene.takeTask(), [failWorkflow()]);
      const alone = { workflowId: "other", runId: failed, thisRunOnly: true };
      expect((await result(scene, alone)).outcome).toMatchObject({ status: WorkflowStatus.FAILED });
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await scene.startClosed("wf");
      expect(await result(scene)).toEqual(await result(scene));
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => result(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return result(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run that goes on was deleted": async (scene) => {
        const runId = await scene.startWith("wf", [continueAsNew()]);
        await scene.remove("wf");
        return result(scene, { runId });
      },
      "the run is deleted while it is waited for": async (scene) => {
        await scene.start("wf");
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => result({ ...scene, ...own }, { wait }));
      },
    },
  },
  elsewhere: {
    "the run is not there": async (scene) => {
      const runId = await scene.startClosed("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(result(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: { workflowId: "wf", wait: seconds(56) }, field: "wait" },
});
