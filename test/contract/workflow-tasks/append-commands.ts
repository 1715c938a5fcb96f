import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { scheduleTimer, tokenOf } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type CommandInit, completeWorkflow, type Scene, seconds } from "../scene.js";
import { completeTask, failTask, type Holder, refusedTokens } from "./calls.js";

const timer = (seq: number) => scheduleTimer(seq, 60);

async function takeFirst(scene: Scene) {
  await scene.start("wf");
  return scene.takeTask();
}

/** Sends commands ahead; answers how many the task has. */
async function append(
  { workers, namespace }: Scene,
  task: Holder,
  offset: number,
  commands: CommandInit[],
): Promise<number> {
  const { count } = await workers.appendCommands({ namespace, taskToken: tokenOf(task), offset, commands });
  return count;
}

export const appendCommands = operation(WorkerService.method.appendCommands, {
  happy: {
    "keeps commands with the task; they come ahead of those of its completion": async (scene) => {
      const task = await takeFirst(scene);
      expect(await append(scene, task, 0, [timer(1), timer(2)])).toBe(2);
      expect(await append(scene, task, 2, [timer(3)])).toBe(3);
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskStarted");
      await scene.complete(task, [completeWorkflow("1")]);
      expect((await scene.history("wf")).slice(3)).toEqual([
        "workflowTaskCompleted",
        ...[1, 2, 3].map(() => "timerScheduled"),
        "workflowCompleted",
      ]);
    },
    "is judged with the completion, which names a wrong command by its place among all": async (scene) => {
      const task = await takeFirst(scene);
      await append(scene, task, 0, [timer(1), timer(1)]);
      expect(await refusalOf(completeTask(scene, task))).toMatchObject({
        reason: "INVALID_COMMAND",
        metadata: { command_index: "1" },
      });
    },
    "leaves the end of the task to a completion: a direct operation with its token is refused": async (
      scene,
    ) => {
      const task = await takeFirst(scene);
      await append(scene, task, 0, [timer(1)]);
      const { workers, namespace } = scene;
      const command = { duration: seconds(60) };
      const direct = { namespace, workflowId: "wf", seq: 2, command, taskToken: tokenOf(task) };
      expect(await refusalOf(workers.scheduleTimer(direct))).toMatchObject({
        ...{ reason: "INVALID_FIELD", metadata: { field: "task_token" } },
      });
      await scene.complete(task, [timer(2)]);
      expect((await scene.history("wf")).slice(3)).toEqual([
        ...["workflowTaskCompleted", "timerScheduled", "timerScheduled"],
      ]);
    },
    "does not outlive the task": async (scene) => {
      const task = await takeFirst(scene);
      await append(scene, task, 0, [timer(1)]);
      await accepted(failTask(scene, task));
      await scene.pass(1_100);
      await scene.complete(await scene.takeTask());
      expect(await scene.history("wf")).not.toContain("timerScheduled");
    },
  },
  repeated: {
    "with the same offset, nothing is added": async (scene) => {
      const task = await takeFirst(scene);
      expect(await append(scene, task, 0, [timer(1)])).toBe(1);
      expect(await append(scene, task, 0, [timer(1)])).toBe(1);
      await scene.complete(task);
      expect((await scene.history("wf")).slice(3)).toEqual(["workflowTaskCompleted", "timerScheduled"]);
    },
  },
  refused: {
    ...refusedTokens((scene, task) => append(scene, task, 0, [timer(1)])),
    CALL_LIMIT: {
      "the commands of the task have more than 64 MiB": async (scene) => {
        const task = await takeFirst(scene);
        // As if so much had been sent: to send it would take a minute.
        await scene.house.cluster.run(
          `update pawl.runs
           set workflow_task = jsonb_set(workflow_task::jsonb, '{appended}', '{"count": 1, "bytes": 67108864}')::json,
             version = version + 1
           where run_id = $1`,
          [task.runId],
        );
        return append(scene, task, 1, [timer(2)]);
      },
    },
  },
  elsewhere: {
    "a token is of no use in another namespace": async (scene) => {
      const task = await takeFirst(scene);
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(append(other, task, 0, [timer(1)]))).toMatchObject({ reason: "INVALID_TOKEN" });
    },
  },
  nowhere: async (scene) => ({ taskToken: tokenOf(await takeFirst(scene)), commands: [timer(1)] }),
  malformed: { request: { taskToken: Uint8Array.of(1) }, field: "commands" },
});
