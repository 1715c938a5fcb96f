/** What the direct operations that close a run have in common, beside what all have. */
import { expect } from "vitest";
import type { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import type { Cases, OperationContract } from "./contract.js";
import { begin, casesOf, type Direct, requestFor } from "./direct-operation.js";
import { refusalOf } from "./refusal.js";
import type { EventCase, Scene } from "./scene.js";

/** A direct operation that closes the run. */
export interface Closing<C> extends Direct<C> {
  readonly isClosing: true;
  readonly status: WorkflowStatus;
}

/** The cases of a closing operation that are those of all. */
export function closingCasesOf<C>(
  direct: Closing<C>,
): Pick<OperationContract, "happy" | "repeated" | "refused" | "elsewhere"> {
  const { call, status } = direct;
  const common = casesOf(direct);
  return {
    ...common,
    happy: {
      ...common.happy,
      "closes the run, and what is pending ends with it": async (scene) => {
        const { runId } = await begin(scene, direct);
        await scene.complete(await scene.takeTask(), [
          { seq: 1, kind: { case: "scheduleActivity", value: { activityType: "charge" } } },
          { seq: 2, kind: { case: "scheduleTimer", value: { duration: { seconds: 60n } } } },
        ]);
        const activity = await scene.takeActivity();
        const request = await requestFor(scene, direct, runId);
        await call(scene, { ...request, seq: 3 });
        const { workflows, workers, namespace } = scene;
        const { workflow, pendingActivities, pendingTimers } = await workflows.getWorkflow({
          namespace,
          workflowId: "wf",
          runId,
        });
        expect(workflow).toMatchObject({ status, closeTime: expect.anything() });
        expect([pendingActivities, pendingTimers]).toEqual([[], []]);
        const late = workers.completeActivityTasks({
          namespace,
          completions: [{ target: { case: "taskToken", value: activity.taskToken } }],
        });
        expect(await refusalOf(late)).toMatchObject({ reason: "STALE_LEASE" });
      },
      "has seen what came before last_seen_event_id": async (scene) => {
        const { runId } = await begin(scene, direct);
        await signal(scene);
        await call(scene, await requestFor(scene, direct, runId));
        expect((await scene.events("wf", runId)).at(-1)?.kind.case).toBe(direct.event);
      },
    },
    refused: {
      ...common.refused,
      UNHANDLED_EVENTS: {
        "a signal lies behind last_seen_event_id": async (scene) => {
          const request = await begin(scene, direct);
          await signal(scene);
          const newest = (await scene.events("wf")).length;
          const refusal = await refusalOf(call(scene, request));
          expect(refusal.metadata).toMatchObject({ event_id: String(newest) });
          return call(scene, request);
        },
      },
      UNHANDLED_COMMAND: {
        "a signal came while the task was held: it is in history, and the task is made again": async (
          scene,
        ) => {
          const request = await begin(scene, direct);
          const { taskToken, startedEventId } = await scene.takeTask();
          await signal(scene);
          const closing = call(scene, { ...request, taskToken });
          await refusalOf(closing);
          expect((await scene.history("wf")).slice(startedEventId)).toEqual([
            "workflowTaskFailed",
            "signalReceived",
            "workflowTaskScheduled",
          ]);
          return closing;
        },
      },
    },
  };
}

/** A case in which the run is a child, and its parent is told of its end by one event. */
export function tellsParent<C>(direct: Closing<C>, heard: EventCase): Cases {
  return {
    "tells the parent, by one event": async (scene) => {
      const { workers, namespace } = scene;
      await scene.start("parent", { taskQueue: "parents" });
      const spec = { workflowId: "wf", workflowType: "order", taskQueue: "default" };
      await workers.startChildWorkflow({ namespace, workflowId: "parent", seq: 1, command: { spec } });
      const { eventId } = await scene.eventOf("childWorkflowStarted", "parent");
      await direct.prepare?.(scene);
      await direct.call(scene, await requestFor(scene, direct, await scene.runIdOf("wf")));
      expect(await scene.eventOf(heard, "parent")).toMatchObject({
        kind: { value: { seq: 1, startedEventId: eventId, child: { workflowId: "wf" } } },
      });
      const ends = (await scene.history("parent")).slice(eventId);
      expect(ends.filter((kind) => kind?.startsWith("childWorkflow"))).toEqual([heard]);
    },
  };
}

async function signal({ workflows, namespace }: Scene): Promise<void> {
  await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "shipped" });
}
