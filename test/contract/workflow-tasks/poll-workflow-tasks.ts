import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { UpdateStage } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { ms } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { completeWorkflow, json, present, type Scene, seconds } from "../scene.js";
import { refusedPolls } from "../workers/refused-polls.js";
import { completeTask } from "./calls.js";

/** The workflow ids of the tasks that a poll is given which does not wait. */
async function pollIds({ workers, namespace }: Scene, rest: object = {}): Promise<string[]> {
  const { tasks } = await workers.pollWorkflowTasks({ namespace, wait: {}, maxTasks: 10, ...rest });
  return tasks.map(({ workflowId }) => workflowId);
}

const signal = ({ workflows, namespace }: Scene, payload = json("1")) =>
  workflows.signalWorkflow({ namespace, workflowId: "wf", name: "more", payload });

/** The worker "w" runs the first task of "wf", and keeps the run in memory. */
async function runAt(scene: Scene): Promise<void> {
  const { workers, namespace } = scene;
  await workers.registerWorker({ namespace, worker: { workerId: "w" } });
  await scene.start("wf");
  const task = await scene.takeTask({ workerId: "w", isCaching: true });
  await accepted(completeTask(scene, task, [], { workerId: "w" }));
}

export const pollWorkflowTasks = operation(WorkerService.method.pollWorkflowTasks, {
  happy: {
    "gives a task with the whole history, whose end is the start of the task": async (scene) => {
      const runId = await scene.start("wf");
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: { workerId: "w" } });
      const task = await scene.takeTask({ workerId: "w", identity: "4711@host", requestId: "p" });
      expect(task).toMatchObject({
        ...{ workflowId: "wf", runId, workflowType: "order", attempt: 1, isQueryOnly: false },
        ...{ scheduledEventId: 2, startedEventId: 3, previousStartedEventId: 0, historyAfterEventId: 0 },
      });
      expect(task.history).toEqual(await scene.events("wf"));
      expect(task.history.at(-1)).toMatchObject({
        identity: "4711@host",
        kind: {
          case: "workflowTaskStarted",
          value: { scheduledEventId: 2, workerId: "w", requestId: "p", historyLength: 3 },
        },
      });
    },
    "gives a task to one poll alone": async (scene) => {
      await scene.start("wf");
      const given = await Promise.all([pollIds(scene), pollIds(scene), pollIds(scene)]);
      expect(given.flat()).toEqual(["wf"]);
    },
    "leases a task for 10 s, or as long as its run says; then it is given to another at once": async (
      scene,
    ) => {
      await scene.start("wf");
      const { history, deadlineTime } = await scene.takeTask();
      const started = timestampMs(present(history.at(-1)?.eventTime, "a time"));
      expect(timestampMs(present(deadlineTime, "a deadline")) - started).toBe(10_000);
      await scene.pass(10_100);
      expect((await scene.takeTask()).attempt).toBe(2);
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskTimedOut");
      await scene.start("slow", { workflowTaskTimeout: seconds(60) });
      const slow = await scene.takeTask();
      await scene.pass(30_000);
      await scene.complete(slow);
    },
    "gives one task by default, and as many as it may if told": async (scene) => {
      for (const id of ["a", "b", "c", "d"]) await scene.start(id);
      expect(await pollIds(scene, { maxTasks: 0 })).toEqual(["a"]);
      expect((await pollIds(scene, { maxTasks: 2 })).sort()).toEqual(["b", "c"]);
      expect(await pollIds(scene, { maxTasks: 2 })).toEqual(["d"]);
    },
    "gives only types that the poll handles": async (scene) => {
      await scene.start("wf");
      await scene.start("parcel", { workflowType: "parcel" });
      expect(await pollIds(scene, { workflowTypes: ["parcel", "letter"] })).toEqual(["parcel"]);
      expect(await pollIds(scene, { workflowTypes: ["parcel", "letter"] })).toEqual([]);
      expect(await pollIds(scene)).toEqual(["wf"]);
    },
    "gives only types that the worker registered": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: { workerId: "w", workflowTypes: ["parcel"] } });
      await scene.start("wf");
      await scene.start("parcel", { workflowType: "parcel" });
      expect(await pollIds(scene, { workerId: "w" })).toEqual(["parcel"]);
    },
    "gives only what is on its queue": async (scene) => {
      await scene.start("wf", { taskQueue: "tills" });
      expect(await pollIds(scene)).toEqual([]);
      expect(await pollIds(scene, { taskQueue: "tills" })).toEqual(["wf"]);
    },
    "gives by priority, then in the order in which they became ready": async (scene) => {
      for (const [id, priority] of [
        ["a", 3],
        ["b", 5],
        ["c", 1],
        ["d", 0],
      ] as const)
        await scene.start(id, { priority });
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) ids.push(...(await pollIds(scene, { maxTasks: 1 })));
      expect(ids).toEqual(["c", "a", "d", "b"]);
    },
    "waits for one that is yet to come": async (scene) => {
      const waiting = scene.takeTask({ wait: seconds(20) });
      await scene.isPolled();
      await scene.start("wf");
      expect((await waiting).workflowId).toBe("wf");
    },
    "answers empty when none came in time": async (scene) => {
      expect(await pollIds(scene, { wait: ms(50) })).toEqual([]);
    },
    "gives back what it was given when it is cut off": async (scene) => {
      const { workers, namespace } = scene;
      const cut = new AbortController();
      const poll = workers.pollWorkflowTasks({ namespace, wait: seconds(20) }, { signal: cut.signal });
      const ended = expect(poll).rejects.toThrow();
      await scene.isPolled();
      cut.abort();
      await scene.start("wf");
      expect(await scene.takeTask({ wait: seconds(5) })).toMatchObject({ workflowId: "wf", attempt: 1 });
      await ended;
    },
    "gives the worker that ran the run last, and keeps it in memory, the new events alone": async (scene) => {
      await runAt(scene);
      await signal(scene);
      const task = await scene.takeTask({ workerId: "w", isCaching: true });
      expect(task).toMatchObject({ historyAfterEventId: 3, previousStartedEventId: 3 });
      expect(task.history.map(({ kind }) => kind.case)).toEqual([
        "workflowTaskCompleted",
        "signalReceived",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
    },
    "gives any other worker all events": async (scene) => {
      await runAt(scene);
      await signal(scene);
      const task = await scene.takeTask({ isCaching: true });
      expect(task.historyAfterEventId).toBe(0);
      expect(task.history).toEqual(await scene.events("wf"));
    },
    "prefers the worker that ran the run last to one that waits longer": async (scene) => {
      await runAt(scene);
      const other = scene.takeTask({ wait: seconds(20) });
      await scene.isPolled(1);
      const its = scene.takeTask({ workerId: "w", isCaching: true, wait: seconds(20) });
      await scene.isPolled(2);
      await signal(scene);
      expect((await its).workflowId).toBe("wf");
      await scene.start("else");
      expect((await other).workflowId).toBe("else");
    },
    "gives a long history in pages, which GetHistory goes on with": async (scene) => {
      await scene.start("wf");
      for (let times = 0; times < 3; times++) await signal(scene, json(`"${"x".repeat(1_900_000)}"`));
      const { history, nextPageToken } = await scene.takeTask();
      const { workflows, namespace } = scene;
      const rest = await workflows.getHistory({ namespace, workflowId: "wf", pageToken: nextPageToken });
      const ids = [...history, ...rest.events].map(({ eventId }) => eventId);
      expect(history.length).toBeLessThan(6);
      expect(ids).toEqual([1, 2, 3, 4, 5, 6]);
    },
    "brings the updates that the task shall answer": async (scene) => {
      await scene.start("wf");
      const { workflows, namespace } = scene;
      await workflows.updateWorkflow({
        ...{ namespace, workflowId: "wf", updateId: "u", name: "set", input: json("7") },
        waitStage: UpdateStage.ADMITTED,
      });
      const { updates } = await scene.takeTask();
      expect(updates).toMatchObject([{ updateId: "u", name: "set", input: json("7") }]);
    },
  },
  repeated: {
    "with the same request id within 30 s, it gets the same tasks": async (scene) => {
      await scene.start("wf");
      const task = await scene.takeTask({ requestId: "once" });
      expect(await scene.takeTask({ requestId: "once" })).toEqual(task);
      await scene.complete(task, [completeWorkflow("1")]);
      await scene.start("next");
      await scene.pass(31_000);
      expect(await pollIds(scene, { requestId: "once" })).toEqual(["next"]);
    },
    "with the same request id while it waits, both have the task": async (scene) => {
      const polls = [1, 2].map(() => scene.takeTask({ requestId: "once", wait: seconds(20) }));
      await scene.isPolled();
      await scene.start("wf");
      const [one, two] = await Promise.all(polls);
      expect(one).toEqual(two);
    },
  },
  refused: refusedPolls(({ workers, namespace }) =>
    workers.pollWorkflowTasks({ namespace, workerId: "w", wait: {} }),
  ),
  elsewhere: {
    "a task is given to nobody in another namespace": async (scene) => {
      await scene.start("wf");
      expect(await pollIds(scene, { namespace: await scene.makeNamespace() })).toEqual([]);
      expect(await pollIds(scene)).toEqual(["wf"]);
    },
  },
  nowhere: () => ({ wait: {} }),
  malformed: { request: { wait: seconds(56) }, field: "wait" },
});
