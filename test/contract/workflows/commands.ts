/** The commands of the cases of WorkflowService, in as few words as it takes. */
import type { ParentClosePolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { type CommandInit, json } from "../scene.js";

/** Starts a child of type "packing". */
export const startChild = (
  seq: number,
  workflowId: string,
  parentClosePolicy?: ParentClosePolicy,
): CommandInit => ({
  seq,
  kind: {
    case: "startChildWorkflow",
    value: {
      spec: { workflowId, workflowType: "packing" },
      ...(parentClosePolicy === undefined ? {} : { parentClosePolicy }),
    },
  },
});

/** Ends the run and begins another in its place. */
export const continueAsNew = (input = "1"): CommandInit => ({
  kind: { case: "continueAsNew", value: { input: json(input) } },
});

/** Ends the run with a failure. */
export const failWorkflow = (message = "sold out"): CommandInit => ({
  kind: { case: "failWorkflow", value: { failure: { message } } },
});

/** Ends the run as cancelled. */
export const cancelWorkflow: CommandInit = { kind: { case: "cancelWorkflow", value: {} } };

/** Lets an update pass its validator. */
export const acceptUpdate = (updateId: string): CommandInit => ({
  kind: { case: "acceptUpdate", value: { updateId } },
});

/** Lets an update fail its validator. */
export const rejectUpdate = (updateId: string): CommandInit => ({
  kind: { case: "rejectUpdate", value: { updateId, failure: { message: "too much" } } },
});

/** Answers an update. */
export const completeUpdate = (updateId: string): CommandInit => ({
  kind: { case: "completeUpdate", value: { updateId, outcome: { case: "result", value: json('"set"') } } },
});
