import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { CancelWorkflowCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type Closing, closingCasesOf, tellsParent } from "../closing-operation.js";
import { operation } from "../contract.js";
import { begin, requestFor } from "../direct-operation.js";
import { json } from "../scene.js";

const direct: Closing<MessageInitShape<typeof CancelWorkflowCommandSchema>> = {
  call: ({ workers }, request) => workers.finaliseCancellation(request),
  command: { details: json('"goods are back"') },
  other: { details: json('"goods are lost"') },
  event: "workflowCancelled",
  isClosing: true,
  status: WorkflowStatus.CANCELLED,
  async prepare(scene) {
    const { workflows, namespace } = scene;
    // A run that no worker has touched would be closed by the request.
    await scene.complete(await scene.takeTask());
    await workflows.cancelWorkflow({ namespace, workflowId: "wf", reason: "too late" });
  },
};
const { happy, repeated, refused, elsewhere } = closingCasesOf(direct);

export const finaliseCancellation = operation(WorkerService.method.finaliseCancellation, {
  happy: {
    ...happy,
    ...tellsParent(direct, "childWorkflowCancelled"),
    "says what the run has to say": async (scene) => {
      const { workers, workflows, namespace } = scene;
      await workers.finaliseCancellation(await begin(scene, direct));
      const [closing] = (await scene.events("wf")).slice(-1);
      expect(closing?.kind.value).toMatchObject(direct.command);
      const { outcome } = await workflows.getWorkflowResult({ namespace, workflowId: "wf" });
      expect(outcome).toMatchObject({
        status: WorkflowStatus.CANCELLED,
        value: { case: "failure", value: { kind: { case: "cancelled", value: direct.command } } },
      });
    },
  },
  repeated,
  refused: {
    ...refused,
    CANCEL_NOT_REQUESTED: {
      "nobody has asked the run to cancel": async (scene) => {
        const runId = await scene.start("wf");
        return scene.workers.finaliseCancellation(await requestFor(scene, direct, runId));
      },
    },
  },
  elsewhere,
  nowhere: () => ({ workflowId: "wf", runId: crypto.randomUUID(), seq: 1, command: {} }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "run_id" },
});
