import { expect } from "vitest";
import { type GetHistoryRequestSchema, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleTimer } from "../../support/actor.js";
import { operation } from "../contract.js";
import { onAnswer } from "../on-answer.js";
import { refusalOf } from "../refusal.js";
import { completeWorkflow, type Init, json, type Scene, seconds } from "../scene.js";

const read = ({ workflows, namespace }: Scene, request: Init<typeof GetHistoryRequestSchema> = {}) =>
  workflows.getHistory({ namespace, workflowId: "wf", ...request });

/** The event ids of a page. */
const idsOf = ({ events }: { events: { eventId: number }[] }) => events.map(({ eventId }) => eventId);

/** The event ids of all pages. */
async function pagesOf(scene: Scene, request: Init<typeof GetHistoryRequestSchema>): Promise<number[][]> {
  const pages: number[][] = [];
  let pageToken = "";
  do {
    const page = await read(scene, { ...request, pageToken });
    pages.push(idsOf(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pages;
}

export const getHistory = operation(WorkflowService.method.getHistory, {
  happy: {
    "answers with all events, numbered from 1 without gaps": async (scene) => {
      const runId = await scene.startClosed("wf");
      const page = await read(scene);
      expect(page).toMatchObject({ runId, nextPageToken: "" });
      expect(page.events.map(({ kind }) => kind.case)).toEqual([
        ...["workflowStarted", "workflowTaskScheduled", "workflowTaskStarted", "workflowTaskCompleted"],
        "workflowCompleted",
      ]);
      expect(idsOf(page)).toEqual([1, 2, 3, 4, 5]);
    },
    "in pages, ascending": async (scene) => {
      await scene.startClosed("wf");
      expect(await pagesOf(scene, { pageSize: 2 })).toEqual([[1, 2], [3, 4], [5]]);
      expect(await pagesOf(scene, { pageSize: 5 })).toEqual([[1, 2, 3, 4, 5]]);
      expect(await pagesOf(scene, { pageSize: 2, afterEventId: 2 })).toEqual([[3, 4], [5]]);
    },
    "in pages, descending": async (scene) => {
      await scene.startClosed("wf");
      expect(await pagesOf(scene, { pageSize: 2, isDescending: true })).toEqual([[5, 4], [3, 2], [1]]);
      expect(await pagesOf(scene, { pageSize: 2, isDescending: true, afterEventId: 2 })).toEqual([
        ...[[5, 4], [3]],
      ]);
    },
    "in pages that go on in the same run, whatever begins meanwhile": async (scene) => {
      const runId = await scene.startClosed("wf");
      const { nextPageToken } = await read(scene, { pageSize: 4 });
      await scene.start("wf");
      expect(await read(scene, { pageToken: nextPageToken })).toMatchObject({
        ...{ runId, events: [{ eventId: 5 }], nextPageToken: "" },
      });
    },
    "ends a page before it is larger than a response may be": async (scene) => {
      await scene.start("wf");
      const payload = json(`"${"x".repeat(1_500_000)}"`);
      const { workflows, namespace } = scene;
      for (const name of ["a", "b", "c"])
        await workflows.signalWorkflow({ namespace, workflowId: "wf", name, payload });
      expect(await pagesOf(scene, {})).toEqual([[1, 2, 3, 4], [5]]);
    },
    "the closing event alone": async (scene) => {
      await scene.startClosed("wf");
      expect(await read(scene, { closingEventOnly: true })).toMatchObject({
        ...{ events: [{ eventId: 5, kind: { case: "workflowCompleted" } }], nextPageToken: "" },
      });
      await scene.start("open");
      expect((await read(scene, { workflowId: "open", closingEventOnly: true })).events).toEqual([]);
    },
    "waits for new events": async (scene) => {
      await scene.start("wf");
      const reading = read(scene, { afterEventId: 2, wait: seconds(20) });
      const { workflows, namespace } = scene;
      await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "go" });
      const page = await reading;
      expect(page.events).toMatchObject([{ eventId: 3, kind: { case: "signalReceived" } }]);
      const next = read(scene, { pageToken: page.nextPageToken, wait: seconds(20) });
      await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
      expect(await next).toMatchObject({
        ...{ events: [{ eventId: 4, kind: { case: "workflowTerminated" } }], nextPageToken: "" },
      });
    },
    "waits for the closing event alone": async (scene) => {
      await scene.startWith("wf", [scheduleTimer(1, 60)]);
      const reading = read(scene, { closingEventOnly: true, wait: seconds(20) });
      await scene.pass(61_000);
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      expect((await reading).events).toMatchObject([{ kind: { case: "workflowCompleted" } }]);
    },
    "answers with nothing when the wait is over, and a token to wait on": async (scene) => {
      await scene.start("wf");
      const { events, nextPageToken } = await read(scene, { afterEventId: 2, wait: { nanos: 1_000_000 } });
      expect(events).toEqual([]);
      expect(nextPageToken).not.toBe("");
    },
    "does not wait for what is there, nor for a closed run": async (scene) => {
      await scene.startClosed("wf");
      expect(idsOf(await read(scene, { wait: seconds(20) }))).toEqual([1, 2, 3, 4, 5]);
      for (const afterEventId of [5, 2 ** 31 - 1])
        expect(idsOf(await read(scene, { afterEventId, wait: seconds(20) }))).toEqual([]);
    },
    "reads the rest of a task's history by the task's token": async (scene) => {
      await scene.start("wf");
      const { workflows, namespace } = scene;
      const payload = json(`"${"x".repeat(1_500_000)}"`);
      for (const name of ["a", "b", "c"])
        await workflows.signalWorkflow({ namespace, workflowId: "wf", name, payload });
      const task = await scene.takeTask();
      const given = task.history.map(({ eventId }) => eventId);
      const { events, nextPageToken } = await read(scene, { pageToken: task.nextPageToken });
      expect([...given, ...events.map(({ eventId }) => eventId)]).toEqual([1, 2, 3, 4, 5, 6]);
      expect(nextPageToken).toBe("");
    },
  },
  repeated: {
    "reads the same, and a prefix of what there is later": async (scene) => {
      await scene.start("wf");
      const first = await read(scene);
      expect(await read(scene)).toEqual(first);
      await scene.complete(await scene.takeTask(), [completeWorkflow("1")]);
      expect((await read(scene)).events.slice(0, 2)).toEqual(first.events);
    },
  },
  refused: {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": (scene) => read(scene),
      "the workflow has no such run": async (scene) => {
        await scene.start("wf");
        return read(scene, { runId: crypto.randomUUID() });
      },
    },
    RUN_DELETED: {
      "the run of the token was deleted": async (scene) => {
        await scene.startClosed("wf");
        const { nextPageToken } = await read(scene, { pageSize: 1 });
        await scene.remove("wf");
        return read(scene, { pageToken: nextPageToken });
      },
      "the run is deleted while its events are read": async (scene) => {
        await scene.startClosed("wf");
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) => read({ ...scene, ...own }));
      },
      "the run is deleted while its events are waited for": async (scene) => {
        await scene.start("wf");
        const deleting = onAnswer("load_workflows", () => scene.remove("wf"));
        return scene.atServer(deleting, (own) =>
          read({ ...scene, ...own }, { afterEventId: 2, wait: seconds(20) }),
        );
      },
    },
    INVALID_PAGE_TOKEN: {
      "the token is no token": async (scene) => {
        await scene.start("wf");
        return read(scene, { pageToken: "page two" });
      },
      "the token belongs to another workflow": async (scene) => {
        await scene.start("wf");
        const { nextPageToken } = await read(scene, { pageSize: 1 });
        await scene.start("other");
        return read(scene, { workflowId: "other", pageToken: nextPageToken });
      },
      "the token belongs to another run": async (scene) => {
        await scene.startClosed("wf");
        const { nextPageToken } = await read(scene, { pageSize: 1 });
        return read(scene, { runId: await scene.start("wf"), pageToken: nextPageToken });
      },
      "the token goes in the other direction": async (scene) => {
        await scene.start("wf");
        const { nextPageToken } = await read(scene, { pageSize: 1 });
        return read(scene, { isDescending: true, pageToken: nextPageToken });
      },
    },
  },
  elsewhere: {
    "the run is not there, neither by a token": async (scene) => {
      const runId = await scene.start("wf");
      const { nextPageToken } = await read(scene, { pageSize: 1 });
      const there = { ...scene, namespace: await scene.makeNamespace() };
      const reasons = [read(there, { runId }), read(there, { pageToken: nextPageToken })].map(
        async (reading) => (await refusalOf(reading)).reason,
      );
      expect(await Promise.all(reasons)).toEqual(["WORKFLOW_NOT_FOUND", "INVALID_PAGE_TOKEN"]);
    },
  },
  nowhere: () => ({ workflowId: "wf" }),
  malformed: { request: { workflowId: "wf", afterEventId: -1 }, field: "after_event_id" },
});
