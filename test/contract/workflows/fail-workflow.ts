import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { FailWorkflowCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { ContinuationReason } from "../../../gen/pawl/v1/event_pb.js";
import { RetryState } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type Closing, closingCasesOf, tellsParent } from "../closing-operation.js";
import { operation } from "../contract.js";
import { begin, requestFor } from "../direct-operation.js";
import { json, type Scene, seconds } from "../scene.js";

const failure = { message: "out of stock" };
const direct: Closing<MessageInitShape<typeof FailWorkflowCommandSchema>> = {
  call: ({ workers }, request) => workers.failWorkflow(request),
  command: { failure },
  other: { failure: { message: "out of money" } },
  event: "workflowFailed",
  isClosing: true,
  status: WorkflowStatus.FAILED,
};
const { happy, repeated, refused, elsewhere } = closingCasesOf(direct);
const nonRetryable = { ...failure, kind: { case: "application" as const, value: { nonRetryable: true } } };

/** Starts a run that may be tried a second time. Answers its run id. */
function startRetried(scene: Scene): Promise<string> {
  return scene.start("wf", {
    input: json("7"),
    memo: { note: json('"gift"') },
    retryPolicy: { maximumAttempts: 2, initialInterval: seconds(30), jitter: 0 },
  });
}

export const failWorkflow = operation(WorkerService.method.failWorkflow, {
  happy: {
    ...happy,
    ...tellsParent(direct, "childWorkflowFailed"),
    "without a retry policy no run follows": async (scene) => {
      const request = await begin(scene, direct);
      expect(await scene.workers.failWorkflow(request)).toMatchObject({ nextRunId: "" });
      expect((await scene.events("wf")).at(-1)?.kind.value).toMatchObject({
        failure,
        retryState: RetryState.RETRY_POLICY_NOT_SET,
      });
    },
    "with a retry policy opens the next run in the same transition, whose first task waits for the back-off":
      async (scene) => {
        const runId = await startRetried(scene);
        const { nextRunId } = await scene.workers.failWorkflow(await requestFor(scene, direct, runId));
        expect(await scene.runIdOf("wf")).toBe(nextRunId);
        const failed = await scene.eventOf("workflowFailed", "wf", runId);
        expect(failed.kind.value).toMatchObject({ retryState: RetryState.IN_PROGRESS, nextRunId });
        const [started] = await scene.events("wf", nextRunId);
        expect(started).toMatchObject({
          eventTime: failed.eventTime,
          kind: {
            value: {
              attempt: 2,
              input: json("7"),
              memo: { note: json('"gift"') },
              continuedRunId: runId,
              firstRunId: runId,
              continuationReason: ContinuationReason.RETRY,
              continuedFailure: failure,
              firstTaskDelay: seconds(30),
            },
          },
        });
        await scene.pass(31_000);
        expect((await scene.takeTask()).runId).toBe(nextRunId);
      },
    "is tried no more once all attempts were made": async (scene) => {
      const first = await requestFor(scene, direct, await startRetried(scene));
      const { nextRunId: runId } = await scene.workers.failWorkflow(first);
      await scene.pass(31_000);
      const last = await scene.workers.failWorkflow(await requestFor(scene, direct, runId));
      expect(last.nextRunId).toBe("");
      expect((await scene.events("wf")).at(-1)?.kind.value).toMatchObject({
        retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED,
      });
    },
    "is tried no more after a failure that says so": async (scene) => {
      const request = await requestFor(scene, direct, await startRetried(scene));
      const failed = await scene.workers.failWorkflow({ ...request, command: { failure: nonRetryable } });
      expect(failed.nextRunId).toBe("");
      expect((await scene.events("wf")).at(-1)?.kind.value).toMatchObject({
        retryState: RetryState.NON_RETRYABLE_FAILURE,
      });
    },
    "cuts a failure that is larger than 256 KiB, and says so": async (scene) => {
      const stackTrace = "x".repeat(300 * 1024);
      await scene.workers.failWorkflow({
        ...(await begin(scene, direct)),
        command: { failure: { ...failure, stackTrace } },
      });
      const [closing] = (await scene.events("wf")).slice(-1);
      expect(closing?.kind.value).toMatchObject({ failure: { ...failure, truncated: true } });
    },
  },
  repeated: {
    ...repeated,
    "names the next run again": async (scene) => {
      const request = await requestFor(scene, direct, await startRetried(scene));
      const { nextRunId } = await scene.workers.failWorkflow(request);
      expect(await scene.workers.failWorkflow(request)).toMatchObject({
        nextRunId,
        state: { isExisting: true },
      });
    },
  },
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", runId: crypto.randomUUID(), seq: 1, command: direct.command }),
  malformed: {
    request: { workflowId: "wf", runId: crypto.randomUUID(), seq: 1, command: {} },
    field: "command.failure",
  },
});
