import { expect } from "vitest";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  QueryRejectCondition,
  type QueryWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { tokenOf } from "../../support/actor.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { type Init, json, present, type Scene, seconds } from "../scene.js";
import { failWorkflow } from "./commands.js";

const query = (
  { workflows, namespace }: Pick<Scene, "workflows" | "namespace">,
  request: Init<typeof QueryWorkflowRequestSchema> = {},
  timeoutMs = 20_000,
) => workflows.queryWorkflow({ namespace, workflowId: "wf", name: "state", ...request }, { timeoutMs });

/** The answer to the query that a task has. */
function answersOf({ queries }: WorkflowTask, result: string) {
  const { queryId } = present(queries[0], "the task has no query");
  return [{ queryId, outcome: { case: "result", value: json(result) } as const }];
}

/** Answers the query that comes to a worker which polls. */
async function answerNext(scene: Scene, result: string): Promise<WorkflowTask> {
  const task = await scene.takeTask({ wait: seconds(10) });
  const { workers, namespace } = scene;
  await workers.answerQueries({ namespace, answers: answersOf(task, result) });
  return task;
}

export const queryWorkflow = operation(WorkflowService.method.queryWorkflow, {
  happy: {
    "is answered by a worker that polls, and leaves no event": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const before = await scene.events("wf");
      const asked = query(scene, { input: json("1"), header: { fields: { trace: json('"7"') } } });
      const task = await answerNext(scene, '"fine"');
      expect(task).toMatchObject({ workflowId: "wf", runId, isQueryOnly: true, history: before });
      expect(task.queries).toMatchObject([
        { name: "state", input: json("1"), header: { fields: { trace: json('"7"') } } },
      ]);
      expect(await asked).toMatchObject({
        ...{ outcome: { case: "result", value: json('"fine"') }, status: WorkflowStatus.RUNNING },
      });
      expect(await scene.events("wf")).toEqual(before);
    },
    "goes with a workflow task that is pending, and sees what came before it": async (scene) => {
      await scene.startWith("wf", []);
      const { workflows, workers, namespace, house } = scene;
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "go" });
      const asked = query(scene);
      await expect.poll(() => house.main.server.held().queries, { timeout: 10_000 }).toBe(1);
      const task = await scene.takeTask({ wait: seconds(10) });
      expect(task.isQueryOnly).toBe(false);
      expect(task.history.map(({ kind }) => kind.case)).toContain("signalReceived");
      const completions = [{ taskToken: tokenOf(task), queryAnswers: answersOf(task, "2") }];
      await workers.completeWorkflowTasks({ namespace, completions });
      expect((await asked).outcome).toMatchObject({ case: "result", value: json("2") });
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskCompleted");
    },
    "answers with the failure of the handler": async (scene) => {
      await scene.startWith("wf", []);
      const asked = query(scene);
      const { queries } = await scene.takeTask({ wait: seconds(10) });
      const { queryId } = present(queries[0], "the task has no query");
      const { workers, namespace } = scene;
      await workers.answerQueries({
        namespace,
        answers: [{ queryId, outcome: { case: "failure", value: { message: "no such handler" } } }],
      });
      expect((await asked).outcome).toMatchObject({ case: "failure", value: { message: "no such handler" } });
    },
    "asks a closed run too": async (scene) => {
      await scene.startClosed("wf");
      const asked = query(scene, { rejectCondition: QueryRejectCondition.NOT_COMPLETED_CLEANLY });
      await answerNext(scene, "3");
      expect(await asked).toMatchObject({ outcome: { value: json("3") }, status: WorkflowStatus.COMPLETED });
    },
    "falls back to the latest snapshot if it may and no worker is there": async (scene) => {
      await scene.start("wf");
      const { workers, namespace } = scene;
      for (const seq of [1, 2])
        await workers.createSnapshot({
          ...{
            namespace,
            workflowId: "wf",
            seq,
            command: { asOfEventId: seq, state: json(`{"step":${seq}}`) },
          },
        });
      expect(await query(scene, { allowSnapshot: true })).toMatchObject({
        ...{ outcome: { case: "snapshot", value: json('{"step":2}') }, status: WorkflowStatus.RUNNING },
      });
    },
  },
  repeated: {
    "asks again, and leaves no event": async (scene) => {
      await scene.startWith("wf", []);
      const before = await scene.history("wf");
      for (const result of ["1", "2"]) {
        const asked = query(scene);
        await answerNext(scene, result);
        expect((await asked).outcome.value).toMatchObject(json(result));
      }
      expect(await scene.history("wf")).toEqual(before);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => query(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return query(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run is deleted while it is to be asked": async (scene) => {
        await scene.startClosed("wf");
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => query({ ...scene, ...own }));
      },
      "the run is deleted while its snapshot is read": async (scene) => {
        await scene.startClosed("wf");
        const deleting = onAnswer("read_snapshot", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => query({ ...scene, ...own }, { allowSnapshot: true }));
      },
    },
    WORKFLOW_CLOSED: {
      "the run is closed, and only an open one may be asked": async (scene) => {
        await scene.startClosed("wf");
        return query(scene, { rejectCondition: QueryRejectCondition.NOT_OPEN });
      },
      "the run failed, and only an open or completed one may be asked": async (scene) => {
        await scene.startWith("wf", [failWorkflow()]);
        return query(scene, { rejectCondition: QueryRejectCondition.NOT_COMPLETED_CLEANLY });
      },
    },
    NO_WORKER: {
      "no worker was seen for a while": async (scene) => {
        await scene.start("wf");
        return query(scene);
      },
      "the workers that are there handle other types": async (scene) => {
        await scene.start("wf");
        const { workers, namespace } = scene;
        await workers.registerWorker({ namespace, worker: { workflowTypes: ["refund"] } });
        return query(scene);
      },
      "no worker was seen for a while, and there is no snapshot": async (scene) => {
        await scene.start("wf");
        return query(scene, { allowSnapshot: true });
      },
    },
    DEADLINE: {
      "a worker was seen, and none answered in time": async (scene) => {
        await scene.startWith("wf", []);
        return query(scene, {}, 1_000);
      },
    },
  },
  elsewhere: {
    "the run is not there": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(query(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
    },
    "an answer from there does not reach the caller": async (scene) => {
      await scene.startWith("wf", []);
      const asked = query(scene);
      const task = await scene.takeTask({ wait: seconds(10) });
      const { workers, namespace } = scene;
      const answers = answersOf(task, "1");
      await workers.answerQueries({ namespace: await scene.makeNamespace(), answers });
      const [answer] = answers;
      await workers.answerQueries({
        namespace,
        answers: [
          { ...present(answer, "there is no answer"), outcome: { case: "result", value: json("2") } },
        ],
      });
      expect((await asked).outcome.value).toMatchObject(json("2"));
    },
  },
  nowhere: () => ({ workflowId: "wf", name: "state" }),
  malformed: { request: { workflowId: "wf" }, field: "name" },
});
