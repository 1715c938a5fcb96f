/** Sending updates, and how they end. */
import {
  UpdateStage,
  type UpdateState,
  type UpdateWorkflowRequestSchema,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { type Init, json, present, type Scene } from "../scene.js";

/** Sends an update to the run of id "wf". */
export async function update(
  { workflows, namespace }: Scene,
  request: Init<typeof UpdateWorkflowRequestSchema> = {},
): Promise<UpdateState> {
  const answer = await workflows.updateWorkflow({ namespace, workflowId: "wf", name: "set", ...request });
  return present(answer.update, "the answer has no update");
}

/** Sends an update, and waits for no more than that it is durable. */
export const admitted = (scene: Scene, updateId: string): Promise<UpdateState> =>
  update(scene, { updateId, waitStage: UpdateStage.ADMITTED });

/** An update that the run's code has answered. */
export const answered = {
  stage: UpdateStage.COMPLETED,
  outcome: { case: "result", value: json('"set"') },
};

/** An update that has failed its validator. */
export const rejected = {
  stage: UpdateStage.COMPLETED,
  outcome: { case: "failure", value: { message: "too much" } },
};
