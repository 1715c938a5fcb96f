import { expect } from "vitest";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { json, present, type Scene, seconds } from "../scene.js";

/** An idle run is asked, and its query given to a worker. */
async function takeQuery(scene: Scene) {
  const { workflows, namespace } = scene;
  await scene.startWith("wf", []);
  const polling = scene.takeTask({ wait: seconds(20) });
  await scene.isPolled();
  const asked = workflows.queryWorkflow({ namespace, workflowId: "wf", name: "state" });
  return { asked, task: await polling };
}

function answer({ workers, namespace }: Scene, { queries }: WorkflowTask, result: string) {
  const { queryId } = present(queries[0], "no query");
  return workers.answerQueries({
    namespace,
    answers: [{ queryId, outcome: { case: "result", value: json(result) } }],
  });
}

export const answerQueries = operation(WorkerService.method.answerQueries, {
  happy: {
    "passes an answer on to who asked, without an event": async (scene) => {
      const { asked, task } = await takeQuery(scene);
      const before = await scene.events("wf");
      expect(task).toMatchObject({ isQueryOnly: true, workflowId: "wf", queries: [{ name: "state" }] });
      expect(task.history).toEqual(before);
      await answer(scene, task, '"packing"');
      expect((await asked).outcome).toMatchObject({ case: "result", value: json('"packing"') });
      expect(await scene.events("wf")).toEqual(before);
    },
    "passes a failure on": async (scene) => {
      const { asked, task } = await takeQuery(scene);
      const { queryId } = present(task.queries[0], "no query");
      const failure = { case: "failure", value: { message: "no such query" } } as const;
      const { workers, namespace } = scene;
      await workers.answerQueries({ namespace, answers: [{ queryId, outcome: failure }] });
      expect((await asked).outcome).toMatchObject({ case: "failure", value: { message: "no such query" } });
    },
    "passes over a query that nobody waits for any more": async ({ workers, namespace }) => {
      await workers.answerQueries({ namespace, answers: [{ queryId: crypto.randomUUID() }] });
    },
  },
  repeated: {
    "the first answer counts": async (scene) => {
      const { asked, task } = await takeQuery(scene);
      await answer(scene, task, "1");
      await answer(scene, task, "2");
      expect((await asked).outcome).toMatchObject({ value: json("1") });
      await answer(scene, task, "3");
    },
  },
  refused: {},
  elsewhere: {
    "an answer that comes from another namespace is passed over": async (scene) => {
      const { asked, task } = await takeQuery(scene);
      await answer({ ...scene, namespace: await scene.makeNamespace() }, task, '"forged"');
      await answer(scene, task, '"true"');
      expect((await asked).outcome).toMatchObject({ value: json('"true"') });
    },
  },
  nowhere: () => ({ answers: [{ queryId: "q" }] }),
  malformed: { request: {}, field: "answers" },
});
