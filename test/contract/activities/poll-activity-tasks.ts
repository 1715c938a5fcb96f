import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { RetryState, TimeoutKind } from "../../../gen/pawl/v1/failure_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { ms, scheduleActivity } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation } from "../contract.js";
import { json, present, type Scene, seconds } from "../scene.js";
import { refusedPolls } from "../workers/refused-polls.js";
import { complete, held } from "./calls.js";

/** The seqs of the activities that a poll is given which does not wait. */
async function pollSeqs({ workers, namespace }: Scene, rest: object = {}): Promise<number[]> {
  const { tasks } = await workers.pollActivityTasks({ namespace, wait: {}, maxTasks: 10, ...rest });
  return tasks.map(({ seq }) => seq);
}

/** The ActivityTimedOut of "wf". */
async function timedOut(scene: Scene) {
  const ended = (await scene.events("wf")).find(({ kind }) => kind.case === "activityTimedOut");
  return present(ended, "the activity has not timed out").kind.value;
}

export const pollActivityTasks = operation(WorkerService.method.pollActivityTasks, {
  happy: {
    "gives an activity out with all that its code needs, without an event": async (scene) => {
      const runId = await scene.startWith("wf", [
        scheduleActivity(1, {
          activityId: "payment",
          input: json('{"amount":7}'),
          header: { fields: { trace: json('"t"') } },
          startToCloseTimeout: seconds(60),
          heartbeatTimeout: seconds(5),
        }),
      ]);
      const before = await scene.events("wf");
      const task = await scene.takeActivity();
      expect(task).toMatchObject({
        ...{ workflowId: "wf", runId, workflowType: "order", activityId: "payment", seq: 1, attempt: 1 },
        ...{ activityType: "charge", input: json('{"amount":7}'), heartbeatTimeout: seconds(5) },
        header: { fields: { trace: json('"t"') } },
        retryPolicy: { initialInterval: seconds(1), backoffCoefficient: 2, maximumAttempts: 3, jitter: 0.1 },
        scheduledEventId: before.find(({ kind }) => kind.case === "activityScheduled")?.eventId,
      });
      const [start, deadline] = [task.startTime, task.deadlineTime].map((at) =>
        timestampMs(present(at, "a time")),
      );
      expect((deadline ?? 0) - (start ?? 0)).toBe(60_000);
      expect(await scene.events("wf")).toEqual(before);
    },
    "gives an activity to one poll alone": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1)]);
      const given = await Promise.all([pollSeqs(scene), pollSeqs(scene), pollSeqs(scene)]);
      expect(given.flat()).toEqual([1]);
    },
    "gives one task by default, and as many as it may if told": async (scene) => {
      await scene.startWith(
        "wf",
        [1, 2, 3, 4].map((seq) => scheduleActivity(seq)),
      );
      expect(await pollSeqs(scene, { maxTasks: 0 })).toEqual([1]);
      expect(await pollSeqs(scene, { maxTasks: 2 })).toEqual([2, 3]);
      expect(await pollSeqs(scene, { maxTasks: 2 })).toEqual([4]);
    },
    "gives only types that the poll handles": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1), scheduleActivity(2, { activityType: "mail" })]);
      expect(await pollSeqs(scene, { activityTypes: ["mail", "print"] })).toEqual([2]);
      expect(await pollSeqs(scene, { activityTypes: ["mail", "print"] })).toEqual([]);
      expect(await pollSeqs(scene)).toEqual([1]);
    },
    "gives only types that the worker registered": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: { workerId: "w", activityTypes: ["mail"] } });
      await scene.startWith("wf", [scheduleActivity(1), scheduleActivity(2, { activityType: "mail" })]);
      expect(await pollSeqs(scene, { workerId: "w" })).toEqual([2]);
    },
    "gives only what is on its queue": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1, { taskQueue: "tills" })]);
      expect(await pollSeqs(scene)).toEqual([]);
      expect(await pollSeqs(scene, { taskQueue: "tills" })).toEqual([1]);
    },
    "gives by priority, then in the order in which they became ready": async (scene) => {
      const priorities = [3, 5, 1, 0, 1];
      await scene.startWith(
        "wf",
        priorities.map((priority, index) => scheduleActivity(index + 1, { priority })),
      );
      expect(await pollSeqs(scene)).toEqual([3, 5, 1, 4, 2]);
    },
    "waits for one that is yet to come": async (scene) => {
      const waiting = scene.takeActivity({ wait: seconds(20) });
      await scene.startWith("wf", [scheduleActivity(1)]);
      expect((await waiting).seq).toBe(1);
    },
    "answers empty when none came in time": async (scene) => {
      expect(await pollSeqs(scene, { wait: ms(50) })).toEqual([]);
    },
    "gives back what it was given when it is cut off": async (scene) => {
      const { workers, namespace } = scene;
      const cut = new AbortController();
      const poll = workers.pollActivityTasks({ namespace, wait: seconds(20) }, { signal: cut.signal });
      const ended = expect(poll).rejects.toThrow();
      cut.abort();
      await scene.startWith("wf", [scheduleActivity(1)]);
      expect(await scene.takeActivity({ wait: seconds(5) })).toMatchObject({ seq: 1, attempt: 1 });
      await ended;
    },
    "takes an attempt back that runs longer than start-to-close; the last one ends the activity": async (
      scene,
    ) => {
      const options = { startToCloseTimeout: seconds(5), retryPolicy: { maximumAttempts: 2 } };
      await scene.holdActivity("wf", options);
      await scene.pass(5_100);
      await scene.pass(1_200);
      const { attempt, lastFailure } = await scene.takeActivity();
      expect(attempt).toBe(2);
      expect(lastFailure?.kind).toMatchObject({
        case: "timeout",
        value: { kind: TimeoutKind.START_TO_CLOSE },
      });
      await scene.pass(5_100);
      expect(await timedOut(scene)).toMatchObject({
        kind: TimeoutKind.START_TO_CLOSE,
        attempts: 2,
        retryState: RetryState.MAXIMUM_ATTEMPTS_REACHED,
      });
      expect((await scene.history("wf")).slice(-3)).toEqual([
        "activityStarted",
        "activityTimedOut",
        "workflowTaskScheduled",
      ]);
    },
    "allows an attempt 300 s where nothing else is said": async (scene) => {
      const { startTime, deadlineTime } = await scene.holdActivity("wf");
      expect(Number(deadlineTime?.seconds) - Number(startTime?.seconds)).toBe(300);
    },
    "gives out no more what waited longer than schedule-to-start": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1, { scheduleToStartTimeout: seconds(5) })]);
      await scene.pass(5_100);
      expect(await timedOut(scene)).toMatchObject({ kind: TimeoutKind.SCHEDULE_TO_START, startedEventId: 0 });
      expect(await pollSeqs(scene)).toEqual([]);
    },
    "ends an activity whose attempts take longer than schedule-to-close": async (scene) => {
      const task = await scene.holdActivity("wf", { scheduleToCloseTimeout: seconds(5) });
      expect(Number(task.deadlineTime?.seconds) - Number(task.scheduleTime?.seconds)).toBeLessThanOrEqual(5);
      await scene.pass(5_100);
      expect(await timedOut(scene)).toMatchObject({ kind: TimeoutKind.SCHEDULE_TO_CLOSE, attempts: 1 });
    },
  },
  repeated: {
    "with the same request id within 30 s, it gets the same tasks": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1), scheduleActivity(2)]);
      const task = await scene.takeActivity({ requestId: "once" });
      expect(await scene.takeActivity({ requestId: "once" })).toEqual(task);
      await accepted(complete(scene, held(task)));
      await scene.pass(31_000);
      expect(await pollSeqs(scene, { requestId: "once" })).toEqual([2]);
    },
  },
  refused: refusedPolls(({ workers, namespace }) =>
    workers.pollActivityTasks({ namespace, workerId: "w", wait: {} }),
  ),
  elsewhere: {
    "an activity is given to nobody in another namespace": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1)]);
      expect(await pollSeqs(scene, { namespace: await scene.makeNamespace() })).toEqual([]);
      expect(await pollSeqs(scene)).toEqual([1]);
    },
  },
  nowhere: () => ({ wait: {} }),
  malformed: { request: { maxTasks: 101 }, field: "max_tasks" },
});
