/** The calls about an activity, and why each of them is refused alike. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FailureSchema } from "../../../gen/pawl/v1/failure_pb.js";
import type { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import type {
  ActivityCompletionSchema,
  ActivityRefSchema,
  ActivityTask,
} from "../../../gen/pawl/v1/task_pb.js";
import { ms, scheduleActivity, tokenOf } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import type { OperationContract } from "../contract.js";
import type { Scene } from "../scene.js";

type CompletionInit = Exclude<MessageInitShape<typeof ActivityCompletionSchema>, { $typeName: string }>;
type Failure = MessageInitShape<typeof FailureSchema>;

/** Which activity a call is about. */
export type Target = NonNullable<CompletionInit["target"]>;
/** How an activity ends. */
export type Outcome = NonNullable<CompletionInit["outcome"]>;

/** An activity by its lease. */
export const held = ({ taskToken }: ActivityTask): Target => ({ case: "taskToken", value: taskToken });
/** An activity by its run and its id or seq. */
export const named = (value: MessageInitShape<typeof ActivityRefSchema>): Target => ({
  case: "activity",
  value,
});
/** The activity with seq 1 of the workflow "wf". */
export const first = named({ workflowId: "wf", activity: { case: "seq", value: 1 } });

/** Ends an activity; left out, with no result. */
export function complete({ workers, namespace }: Scene, target: Target, outcome?: Outcome) {
  const completion = { target, ...(outcome && { outcome }) };
  return workers.completeActivityTasks({ namespace, identity: "till", completions: [completion] });
}

/** Fails an attempt. */
export function fail({ workers, namespace }: Scene, target: Target, failure: Failure = {}) {
  const report = { target, failure: { message: "card declined", ...failure } };
  return workers.failActivityTasks({ namespace, identity: "till", failures: [report] });
}

/** Says that an attempt is alive. */
export function beat(
  { workers, namespace }: Scene,
  target: Target,
  details?: MessageInitShape<typeof PayloadSchema>,
) {
  return workers.heartbeatActivityTasks({
    namespace,
    heartbeats: [{ target, ...(details && { details }) }],
  });
}

/** Workflow code asks the activity of "wf" to cancel. */
export async function requestCancel(scene: Scene): Promise<void> {
  const { workflows, namespace } = scene;
  await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "enough" });
  await scene.complete(await scene.takeTask(), [
    { seq: 2, kind: { case: "cancelActivity", value: { activitySeq: 1 } } },
  ]);
}

/** Why a call about an activity is refused, whatever it says. */
export function refusedTargets(
  call: (scene: Scene, target: Target) => Promise<unknown>,
): OperationContract["refused"] {
  return {
    INVALID_TOKEN: {
      "the token was altered": async (scene) => {
        const token = Uint8Array.from(tokenOf(await scene.holdActivity("wf")));
        token.set([0], token.length - 1);
        return call(scene, { case: "taskToken", value: token });
      },
      "the token is that of a workflow task": async (scene) => {
        await scene.start("wf");
        return call(scene, { case: "taskToken", value: tokenOf(await scene.takeTask()) });
      },
    },
    STALE_LEASE: {
      "the attempt has timed out": async (scene) => {
        const task = await scene.holdActivity("wf", { startToCloseTimeout: ms(5_000) });
        await scene.pass(6_000);
        return call(scene, held(task));
      },
      "another has ended the activity": async (scene) => {
        const task = await scene.holdActivity("wf");
        await accepted(complete(scene, first));
        return call(scene, held(task));
      },
      "the run has closed": async (scene) => {
        const task = await scene.holdActivity("wf");
        await scene.workflows.terminateWorkflow({ namespace: scene.namespace, workflowId: "wf" });
        return call(scene, held(task));
      },
      "it is named, and no worker has it": async (scene) => {
        await scene.startWith("wf", [scheduleActivity(1)]);
        return call(scene, first);
      },
    },
    ACTIVITY_NOT_FOUND: {
      "the run has none of this id": async (scene) => {
        await scene.holdActivity("wf");
        return call(scene, named({ workflowId: "wf", activity: { case: "activityId", value: "other" } }));
      },
      "it is named, and has ended": async (scene) => {
        await accepted(complete(scene, held(await scene.holdActivity("wf"))));
        return call(scene, first);
      },
    },
    WORKFLOW_NOT_FOUND: {
      "it is named, and there is no such workflow": (scene) => call(scene, first),
    },
    WORKFLOW_CLOSED: {
      "it is named, and its run has closed": async (scene) => {
        await scene.startClosed("wf");
        return call(scene, first);
      },
    },
  };
}
