import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { RecordSideEffectCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { begin, casesOf, type Direct } from "../direct-operation.js";
import { json } from "../scene.js";

const direct: Direct<MessageInitShape<typeof RecordSideEffectCommandSchema>> = {
  call: ({ workers }, request) => workers.recordSideEffect(request),
  command: { name: "price", value: json("7") },
  other: { name: "weight", value: json("7") },
  event: "sideEffectRecorded",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

export const recordSideEffect = operation(WorkerService.method.recordSideEffect, {
  happy: {
    ...happy,
    "records the value and answers with it": async (scene) => {
      const recorded = await scene.workers.recordSideEffect(await begin(scene, direct));
      expect(recorded.value).toMatchObject(json("7"));
      const { kind } = await scene.eventOf("sideEffectRecorded", "wf");
      expect(kind.value).toMatchObject({ seq: 1, ...direct.command });
    },
    "takes null for a value": async (scene) => {
      const { workers } = scene;
      const request = { ...(await begin(scene, direct)), command: { value: json("null") } };
      await workers.recordSideEffect(request);
      expect(await workers.recordSideEffect(request)).toMatchObject({ value: json("null") });
    },
  },
  repeated: {
    ...repeated,
    "answers with the value that was recorded, whatever the call has": async (scene) => {
      const { workers } = scene;
      const request = await begin(scene, direct);
      await workers.recordSideEffect(request);
      const before = await scene.history("wf");
      const again = { ...request, command: { name: "price", value: json("8") } };
      expect(await workers.recordSideEffect(again)).toMatchObject({
        value: json("7"),
        state: { isExisting: true },
      });
      expect(await scene.history("wf")).toEqual(before);
    },
  },
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "command.value" },
});
