import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { CompleteWorkflowCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type Closing, closingCasesOf, tellsParent } from "../closing-operation.js";
import { operation } from "../contract.js";
import { begin } from "../direct-operation.js";
import { json } from "../scene.js";

const direct: Closing<MessageInitShape<typeof CompleteWorkflowCommandSchema>> = {
  call: ({ workers }, request) => workers.completeWorkflow(request),
  command: { result: json("42") },
  other: { result: json("43") },
  event: "workflowCompleted",
  isClosing: true,
  status: WorkflowStatus.COMPLETED,
};
const { happy, repeated, refused, elsewhere } = closingCasesOf(direct);

export const completeWorkflow = operation(WorkerService.method.completeWorkflow, {
  happy: {
    ...happy,
    ...tellsParent(direct, "childWorkflowCompleted"),
    "gives its result to those who wait for it": async (scene) => {
      const { workers, workflows, namespace } = scene;
      await workers.completeWorkflow(await begin(scene, direct));
      const { outcome } = await workflows.getWorkflowResult({ namespace, workflowId: "wf" });
      expect(outcome).toMatchObject({
        status: WorkflowStatus.COMPLETED,
        value: { case: "result", value: json("42") },
      });
      expect((await scene.events("wf")).at(-1)?.kind.value).toMatchObject({ result: json("42") });
    },
    "may end without a result": async (scene) => {
      await scene.workers.completeWorkflow({ ...(await begin(scene, direct)), command: {} });
      const { kind } = await scene.eventOf("workflowCompleted", "wf");
      expect(kind.value).not.toHaveProperty("result");
    },
  },
  repeated,
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", runId: crypto.randomUUID(), seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 1, command: direct.command }, field: "run_id" },
});
