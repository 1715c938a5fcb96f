import { expect } from "vitest";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import { defaultLimits } from "../../../src/core/limits.js";
import { scheduleActivity, scheduleTimer, tokenOf } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import { operation, type RefusedCalls } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type CommandInit, completeWorkflow, json, present, type Scene, seconds } from "../scene.js";
import { completeTask, completeWith, refusedTokens } from "./calls.js";
import { commandCases, invalidCommands } from "./commands.js";

const signal = ({ workflows, namespace }: Scene) =>
  workflows.signalWorkflow({ namespace, workflowId: "wf", name: "more" });

async function takeFirst(scene: Scene) {
  await scene.start("wf");
  return scene.takeTask();
}

/** Two commands of a kind where a run may have one pending. */
function onePending(make: (seq: number) => CommandInit): RefusedCalls[string] {
  const limits = { ...defaultLimits, maxPendingPerKind: 1 };
  return (scene) =>
    scene.atServer({ limits }, async ({ workers }) => {
      const { namespace } = scene;
      const completions = [{ taskToken: tokenOf(await takeFirst(scene)), commands: [make(1), make(2)] }];
      const response = await workers.completeWorkflowTasks({ namespace, completions });
      expect(response.outcomes[0]?.outcome.value).toMatchObject({
        metadata: { limit: "1", command_index: "1" },
      });
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskStarted");
      return response;
    });
}

const child = (seq: number): CommandInit => ({
  seq,
  kind: { case: "startChildWorkflow", value: { spec: { workflowType: "parcel" } } },
});
const signalOther = (seq: number): CommandInit => ({
  seq,
  kind: { case: "signalExternalWorkflow", value: { target: { workflowId: "other" }, name: "hurry" } },
});

export const completeWorkflowTasks = operation(WorkerService.method.completeWorkflowTasks, {
  happy: {
    "records the completion with what the worker tells of itself, and its commands behind it, in order":
      async (scene) => {
        const task = await takeFirst(scene);
        const sdkMetadata = Uint8Array.of(1, 2);
        const worker = { buildId: "v7", sdk: "typescript/1", sdkMetadata };
        const commands = [scheduleTimer(1, 60), scheduleActivity(2), scheduleTimer(5, 60)];
        const told = await accepted(completeWith(scene, task, { ...worker, commands }));
        expect(told).toMatchObject({ alreadyApplied: false });
        const [completed, ...made] = (await scene.events("wf")).slice(3);
        expect(completed).toMatchObject({
          identity: "4711@host",
          kind: {
            case: "workflowTaskCompleted",
            value: { scheduledEventId: 2, startedEventId: 3, ...worker },
          },
        });
        expect(made.map(({ kind }) => kind.case)).toEqual([
          "timerScheduled",
          "activityScheduled",
          "timerScheduled",
        ]);
      },
    ...commandCases,
    "takes effect with all commands or with none; the task stays the caller's": async (scene) => {
      const task = await takeFirst(scene);
      const call = completeTask(scene, task, [scheduleTimer(1, 60), scheduleTimer(1, 60)]);
      expect(await refusalOf(call)).toMatchObject({
        reason: "INVALID_COMMAND",
        metadata: { command_index: "1", command: "schedule_timer" },
      });
      expect((await scene.history("wf")).at(-1)).toBe("workflowTaskStarted");
      await scene.complete(task, [scheduleTimer(1, 60)]);
    },
    "makes the next task at once of what came meanwhile, and gives it in the answer if asked": async (
      scene,
    ) => {
      const task = await takeFirst(scene);
      await signal(scene);
      const { nextTasks } = await completeWith(scene, task, {});
      expect(nextTasks).toMatchObject([{ workflowId: "wf", previousStartedEventId: 3 }]);
      expect((await scene.history("wf")).slice(3)).toEqual([
        "workflowTaskCompleted",
        "signalReceived",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
      await scene.complete(present(nextTasks[0], "no next task"), [completeWorkflow("1")]);
    },
    "leaves the next task to polls where it was not asked for": async (scene) => {
      const task = await takeFirst(scene);
      await signal(scene);
      expect((await completeTask(scene, task)).nextTasks).toEqual([]);
      expect((await scene.takeTask()).workflowId).toBe("wf");
    },
    "gives activities that ask for an eager start in the answer": async (scene) => {
      const { workers, namespace } = scene;
      await workers.registerWorker({ namespace, worker: { workerId: "w", activitySlots: 1 } });
      const eager = [1, 2].map((seq) => scheduleActivity(seq, { requestEagerStart: true }));
      const task = await takeFirst(scene);
      const { activityTasks } = await completeTask(scene, task, eager, { workerId: "w" });
      expect(activityTasks.map(({ seq }) => seq)).toEqual([1]);
      expect((await scene.takeActivity()).seq).toBe(2);
    },
    "without commands and with a request for a new task, it keeps the task alive": async (scene) => {
      const task = await takeFirst(scene);
      const { nextTasks } = await completeWith(scene, task, { requestNewTask: true });
      expect(nextTasks).toMatchObject([{ workflowId: "wf", attempt: 1 }]);
      expect((await scene.history("wf")).slice(2)).toEqual([
        "workflowTaskStarted",
        "workflowTaskCompleted",
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
    },
    "answers queries that came with the task": async (scene) => {
      const { workflows, namespace } = scene;
      await scene.start("wf");
      expect(
        (await scene.workers.pollWorkflowTasks({ namespace, wait: {}, workflowTypes: ["x"] })).tasks,
      ).toEqual([]);
      const asked = workflows.queryWorkflow({ namespace, workflowId: "wf", name: "state" });
      await scene.isAsked();
      const task = await scene.takeTask();
      const queryAnswers = task.queries.map(({ queryId }) => ({
        queryId,
        outcome: { case: "result" as const, value: json('"packing"') },
      }));
      await accepted(completeWith(scene, task, { queryAnswers }));
      expect((await asked).outcome).toMatchObject({ case: "result", value: json('"packing"') });
    },
    "gives each element its outcome: one that is refused does not touch its neighbours": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const stale = await takeFirst(scene);
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      const others: (typeof stale)[] = [];
      for (const workflowId of ["invalid", "good"]) {
        await scene.start(workflowId);
        others.push(await scene.takeTask());
      }
      const [invalid, good] = others.map(tokenOf);
      const { outcomes } = await workers.completeWorkflowTasks({
        namespace,
        completions: [
          { taskToken: tokenOf(stale) },
          { taskToken: present(invalid, "a token"), commands: [{}] },
          { taskToken: present(good, "a token"), commands: [completeWorkflow("1")] },
        ],
      });
      expect(outcomes.map(({ outcome }) => outcome.case)).toEqual(["error", "error", "accepted"]);
      expect((await scene.history("good")).at(-1)).toBe("workflowCompleted");
    },
  },
  repeated: {
    "with the same token after a lost answer, it is accepted and nothing is written": async (scene) => {
      const task = await takeFirst(scene);
      await accepted(completeTask(scene, task, [scheduleTimer(1, 60)]));
      const before = await scene.events("wf");
      const again = completeTask(scene, task, [scheduleTimer(1, 60)]);
      expect(await accepted(again)).toMatchObject({ alreadyApplied: true });
      expect(await scene.events("wf")).toEqual(before);
    },
    "with the same token, the next task and eager activities are given again": async (scene) => {
      const task = await takeFirst(scene);
      await signal(scene);
      const commands = [scheduleActivity(1, { requestEagerStart: true })];
      const first = await completeWith(scene, task, { commands });
      const again = await completeWith(scene, task, { commands });
      for (const { nextTasks, activityTasks } of [first, again])
        expect([nextTasks.length, activityTasks.length]).toEqual([1, 1]);
      expect(again.nextTasks[0]?.startedEventId).toBe(first.nextTasks[0]?.startedEventId);
    },
  },
  refused: {
    ...refusedTokens((scene, task) => completeTask(scene, task)),
    STALE_LEASE: {
      ...refusedTokens((scene, task) => completeTask(scene, task)).STALE_LEASE,
      "completions without commands have kept the task alive for 30 minutes": async (scene) => {
        await scene.start("wf", { workflowTaskTimeout: seconds(1_800) });
        let task = await scene.takeTask();
        for (const ms of [0, 1_000_000]) {
          await scene.pass(ms);
          const { nextTasks } = await completeWith(scene, task, { requestNewTask: true });
          task = present(nextTasks[0], "no next task");
        }
        await scene.pass(900_000);
        return completeTask(scene, task, [], {
          completions: [{ taskToken: tokenOf(task), requestNewTask: true }],
        });
      },
    },
    INVALID_COMMAND: {
      ...invalidCommands,
      "the server does not know it": async (scene) => completeTask(scene, await takeFirst(scene), [{}]),
      "its seq was used before": async (scene) => {
        await scene.startWith("wf", [scheduleTimer(4, 60)]);
        await signal(scene);
        return completeTask(scene, await scene.takeTask(), [scheduleTimer(3, 60)]);
      },
      "it ends the run and is not the last": async (scene) =>
        completeTask(scene, await takeFirst(scene), [completeWorkflow("1"), scheduleTimer(1, 60)]),
      "its activity id is that of a pending activity": async (scene) =>
        completeTask(scene, await takeFirst(scene), [
          scheduleActivity(1, { activityId: "payment" }),
          scheduleActivity(2, { activityId: "payment" }),
        ]),
    },
    CANCEL_NOT_REQUESTED: {
      "cancel_workflow, and nobody asked the run to cancel": async (scene) =>
        completeTask(scene, await takeFirst(scene), [{ kind: { case: "cancelWorkflow", value: {} } }]),
    },
    PENDING_LIMIT: {
      "the run has as many pending activities as it may": onePending((seq) => scheduleActivity(seq)),
      "the run has as many pending timers as it may": onePending((seq) => scheduleTimer(seq, 60)),
      "the run has as many pending children as it may": onePending(child),
      "the run has as many pending external requests as it may": onePending(signalOther),
    },
    UNHANDLED_COMMAND: {
      "it would close the run, and something came in meanwhile": async (scene) => {
        const task = await takeFirst(scene);
        await signal(scene);
        const response = await completeTask(scene, task, [completeWorkflow("1")]);
        const [failed, ...rest] = (await scene.events("wf")).slice(3);
        expect(failed?.kind).toMatchObject({
          case: "workflowTaskFailed",
          value: { cause: WorkflowTaskFailureCause.UNHANDLED_COMMAND },
        });
        expect(rest.map(({ kind }) => kind.case)).toEqual(["signalReceived", "workflowTaskScheduled"]);
        expect((await scene.takeTask()).attempt).toBe(1);
        return response;
      },
    },
  },
  elsewhere: {
    "a token is of no use in another namespace": async (scene) => {
      const task = await takeFirst(scene);
      const other = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(completeTask(other, task))).toMatchObject({ reason: "INVALID_TOKEN" });
      await scene.complete(task);
    },
  },
  nowhere: async (scene) => ({ completions: [{ taskToken: tokenOf(await takeFirst(scene)) }] }),
  malformed: { request: {}, field: "completions" },
});
