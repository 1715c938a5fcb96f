import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { RecordSnapshotCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { begin, casesOf, type Direct } from "../direct-operation.js";
import { json } from "../scene.js";

const direct: Direct<MessageInitShape<typeof RecordSnapshotCommandSchema>> = {
  call: ({ workers }, request) => workers.createSnapshot(request),
  command: { asOfEventId: 2, state: json('{"step":1}') },
  other: { asOfEventId: 2, state: json('{"step":2}') },
  event: "snapshotRecorded",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

export const createSnapshot = operation(WorkerService.method.createSnapshot, {
  happy: {
    ...happy,
    "keeps the state beside history, which has its size alone": async (scene) => {
      const { workers, namespace } = scene;
      await workers.createSnapshot(await begin(scene, direct));
      const { kind } = await scene.eventOf("snapshotRecorded", "wf");
      expect(kind.value).toMatchObject({ seq: 1, asOfEventId: 2, stateBytes: expect.any(Number) });
      expect(kind.value).not.toHaveProperty("state");
      const latest = await workers.getLatestSnapshot({ namespace, workflowId: "wf" });
      expect(latest).toMatchObject(direct.command);
    },
    "takes the place of the one before": async (scene) => {
      const { workers, namespace } = scene;
      const request = await begin(scene, direct);
      await workers.createSnapshot(request);
      const command = { asOfEventId: 6, state: json('{"step":2}') };
      await workers.createSnapshot({ ...request, seq: 2, command });
      expect(await workers.getLatestSnapshot({ namespace, workflowId: "wf" })).toMatchObject(command);
    },
  },
  repeated,
  refused,
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: {
    request: { workflowId: "wf", seq: 1, command: { asOfEventId: -1, state: json("1") } },
    field: "command.as_of_event_id",
  },
});
