import { expect } from "vitest";
import { WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import {
  type ListWaitingRequestSchema,
  WaitingReason,
  WorkflowService,
} from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, scheduleTimer } from "../../support/actor.js";
import { fail, held } from "../activities/calls.js";
import type { Cases } from "../contract.js";
import { operation } from "../contract.js";
import { type Init, present, type Scene, seconds, workflowType } from "../scene.js";
import { failTask } from "../workflow-tasks/calls.js";
import { startChild } from "./commands.js";
import { admitted } from "./updates.js";

const list = ({ workflows, namespace }: Scene, request: Init<typeof ListWaitingRequestSchema> = {}) =>
  workflows.listWaiting({ namespace, ...request });

/** The workflow ids that are listed, in their order. */
async function idsOf(scene: Scene, request?: Init<typeof ListWaitingRequestSchema>): Promise<string[]> {
  return (await list(scene, request)).workflows.map(({ workflow }) => workflow?.workflowId ?? "");
}

/** Starts runs one by one. */
async function startAll(scene: Scene, ...workflowIds: string[]): Promise<void> {
  for (const workflowId of workflowIds) {
    scene.house.cluster.moveTime(1);
    await scene.start(workflowId);
  }
}

/** The run "wf" as it waits for something, and what is said of that. */
interface Situation {
  readonly title: string;
  readonly prepare: (scene: Scene) => Promise<unknown>;
  readonly says: string;
}

const { NON_DETERMINISM, WORKFLOW_ERROR } = WorkflowTaskFailureCause;

/** Fails the first workflow task of "wf". */
async function failFirst(scene: Scene, cause: WorkflowTaskFailureCause, message: string): Promise<void> {
  await scene.start("wf");
  await failTask(scene, await scene.takeTask(), { cause, failure: { message } });
}

const difference = 'recorded is event 5: activity 1 "charge", but the code made timer 1';

/** For each reason what makes it lead. */
const situations: Readonly<Record<Exclude<keyof typeof WaitingReason, "UNSPECIFIED">, readonly Situation[]>> =
  {
    NO_WORKER: [
      {
        title: "nobody polls for its task",
        prepare: (scene) => scene.start("wf"),
        says: 'No worker polls queue "default" for workflow tasks of type "order"',
      },
      {
        title: "nobody polls for an activity of its, whatever else is pending",
        prepare: (scene) => scene.startWith("wf", [scheduleTimer(1, 60), scheduleActivity(2)]),
        says: 'No worker that handles its type polls queue "default": activity "2" of type "charge" waits since',
      },
    ],
    WORKERS_BUSY: [
      {
        title: "workers poll for its task, and none has taken it",
        async prepare(scene) {
          await scene.startClosed("other");
          await scene.start("wf");
        },
        says: 'one of the workers that poll queue "default" for workflow tasks of type "order": all are busy',
      },
      {
        title: "workers poll for an activity of its, and none has taken it",
        async prepare(scene) {
          await scene.startWith("wf", [scheduleActivity(1), scheduleActivity(2, { activityType: "pack" })]);
          await scene.takeActivity();
        },
        says: 'to take activity "2" of type "pack": all are busy',
      },
    ],
    ACTIVITY_BACK_OFF: [
      {
        title: "an activity is tried again later; told is why",
        prepare: async (scene) => fail(scene, held(await scene.holdActivity("wf"))),
        says: "(attempt 2 of 3); the last failure: card declined.",
      },
    ],
    TIMER: [
      {
        title: "a timer runs",
        prepare: (scene) => scene.startWith("wf", [scheduleTimer(1, 60)]),
        says: "Waits for a timer that fires at",
      },
      {
        title: "it was started with a delay",
        prepare: (scene) => scene.start("wf", { startDelay: seconds(60) }),
        says: "not before",
      },
    ],
    SIGNAL: [
      {
        title: "nothing is pending",
        prepare: (scene) => scene.startWith("wf", []),
        says: "Waits for a signal: nothing else is pending.",
      },
      {
        title: "its code has not answered an update",
        async prepare(scene) {
          await scene.startWith("wf", []);
          await admitted(scene, "u");
          await scene.complete(await scene.takeTask(), [
            { kind: { case: "acceptUpdate", value: { updateId: "u" } } },
          ]);
        },
        says: 'Waits for its code to answer update "u".',
      },
    ],
    CHILD: [
      {
        title: "a child has not ended",
        async prepare(scene) {
          await scene.startWith("wf", [startChild(1, "child")]);
          await scene.eventOf("childWorkflowStarted", "wf");
          await scene.complete(await scene.takeTask({ workflowTypes: [workflowType] }));
        },
        says: 'Waits for its child "child" to end.',
      },
    ],
    NON_DETERMINISM: [
      {
        title: "its code makes other commands than are recorded; the difference is told",
        prepare: (scene) => failFirst(scene, NON_DETERMINISM, difference),
        says: `Its code does not replay what history records: ${difference}.`,
      },
    ],
    WORKFLOW_ERROR: [
      {
        title: "its code fails",
        prepare: (scene) => failFirst(scene, WORKFLOW_ERROR, "no such method"),
        says: "Its code failed: no such method.",
      },
      {
        title: "its task is not completed in time",
        async prepare(scene) {
          await scene.start("wf");
          await scene.takeTask();
          await scene.pass(11_000);
        },
        says: "Its workflow task was not completed in time.",
      },
    ],
    ACTIVITY: [
      {
        title: "a worker has an activity of its",
        prepare: (scene) => scene.holdActivity("wf"),
        says: 'runs activity "1" of type "charge" since',
      },
    ],
    WORKFLOW_TASK: [
      {
        title: "a worker has its task",
        async prepare(scene) {
          await scene.start("wf");
          await scene.takeTask({ identity: "ada" });
        },
        says: 'Worker "ada" has its workflow task since',
      },
    ],
  };

/** A case for each situation: it is told, and it is listed under its own reason alone. */
function casesOfReasons(): Cases {
  const all = Object.entries(situations).flatMap(([name, some]) =>
    some.map((situation) => [WaitingReason[name as keyof typeof situations], name, situation] as const),
  );
  return Object.fromEntries(
    all.map(([reason, name, { title, prepare, says }]) => [
      `says ${name} where ${title}`,
      async (scene: Scene) => {
        await prepare(scene);
        const found = (await list(scene, { idleFor: {} })).workflows.find(
          ({ workflow }) => workflow?.workflowId === "wf",
        );
        const waiting = present(found, "it is not listed");
        expect(WaitingReason[waiting.reason]).toBe(name);
        expect(waiting.explanation).toContain(says);
        expect(waiting.since).toBeDefined();
        expect(await idsOf(scene, { idleFor: {}, reason })).toContain("wf");
        const others = Object.values(WaitingReason).filter(
          (other): other is WaitingReason => typeof other === "number" && other > 0 && other !== reason,
        );
        for (const other of others)
          expect(await idsOf(scene, { idleFor: {}, reason: other })).not.toContain("wf");
      },
    ]),
  );
}

export const listWaiting = operation(WorkflowService.method.listWaiting, {
  happy: {
    "lists open runs whose last event is a minute old, those that were started first coming first": async (
      scene,
    ) => {
      await startAll(scene, "b", "a", "closed");
      await scene.workflows.terminateWorkflow({ namespace: scene.namespace, workflowId: "closed" });
      expect(await idsOf(scene)).toEqual([]);
      await scene.pass(61_000);
      await scene.start("young");
      expect(await idsOf(scene)).toEqual(["b", "a"]);
    },
    "shows the record of each, and leaves no event": async (scene) => {
      await scene.start("wf");
      const { workflows, namespace } = scene;
      const [waiting] = (await list(scene, { idleFor: {} })).workflows;
      const record = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(waiting).toMatchObject({ workflow: record.workflow, explanation: record.waitingFor[0] });
      expect(await scene.history("wf")).toHaveLength(2);
    },
    "those that have been idle for so long, zero meaning all": async (scene) => {
      await scene.start("wf");
      await scene.pass(10_000);
      expect(await idsOf(scene, { idleFor: seconds(9) })).toEqual(["wf"]);
      expect(await idsOf(scene, { idleFor: seconds(30) })).toEqual([]);
      expect(await idsOf(scene, { idleFor: {} })).toEqual(["wf"]);
    },
    "an event shows that a run moves; retries are none": async (scene) => {
      await scene.startWith("wf", [scheduleActivity(1)]);
      await scene.pass(61_000);
      await fail(scene, held(await scene.takeActivity()));
      expect(await idsOf(scene)).toEqual(["wf"]);
      await scene.workflows.signalWorkflow({
        namespace: scene.namespace,
        workflowId: "wf",
        name: "go",
      });
      expect(await idsOf(scene)).toEqual([]);
    },
    ...casesOfReasons(),
    "in pages, that stay right while runs come and go": async (scene) => {
      const { workflows, namespace } = scene;
      await startAll(scene, "a", "b", "c", "d", "e");
      const first = await list(scene, { idleFor: {}, pageSize: 2 });
      for (const workflowId of ["a", "d"]) await workflows.terminateWorkflow({ namespace, workflowId });
      const pageToken = first.nextPageToken;
      const second = await list(scene, { idleFor: {}, pageSize: 2, pageToken });
      const ids = [first, second].map((page) => page.workflows.map(({ workflow }) => workflow?.workflowId));
      expect(ids).toEqual([
        ["a", "b"],
        ["c", "e"],
      ]);
      expect(second.nextPageToken).toBe("");
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await startAll(scene, "a", "b");
      expect(await list(scene, { idleFor: {} })).toEqual(await list(scene, { idleFor: {} }));
    },
  },
  refused: {
    INVALID_PAGE_TOKEN: {
      "the token is no token": (scene) => list(scene, { pageToken: "page two" }),
      "the token belongs to another reason": async (scene) => {
        await startAll(scene, "a", "b");
        const { nextPageToken: pageToken } = await list(scene, { idleFor: {}, pageSize: 1 });
        return list(scene, { idleFor: {}, reason: WaitingReason.NO_WORKER, pageToken });
      },
      "the token belongs to another time": async (scene) => {
        await startAll(scene, "a", "b");
        const { nextPageToken: pageToken } = await list(scene, { idleFor: {}, pageSize: 1 });
        return list(scene, { pageToken });
      },
      "the token belongs to another namespace": async (scene) => {
        await startAll(scene, "a", "b");
        const { nextPageToken: pageToken } = await list(scene, { idleFor: {}, pageSize: 1 });
        const there = { ...scene, namespace: await scene.makeNamespace() };
        return list(there, { idleFor: {}, pageToken });
      },
      "the token is that of another list": async (scene) => {
        await startAll(scene, "a", "b");
        const { workflows, namespace } = scene;
        const { nextPageToken: pageToken } = await workflows.listWorkflows({ namespace, pageSize: 1 });
        return list(scene, { idleFor: {}, pageToken });
      },
    },
  },
  elsewhere: {
    "lists nothing": async (scene) => {
      await scene.start("wf");
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect(await list(there, { idleFor: {} })).toMatchObject({ workflows: [], nextPageToken: "" });
    },
  },
  nowhere: () => ({}),
  malformed: { request: { pageSize: 1_001 }, field: "page_size" },
});
