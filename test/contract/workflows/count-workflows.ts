import { expect } from "vitest";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import { type WorkflowFilterSchema, WorkflowService } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { operation } from "../contract.js";
import type { Init, Scene } from "../scene.js";
import { failWorkflow } from "./commands.js";
import { atSecond, boolean, equalTo, integer, keyword, number, time, within } from "./search-values.js";

type FilterInit = Init<typeof WorkflowFilterSchema>;

async function count({ workflows, namespace }: Scene, filter: FilterInit = {}): Promise<number> {
  const counted = await workflows.countWorkflows({ namespace, filter });
  expect(counted.byStatus).toEqual([]);
  return Number(counted.count);
}

export const countWorkflows = operation(WorkflowService.method.countWorkflows, {
  happy: {
    "counts all runs, and leaves no event": async (scene) => {
      expect(await count(scene)).toBe(0);
      await scene.startClosed("wf");
      await scene.start("wf");
      expect(await count(scene)).toBe(2);
      expect(await scene.history("wf")).toHaveLength(2);
    },
    "counts by status as well; those with none are left out": async (scene) => {
      await scene.startClosed("a");
      await scene.startWith("b", [failWorkflow()]);
      await scene.start("c");
      await scene.start("d");
      const { workflows, namespace } = scene;
      const { PENDING, COMPLETED, FAILED } = WorkflowStatus;
      expect(await workflows.countWorkflows({ namespace, groupByStatus: true })).toMatchObject({
        count: 4n,
        byStatus: [
          { status: PENDING, count: 2n },
          { status: COMPLETED, count: 1n },
          { status: FAILED, count: 1n },
        ],
      });
      const filter = { statuses: [FAILED] };
      expect(await workflows.countWorkflows({ namespace, filter, groupByStatus: true })).toMatchObject({
        ...{ count: 1n, byStatus: [{ status: FAILED, count: 1n }] },
      });
    },
    "takes the filters of ListWorkflows": async (scene) => {
      await scene.startClosed("order-1", { searchAttributes: { city: keyword("Bern"), total: integer(7) } });
      await scene.start("order-2", { searchAttributes: { city: keyword("Bern"), weight: number(0.5) } });
      await scene.start("refund-1", { workflowType: "refund", searchAttributes: { due: time(9) } });
      const counts: [FilterInit, number][] = [
        [{ statuses: [WorkflowStatus.COMPLETED] }, 1],
        [{ workflowType: "order" }, 2],
        [{ workflowIdPrefix: "refund" }, 1],
        [{ startTimeFrom: atSecond(2 ** 33) }, 0],
        [{ startTimeTo: atSecond(2 ** 33) }, 3],
        [equalTo("city", keyword("Bern")), 2],
        [within("total", { from: integer(7), to: integer(8) }), 1],
        [within("total", { to: integer(7) }), 0],
        [within("weight", { from: number(-1) }), 1],
        [within("due", { from: time(9) }), 1],
        [{ ...equalTo("city", keyword("Bern")), statuses: [WorkflowStatus.PENDING] }, 1],
      ];
      for (const [filter, expected] of counts) expect(await count(scene, filter)).toBe(expected);
    },
  },
  repeated: {
    "reads the same": async (scene) => {
      await scene.start("wf");
      expect([await count(scene), await count(scene)]).toEqual([1, 1]);
    },
  },
  refused: {
    INVALID_FIELD: {
      "a range is of truth values": (scene) => count(scene, within("a", { from: boolean(true) })),
      "the bounds of a range are of two types": (scene) =>
        count(scene, within("a", { from: integer(1), to: time(2) })),
      "an attribute is to be equal to nothing": (scene) => count(scene, equalTo("a", {})),
    },
  },
  elsewhere: {
    "nothing is counted": async (scene) => {
      await scene.start("wf", { searchAttributes: { city: keyword("Bern") } });
      const there = { ...scene, namespace: await scene.makeNamespace() };
      expect([await count(there), await count(there, equalTo("city", keyword("Bern")))]).toEqual([0, 0]);
    },
  },
  nowhere: () => ({}),
  malformed: {
    request: { filter: { statuses: [WorkflowStatus.UNSPECIFIED] } },
    field: "filter.statuses[0]",
  },
});
