import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { UpsertSearchAttributesCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { begin, casesOf, type Direct, requestFor } from "../direct-operation.js";

const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
const integer = (value: bigint) => ({ value: { case: "integer" as const, value } });

const direct: Direct<MessageInitShape<typeof UpsertSearchAttributesCommandSchema>> = {
  call: ({ workers }, request) => workers.upsertSearchAttributes(request),
  command: { searchAttributes: { city: keyword("Köln") } },
  other: { searchAttributes: { city: keyword("Bonn") } },
  event: "searchAttributesUpserted",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

export const upsertSearchAttributes = operation(WorkerService.method.upsertSearchAttributes, {
  happy: {
    ...happy,
    "changes the attributes that it names, removes those without a value, and answers with all": async (
      scene,
    ) => {
      const { workers, workflows, namespace } = scene;
      const runId = await scene.start("wf", {
        searchAttributes: { city: keyword("Bonn"), tier: keyword("gold"), size: integer(3n) },
      });
      const command = { searchAttributes: { city: keyword("Köln"), tier: {} } };
      const upserted = await workers.upsertSearchAttributes({
        ...(await requestFor(scene, direct, runId)),
        command,
      });
      const now = { city: keyword("Köln"), size: integer(3n) };
      expect(upserted.searchAttributes).toMatchObject(now);
      expect(upserted.searchAttributes).not.toHaveProperty("tier");
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId: "wf" });
      expect(workflow?.searchAttributes).toEqual(upserted.searchAttributes);
      const { kind } = await scene.eventOf("searchAttributesUpserted", "wf");
      expect(kind.value).toMatchObject({ seq: 1, ...command });
    },
    "finds the run by what it has now, and not by what it had": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const runId = await scene.start("wf", direct.other);
      await workers.upsertSearchAttributes(await requestFor(scene, direct, runId));
      const find = async (city: string) => {
        const condition = { case: "equals" as const, value: keyword(city) };
        const filter = { searchAttributes: [{ name: "city", condition }] };
        const found = await workflows.listWorkflows({ namespace, filter });
        return found.workflows.map(({ workflowId }) => workflowId);
      };
      expect([await find("Köln"), await find("Bonn")]).toEqual([["wf"], []]);
    },
    "of two, neither loses what the other has changed": async (scene) => {
      const { workers } = scene;
      const request = await begin(scene, direct);
      await workers.upsertSearchAttributes(request);
      const command = { searchAttributes: { size: integer(3n) } };
      const { searchAttributes } = await workers.upsertSearchAttributes({ ...request, seq: 2, command });
      expect(searchAttributes).toMatchObject({ city: keyword("Köln"), size: integer(3n) });
    },
  },
  repeated: {
    ...repeated,
    "answers with the attributes as they are now": async (scene) => {
      const { workers } = scene;
      const request = await begin(scene, direct);
      await workers.upsertSearchAttributes(request);
      await workers.upsertSearchAttributes({ ...request, seq: 2, command: direct.other });
      const { searchAttributes } = await workers.upsertSearchAttributes(request);
      expect(searchAttributes).toMatchObject({ city: keyword("Bonn") });
    },
  },
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 0, command: direct.command }, field: "seq" },
});
