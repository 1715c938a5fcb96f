import { expect } from "vitest";
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  ResetReapply,
  type ResetWorkflowRequestSchema,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { defaultLimits } from "../../../src/core/limits.js";
import { scheduleActivity, scheduleTimer } from "../../support/actor.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import {
  type Clients,
  completeWorkflow,
  type Init,
  json,
  type Scene,
  seconds,
  workflowType,
} from "../scene.js";
import { failTask } from "../workflow-tasks/calls.js";
import { acceptUpdate, completeUpdate, startChild } from "./commands.js";
import { admitted } from "./updates.js";

/** Resets the workflow "wf" to an event; without another, to the end of its first workflow task. */
async function reset(
  { namespace }: Scene,
  request: Init<typeof ResetWorkflowRequestSchema> = {},
  { workflows }: Pick<Clients, "workflows">,
): Promise<string> {
  const { runId } = await workflows.resetWorkflow({ namespace, workflowId: "wf", eventId: 4, ...request });
  return runId;
}

const resetHere = (scene: Scene, request: Init<typeof ResetWorkflowRequestSchema> = {}) =>
  reset(scene, request, scene);

/** Sends a signal to the open run of "wf". */
const signal = ({ workflows, namespace }: Scene, name: string, size = 0) =>
  workflows.signalWorkflow({ namespace, workflowId: "wf", name, payload: json(`"${"x".repeat(size)}"`) });

/** The signals of the open run of "wf", with the runs that received them first. */
async function signalsOf(scene: Scene): Promise<[string, string][]> {
  return (await scene.events("wf")).flatMap(({ kind }): [string, string][] =>
    kind.case === "signalReceived" ? [[kind.value.name, kind.value.originRunId]] : [],
  );
}

/** A run with a signal and two updates behind its first task, one of them answered. Answers its run id. */
async function startBusy(scene: Scene): Promise<string> {
  const runId = await scene.startWith("wf", [scheduleTimer(1, 3_600)]);
  await signal(scene, "go");
  await admitted(scene, "answered");
  await scene.complete(await scene.takeTask(), [acceptUpdate("answered"), completeUpdate("answered")]);
  await admitted(scene, "waits");
  return runId;
}

export const resetWorkflow = operation(WorkflowService.method.resetWorkflow, {
  happy: {
    "of a closed run, makes one with what came before the task, which is made again": async (scene) => {
      const runId = await scene.startWith("wf", [completeWorkflow("1")], { memo: { note: json('"gift"') } });
      const before = await scene.events("wf");
      const newRunId = await resetHere(scene, { reason: "a bug", identity: "ada" });
      const after = await scene.events("wf");
      expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
      const [failed, scheduled, ...rest] = after.slice(3);
      expect(failed).toMatchObject({
        identity: "ada",
        kind: {
          case: "workflowTaskFailed",
          value: {
            ...{ startedEventId: 3, cause: WorkflowTaskFailureCause.RESET, failure: { message: "a bug" } },
            ...{ baseRunId: runId, newRunId },
          },
        },
      });
      expect([scheduled?.kind.case, rest]).toEqual(["workflowTaskScheduled", []]);
      const { workflows, namespace } = scene;
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(workflow).toMatchObject({
        ...{ runId: newRunId, status: WorkflowStatus.RUNNING, memo: { note: json('"gift"') } },
        ...{ resetFromRunId: runId, previousRunId: runId, firstRunId: runId },
      });
      expect(await scene.events("wf", runId)).toEqual(before);
      expect(await scene.takeTask()).toMatchObject({ runId: newRunId, startedEventId: 6 });
    },
    "of an open run, ends it at once; who waits for the result hears of the new one": async (scene) => {
      const runId = await scene.startWith("wf", [scheduleActivity(1)]);
      const held = await scene.takeActivity();
      const { workflows, workers, namespace } = scene;
      const waiting = workflows.getWorkflowResult({ namespace, workflowId: "wf", wait: seconds(20) });
      const newRunId = await resetHere(scene, { reason: "a bug" });
      expect((await scene.events("wf", runId)).at(-1)?.kind).toMatchObject({
        case: "workflowTerminated",
        value: { reason: "reset: a bug", nextRunId: newRunId, isReset: true },
      });
      const completions = [{ target: { case: "taskToken" as const, value: held.taskToken } }];
      expect(await refusalOf(workers.completeActivityTasks({ namespace, completions }))).toMatchObject({
        reason: "STALE_LEASE",
      });
      await scene.complete(await scene.takeTask(), [completeWorkflow("2")]);
      expect(await waiting).toMatchObject({ runId: newRunId, outcome: { value: { value: json("2") } } });
    },
    "of an older run, ends the one that is open": async (scene) => {
      const runId = await scene.startClosed("wf");
      const other = await scene.start("wf");
      const newRunId = await resetHere(scene, { runId });
      expect((await scene.events("wf", other)).at(-1)?.kind).toMatchObject({
        case: "workflowTerminated",
        value: { nextRunId: newRunId, isReset: false },
      });
      expect(await scene.runIdOf("wf")).toBe(newRunId);
    },
    "goes back to a task that was completed, failed or timed out, or to its start": async (scene) => {
      await scene.start("wf");
      await failTask(scene, await scene.takeTask());
      await signal(scene, "go");
      await scene.takeTask();
      await scene.pass(11_000);
      const base = await scene.events("wf");
      const runId = await scene.runIdOf("wf");
      const ends = base.filter(({ kind }) => /^workflowTask(Failed|TimedOut)$/.test(kind.case ?? ""));
      expect(ends.map(({ kind }) => kind.case)).toEqual(["workflowTaskFailed", "workflowTaskTimedOut"]);
      for (const { eventId } of ends)
        for (const point of [eventId, eventId - 1]) {
          await resetHere(scene, { runId, eventId: point, reapply: ResetReapply.NOTHING });
          const made = (await scene.events("wf")).at(eventId - 1)?.kind;
          expect(made).toMatchObject({ value: { cause: WorkflowTaskFailureCause.RESET } });
        }
    },
    "gives later signals and updates to the new run": async (scene) => {
      const runId = await startBusy(scene);
      await resetHere(scene);
      expect(await signalsOf(scene)).toEqual([["go", runId]]);
      const { updates } = await scene.takeTask();
      expect(updates.map(({ updateId }) => updateId)).toEqual(["answered", "waits"]);
    },
    "gives it signals alone, or nothing, if that is asked": async (scene) => {
      const runId = await startBusy(scene);
      await resetHere(scene, { reapply: ResetReapply.SIGNALS });
      expect((await scene.takeTask()).updates).toEqual([]);
      expect(await signalsOf(scene)).toEqual([["go", runId]]);
      await resetHere(scene, { runId, reapply: ResetReapply.NOTHING });
      expect((await scene.takeTask()).updates).toEqual([]);
      expect(await signalsOf(scene)).toEqual([]);
    },
    "takes over what was pending: activities from their first attempt, timers with their time": async (
      scene,
    ) => {
      await scene.startWith("wf", [scheduleActivity(1), scheduleTimer(2, 3_600)]);
      await scene.workers.failActivityTasks({
        namespace: scene.namespace,
        failures: [{ target: { case: "taskToken", value: (await scene.takeActivity()).taskToken } }],
      });
      await signal(scene, "go");
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      const before = await scene.events("wf");
      const runId = await resetHere(scene, { eventId: before.length - 1 });
      const { workflows, namespace } = scene;
      const { pendingActivities, pendingTimers } = await workflows.getWorkflow({
        namespace,
        workflowId: "wf",
      });
      expect(pendingActivities).toMatchObject([{ seq: 1, attempt: 1 }]);
      const scheduled = before.find(({ kind }) => kind.case === "timerScheduled")?.kind.value;
      expect(pendingTimers).toMatchObject([{ seq: 2, fireTime: expect.anything() }]);
      expect(scheduled).toMatchObject({ fireTime: pendingTimers[0]?.fireTime });
      expect(await scene.takeActivity()).toMatchObject({ runId, seq: 1, attempt: 1 });
    },
    "takes over a child that has not ended, and hears of its end": async (scene) => {
      await scene.startWith("wf", [startChild(1, "child")]);
      await scene.eventOf("childWorkflowStarted", "wf");
      await scene.complete(await scene.takeTask({ workflowTypes: ["order"] }));
      const history = await scene.history("wf");
      const newRunId = await resetHere(scene, { eventId: history.length });
      expect(await scene.history("wf", newRunId)).toContain("childWorkflowAdopted");
      await scene.complete(await scene.takeTask({ workflowTypes: ["packing"] }), [completeWorkflow("1")]);
      const told = await scene.eventOf("childWorkflowCompleted", "wf", newRunId);
      expect(told.kind.value).toMatchObject({ seq: 1, child: { workflowId: "child" } });
    },
  },
  repeated: {
    "with the same request id, the run is the same and nothing is written": async (scene) => {
      await scene.startClosed("wf");
      const newRunId = await resetHere(scene, { requestId: "once" });
      const before = await scene.events("wf");
      expect(await resetHere(scene, { requestId: "once" })).toBe(newRunId);
      expect(await scene.events("wf")).toEqual(before);
      expect(await scene.runIdOf("wf")).toBe(newRunId);
    },
    "a signal from before is known to the new run": async (scene) => {
      await scene.startWith("wf", []);
      const { workflows, namespace } = scene;
      const again = { namespace, workflowId: "wf", name: "go", requestId: "once" };
      await workflows.signalWorkflow(again);
      await resetHere(scene);
      const before = await scene.events("wf");
      await workflows.signalWorkflow(again);
      expect(await scene.events("wf")).toEqual(before);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => resetHere(scene),
      "the workflow has no such run": async (scene) => {
        await scene.startClosed("wf");
        return resetHere(scene, { runId: crypto.randomUUID() });
      },
    },
    RESET_POINT_INVALID: {
      "the event is none about a workflow task that a worker had": async (scene) => {
        await scene.startClosed("wf");
        for (const eventId of [1, 2])
          expect((await refusalOf(resetHere(scene, { eventId }))).metadata).toMatchObject({
            event_id: String(eventId),
          });
        return resetHere(scene, { eventId: 5 });
      },
      "there is no such event": async (scene) => {
        await scene.startClosed("wf");
        return resetHere(scene, { eventId: 6 });
      },
      "the workflow task has not ended": async (scene) => {
        await scene.start("wf");
        return resetHere(scene, { eventId: (await scene.takeTask()).startedEventId });
      },
      "the time of all runs of the workflow is over": async (scene) => {
        await scene.startClosed("wf", { executionTimeout: seconds(60) });
        await scene.pass(61_000);
        return resetHere(scene);
      },
    },
    REQUEST_ID_REUSED: {
      "the request id was used for a reset with other content": async (scene) => {
        await scene.startClosed("wf");
        await resetHere(scene, { requestId: "once" });
        return resetHere(scene, { requestId: "once", reason: "another" });
      },
      "the request id was used for the start": async (scene) => {
        const { workflows, namespace } = scene;
        const spec = { workflowId: "wf", workflowType };
        await workflows.startWorkflow({ namespace, requestId: "once", spec });
        await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
        return resetHere(scene, { requestId: "once" });
      },
    },
    RUN_DELETED: {
      "the run is deleted meanwhile": async (scene) => {
        await scene.startWith("wf", []);
        const deleting = onAnswer("note_history_copy", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => reset(scene, {}, own));
      },
    },
    CALL_LIMIT: {
      "more than 16 MiB lie behind the event": async (scene) => {
        await scene.startWith("wf", []);
        for (let n = 0; n < 9; n++) await signal(scene, "large", 1_900_000);
        expect((await refusalOf(resetHere(scene))).metadata).toMatchObject({ limit: expect.any(String) });
        return resetHere(scene);
      },
    },
    PENDING_LIMIT: {
      "more updates lie behind the event than a run may have": async (scene) => {
        await startBusy(scene);
        const limits = { ...defaultLimits, maxPendingPerKind: 1 };
        return scene.atServer({ limits }, (own) => reset(scene, {}, own));
      },
    },
    SERVER_BUSY: {
      "events keep coming faster than they can be read": async (scene) => {
        await scene.startWith("wf", []);
        const moving = onAnswer("read_history", () => signal(scene, "more"), "every");
        return scene.atServer(moving, (own) => reset(scene, {}, own));
      },
    },
  },
  elsewhere: {
    "the run is not there, and goes on": async (scene) => {
      const runId = await scene.startWith("wf", []);
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await refusalOf(resetHere(there, { runId }))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      expect(await scene.runIdOf("wf")).toBe(runId);
      expect(await scene.history("wf")).toHaveLength(4);
    },
  },
  nowhere: () => ({ workflowId: "wf", eventId: 4 }),
  malformed: { request: { workflowId: "wf" }, field: "event_id" },
});
