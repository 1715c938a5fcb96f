import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { TaskKind } from "../../../gen/pawl/v1/namespace_pb.js";
import { NamespaceService } from "../../../gen/pawl/v1/namespace_service_pb.js";
import { scheduleActivity } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { fail, held } from "../activities/calls.js";
import { operation } from "../contract.js";
import { present, type Scene, seconds } from "../scene.js";
import { failTask } from "../workflow-tasks/calls.js";

/** One side of the queue "default". */
async function sideOf({ namespaces, namespace }: Scene, kind: TaskKind) {
  const { queues } = await namespaces.getQueueStats({ namespace, taskQueue: "default" });
  return present(
    queues.find((side) => side.kind === kind),
    "no such side",
  );
}

export const getQueueStats = operation(NamespaceService.method.getQueueStats, {
  happy: {
    "counts workflow tasks that are ready, running and backing off": async (scene) => {
      for (const id of ["failed", "running", "ready"]) await scene.start(id);
      const failed = await scene.takeTask();
      await accepted(failTask(scene, failed));
      await scene.takeTask();
      const side = await sideOf(scene, TaskKind.WORKFLOW);
      expect(side).toMatchObject({ ready: 1n, running: 1n, backingOff: 1n });
    },
    "counts activities apart": async (scene) => {
      await scene.startWith(
        "wf",
        [1, 2, 3].map((seq) => scheduleActivity(seq)),
      );
      await accepted(fail(scene, held(await scene.takeActivity())));
      await scene.takeActivity();
      expect(await sideOf(scene, TaskKind.ACTIVITY)).toMatchObject({
        ready: 1n,
        running: 1n,
        backingOff: 1n,
      });
      expect(await sideOf(scene, TaskKind.WORKFLOW)).toMatchObject({
        ready: 0n,
        running: 0n,
        backingOff: 0n,
      });
    },
    "tells since when the oldest task waits": async (scene) => {
      expect((await sideOf(scene, TaskKind.WORKFLOW)).oldestReadyTime).toBeUndefined();
      await scene.start("old");
      await scene.pass(60_000);
      await scene.start("new");
      const [scheduled] = (await scene.events("old")).slice(1);
      const { oldestReadyTime } = await sideOf(scene, TaskKind.WORKFLOW);
      const apart =
        timestampMs(present(oldestReadyTime, "no time")) -
        timestampMs(present(scheduled?.eventTime, "no time"));
      expect(Math.abs(apart)).toBeLessThan(5_000);
    },
    "counts the polls that wait": async (scene) => {
      const { workers, namespace } = scene;
      const over = new AbortController();
      const polls = [1, 2].map(() =>
        workers.pollActivityTasks({ namespace, wait: seconds(20) }, { signal: over.signal }),
      );
      const ended = Promise.allSettled(polls);
      await scene.isPolled(2);
      expect(await sideOf(scene, TaskKind.ACTIVITY)).toMatchObject({ pollers: 2 });
      expect(await sideOf(scene, TaskKind.WORKFLOW)).toMatchObject({ pollers: 0 });
      over.abort();
      await ended;
      await scene.isPolled(0);
    },
    "tells what came in and went out a second, over the last minute": async (scene) => {
      for (let n = 0; n < 6; n++) await scene.start(`wf-${n}`);
      await scene.workers.pollWorkflowTasks({ namespace: scene.namespace, wait: {}, maxTasks: 3 });
      expect(await sideOf(scene, TaskKind.WORKFLOW)).toMatchObject({ rateIn: 0.1, rateOut: 0.05 });
      await scene.pass(70_000);
      expect(await sideOf(scene, TaskKind.WORKFLOW)).toMatchObject({ rateOut: 0 });
    },
    "tells of all queues with tasks, polls or traffic where none is named, both sides of each": async (
      scene,
    ) => {
      await scene.start("wf", { taskQueue: "tills" });
      await scene.start("other", { taskQueue: "parcels" });
      const { namespaces, namespace } = scene;
      const { queues } = await namespaces.getQueueStats({ namespace });
      expect(queues.map(({ taskQueue, kind }) => `${taskQueue} ${TaskKind[kind]}`)).toEqual([
        "parcels WORKFLOW",
        "parcels ACTIVITY",
        "tills WORKFLOW",
        "tills ACTIVITY",
      ]);
    },
  },
  repeated: {
    "it reads the same, and changes nothing": async (scene) => {
      await scene.start("wf");
      const first = await sideOf(scene, TaskKind.WORKFLOW);
      expect(await sideOf(scene, TaskKind.WORKFLOW)).toEqual(first);
      expect((await scene.takeTask()).workflowId).toBe("wf");
    },
  },
  refused: {
    CALL_LIMIT: {
      "the namespace has more than 5,000 queues, and none is named": async ({
        namespaces,
        namespace,
        house,
      }) => {
        const { cluster } = house;
        // As if another server had polls on them.
        const [server] = await cluster.run<{ id: string }>(
          `insert into pawl.servers (server_id, started_at, seen_at, load)
           select gen_random_uuid(), t, t, (
             select json_agg(json_build_array('workflow', namespace_id, 'q-' || n, 1, 0, 0))
             from pawl.namespaces, generate_series(1, 5001) n where name = $1
           )
           from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as t)
           returning server_id as id`,
          [namespace],
        );
        try {
          return await namespaces.getQueueStats({ namespace });
        } finally {
          await cluster.run("delete from pawl.servers where server_id = $1", [server?.id]);
        }
      },
    },
  },
  elsewhere: {
    "tasks of another namespace are not counted": async (scene) => {
      await scene.start("wf");
      const { queues } = await scene.namespaces.getQueueStats({ namespace: await scene.makeNamespace() });
      expect(queues).toEqual([]);
    },
  },
  nowhere: () => ({}),
  malformed: { request: { taskQueue: "\0" }, field: "task_queue" },
});
