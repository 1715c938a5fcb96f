/** The calls about a workflow task, and why each of them is refused alike. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  WorkflowTask,
  WorkflowTaskCompletionSchema,
  WorkflowTaskFailureReportSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import type { CompleteWorkflowTasksRequestSchema } from "../../../gen/pawl/v1/worker_service_pb.js";
import { tokenOf } from "../../support/actor.js";
import type { OperationContract } from "../contract.js";
import type { CommandInit, Scene } from "../scene.js";

type Fields<T> = Omit<Exclude<T, { $typeName: string }>, "$typeName">;

/** What holds a task: the task itself, or another's token. */
export type Holder = Pick<WorkflowTask, "taskToken">;

/** Completes a workflow task; `rest` is said of the call. */
export function completeTask(
  { workers, namespace }: Scene,
  task: Holder,
  commands: CommandInit[] = [],
  rest: Fields<MessageInitShape<typeof CompleteWorkflowTasksRequestSchema>> = {},
) {
  const completions = [{ taskToken: tokenOf(task), commands }];
  return workers.completeWorkflowTasks({ namespace, completions, ...rest });
}

/** Completes a workflow task with more than commands. */
export function completeWith(
  { workers, namespace }: Scene,
  task: Holder,
  completion: Fields<MessageInitShape<typeof WorkflowTaskCompletionSchema>>,
) {
  return workers.completeWorkflowTasks({
    namespace,
    identity: "4711@host",
    returnNextTasks: true,
    completions: [{ taskToken: tokenOf(task), ...completion }],
  });
}

/** Fails a workflow task. */
export function failTask(
  { workers, namespace }: Scene,
  task: Holder,
  report: Fields<MessageInitShape<typeof WorkflowTaskFailureReportSchema>> = {},
) {
  const failures = [{ taskToken: tokenOf(task), failure: { message: "no such method" }, ...report }];
  return workers.failWorkflowTasks({ namespace, identity: "4711@host", failures });
}

/** Why a call with the token of a workflow task is refused, whatever it says. */
export function refusedTokens(
  call: (scene: Scene, task: Holder) => Promise<unknown>,
): OperationContract["refused"] {
  return {
    INVALID_TOKEN: {
      "the token was cut": async (scene) => {
        await scene.start("wf");
        return call(scene, { taskToken: tokenOf(await scene.takeTask()).subarray(0, 20) });
      },
      "the token is that of an activity": async (scene) =>
        call(scene, { taskToken: tokenOf(await scene.holdActivity("wf")) }),
    },
    STALE_LEASE: {
      "the lease has expired": async (scene) => {
        await scene.start("wf");
        const task = await scene.takeTask();
        await scene.pass(11_000);
        return call(scene, task);
      },
      "the run has closed": async (scene) => {
        await scene.start("wf");
        const task = await scene.takeTask();
        await scene.workflows.terminateWorkflow({ namespace: scene.namespace, workflowId: "wf" });
        return call(scene, task);
      },
    },
  };
}
