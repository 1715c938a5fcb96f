import { expect } from "vitest";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type WorkflowFilterSchema, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import { type Init, json, type Scene } from "../scene.js";
import { continueAsNew, failWorkflow } from "./commands.js";
import { atSecond, boolean, equalTo, integer, keyword, number, time, within } from "./search-values.js";

/** The workflow ids of the runs that a filter takes, in the order of the listing. */
async function find(
  { workflows, namespace }: Scene,
  filter: Init<typeof WorkflowFilterSchema>,
): Promise<string[]> {
  const page = await workflows.listWorkflows({ namespace, filter });
  return page.workflows.map(({ workflowId }) => workflowId);
}

/** Starts runs one by one, so that the listing has them in the opposite order. */
async function startAll(scene: Scene, ...workflowIds: string[]): Promise<void> {
  for (const workflowId of workflowIds) {
    scene.house.cluster.moveTime(1);
    await scene.start(workflowId);
  }
}

export const listWorkflows = operation(WorkflowService.method.listWorkflows, {
  happy: {
    "lists all runs, the newest first, and leaves no event": async (scene) => {
      await startAll(scene, "a", "b", "c");
      expect(await find(scene, {})).toEqual(["c", "b", "a"]);
      expect(await scene.history("a")).toHaveLength(2);
    },
    "shows the record of each": async (scene) => {
      const { workflows, namespace } = scene;
      const spec = { searchAttributes: { city: keyword("Bern") }, memo: { note: json('"gift"') } };
      const runId = await scene.startClosed("wf", spec);
      const [shown] = (await workflows.listWorkflows({ namespace })).workflows;
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "wf", runId });
      expect(shown).toEqual(workflow);
      expect(shown).toMatchObject({ ...spec, status: WorkflowStatus.COMPLETED });
    },
    "by status, one of several": async (scene) => {
      await scene.startClosed("completed");
      await scene.startWith("failed", [failWorkflow()]);
      await scene.startWith("running", []);
      await scene.start("pending");
      const { COMPLETED, FAILED, PENDING, RUNNING, CANCELLED } = WorkflowStatus;
      expect(await find(scene, { statuses: [COMPLETED] })).toEqual(["completed"]);
      expect((await find(scene, { statuses: [RUNNING, FAILED] })).sort()).toEqual(["failed", "running"]);
      expect(await find(scene, { statuses: [PENDING, PENDING] })).toEqual(["pending"]);
      expect(await find(scene, { statuses: [CANCELLED] })).toEqual([]);
    },
    "by type": async (scene) => {
      await scene.start("a", { workflowType: "refund" });
      await scene.start("b");
      expect(await find(scene, { workflowType: "refund" })).toEqual(["a"]);
      expect(await find(scene, { workflowType: "ref" })).toEqual([]);
    },
    "by the beginning of the workflow id": async (scene) => {
      await startAll(scene, "order-1", "order-2", "Order-3", "other_%");
      expect(await find(scene, { workflowIdPrefix: "order-" })).toEqual(["order-2", "order-1"]);
      expect(await find(scene, { workflowIdPrefix: "order-2" })).toEqual(["order-2"]);
      expect(await find(scene, { workflowIdPrefix: "%" })).toEqual([]);
    },
    "by the time of the start, from (included) to (excluded)": async (scene) => {
      const { workflows, namespace } = scene;
      await startAll(scene, "a", "b", "c");
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "b" });
      const startTime = workflow?.startTime ?? {};
      expect(await find(scene, { startTimeFrom: startTime })).toEqual(["c", "b"]);
      expect(await find(scene, { startTimeTo: startTime })).toEqual(["a"]);
      expect(await find(scene, { startTimeFrom: startTime, startTimeTo: startTime })).toEqual([]);
    },
    "by search attributes of every type, equal to a value of the same type": async (scene) => {
      const values = {
        keyword: keyword("5"),
        integer: integer(5),
        number: number(5),
        boolean: boolean(false),
        time: time(5),
      };
      await scene.start("wf", { searchAttributes: values });
      await scene.start("other", {
        searchAttributes: {
          keyword: keyword("55"),
          integer: integer(-5),
          number: number(5.5),
          time: time(6),
        },
      });
      for (const [name, value] of Object.entries(values))
        expect(await find(scene, equalTo(name, value))).toEqual(["wf"]);
      expect(await find(scene, equalTo("integer", number(5)))).toEqual([]);
    },
    "by ranges of integers, numbers and times, from (included) to (excluded)": async (scene) => {
      const steps = [-2, -1, 0, 1, 2];
      for (const step of steps) {
        scene.house.cluster.moveTime(1);
        await scene.start(`at ${step}`, {
          searchAttributes: { integer: integer(step), number: number(step / 10), time: time(step) },
        });
      }
      const from = { integer: integer(-1), number: number(-0.1), time: time(-1) };
      const to = { integer: integer(1), number: number(0.1), time: time(1) };
      for (const name of ["integer", "number", "time"] as const) {
        expect(await find(scene, within(name, { from: from[name], to: to[name] }))).toEqual([
          "at 0",
          "at -1",
        ]);
        expect(await find(scene, within(name, { from: to[name] }))).toEqual(["at 2", "at 1"]);
        expect(await find(scene, within(name, { to: from[name] }))).toEqual(["at -2"]);
      }
    },
    "by all conditions together": async (scene) => {
      const searchAttributes = { city: keyword("Bern"), total: integer(7) };
      await scene.startClosed("order-4", { searchAttributes });
      await scene.start("order-1", { searchAttributes });
      await scene.start("order-2", { searchAttributes: { ...searchAttributes, total: integer(70) } });
      await scene.start("order-3", { searchAttributes: { ...searchAttributes, city: keyword("Biel") } });
      await scene.start("order-5", { searchAttributes, workflowType: "refund" });
      await scene.start("refund-1", { searchAttributes });
      const filter = {
        statuses: [WorkflowStatus.PENDING],
        workflowType: "order",
        workflowIdPrefix: "order-",
        startTimeTo: atSecond(2 ** 33),
        searchAttributes: [
          ...within("total", { to: integer(10) }).searchAttributes,
          ...equalTo("city", keyword("Bern")).searchAttributes,
        ],
      };
      expect(await find(scene, filter)).toEqual(["order-1"]);
    },
    "by attributes as they are now": async (scene) => {
      await scene.startWith(
        "wf",
        [
          {
            seq: 1,
            kind: { case: "upsertSearchAttributes", value: { searchAttributes: { step: keyword("b") } } },
          },
        ],
        { searchAttributes: { step: keyword("a") } },
      );
      const at = (step: string) => find(scene, equalTo("step", keyword(step)));
      expect([await at("a"), await at("b")]).toEqual([[], ["wf"]]);
    },
    "lists each run of a workflow id": async (scene) => {
      await scene.startWith("wf", [continueAsNew()]);
      expect(await find(scene, { workflowIdPrefix: "wf" })).toEqual(["wf", "wf"]);
    },
    "in pages that stay right while runs come and go": async (scene) => {
      const { workflows, namespace } = scene;
      await startAll(scene, "a", "b", "c", "d");
      const first = await workflows.listWorkflows({ namespace, pageSize: 2 });
      expect(first.workflows.map(({ workflowId }) => workflowId)).toEqual(["d", "c"]);
      await startAll(scene, "e");
      await workflows.terminateWorkflow({ namespace, workflowId: "c" });
      const rest = { namespace, pageSize: 2, pageToken: first.nextPageToken };
      const second = await workflows.listWorkflows(rest);
      expect(second.workflows.map(({ workflowId }) => workflowId)).toEqual(["b", "a"]);
      expect(second.nextPageToken).toBe("");
    },
    "in pages of a filter with attributes": async (scene) => {
      const { workflows, namespace } = scene;
      for (const workflowId of ["a", "b", "c"]) {
        scene.house.cluster.moveTime(1);
        await scene.start(workflowId, { searchAttributes: { city: keyword("Bern") } });
      }
      const filter = equalTo("city", keyword("Bern"));
      const found: string[] = [];
      let pageToken = "";
      do {
        const page = await workflows.listWorkflows({ namespace, filter, pageSize: 1, pageToken });
        found.push(...page.workflows.map(({ workflowId }) => workflowId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(found).toEqual(["c", "b", "a"]);
    },
    "in pages that fit in a response, however large the memos are": async (scene) => {
      const { workflows, namespace } = scene;
      const note = json(JSON.stringify("x".repeat(200 * 1024)));
      const ids = Array.from({ length: 30 }, (_, n) => `wf-${n}`);
      for (const id of ids) await scene.start(id, { memo: { note } });
      const first = await workflows.listWorkflows({ namespace });
      const second = await workflows.listWorkflows({ namespace, pageToken: first.nextPageToken });
      const listed = [first, second].flatMap((page) => page.workflows.map(({ workflowId }) => workflowId));
      expect(listed.sort()).toEqual(ids.sort());
      expect(second.nextPageToken).toBe("");
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      const { workflows, namespace } = scene;
      await startAll(scene, "a", "b");
      const request = { namespace, pageSize: 1 };
      expect(await workflows.listWorkflows(request)).toEqual(await workflows.listWorkflows(request));
    },
  },
  refused: {
    INVALID_PAGE_TOKEN: {
      "the token is no token": ({ workflows, namespace }) =>
        workflows.listWorkflows({ namespace, pageToken: "page two" }),
      "the token belongs to a listing with another filter": async (scene) => {
        const { workflows, namespace } = scene;
        const pageToken = await tokenOfPage(scene);
        return workflows.listWorkflows({ namespace, filter: { workflowType: "refund" }, pageToken });
      },
      "the token belongs to a listing of another namespace": async (scene) => {
        const pageToken = await tokenOfPage(scene);
        return scene.workflows.listWorkflows({ namespace: await scene.makeNamespace(), pageToken });
      },
    },
    INVALID_FIELD: {
      "a range is of texts": (scene) => find(scene, within("a", { from: keyword("a") })),
      "a range is of truth values": (scene) => find(scene, within("a", { to: boolean(true) })),
      "the bounds of a range are of two types": (scene) =>
        find(scene, within("a", { from: integer(1), to: number(2) })),
      "a range has no bound": (scene) => find(scene, within("a", {})),
      "an attribute is to be equal to nothing": (scene) => find(scene, equalTo("a", {})),
      "a number is not finite": (scene) => find(scene, equalTo("a", number(Number.NaN))),
      "a condition says nothing of its attribute": (scene) =>
        find(scene, { searchAttributes: [{ name: "a" }] }),
      "a status is none": (scene) => find(scene, { statuses: [WorkflowStatus.UNSPECIFIED] }),
    },
  },
  elsewhere: {
    "nothing is listed, neither by an attribute": async (scene) => {
      await scene.start("wf", { searchAttributes: { city: keyword("Bern") } });
      const there = { ...scene, namespace: await scene.makeNamespace() };
      const filter = equalTo("city", keyword("Bern"));
      expect(await find(scene, filter)).toEqual(["wf"]);
      expect([await find(there, {}), await find(there, filter)]).toEqual([[], []]);
    },
  },
  nowhere: () => ({}),
  malformed: { request: { pageSize: 1_001 }, field: "page_size" },
});

async function tokenOfPage(scene: Scene): Promise<string> {
  await startAll(scene, "a", "b");
  const { workflows, namespace } = scene;
  return (await workflows.listWorkflows({ namespace, pageSize: 1 })).nextPageToken;
}
