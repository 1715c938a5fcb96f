import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { ScheduleTimerCommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import { WorkerService } from "../../../gen/pawl/v1/worker_service_pb.js";
import { operation } from "../contract.js";
import { begin, casesOf, type Direct, exceedPending } from "../direct-operation.js";
import { seconds } from "../scene.js";

const direct: Direct<MessageInitShape<typeof ScheduleTimerCommandSchema>> = {
  call: ({ workers }, request) => workers.scheduleTimer(request),
  command: { duration: seconds(60) },
  other: { duration: seconds(61) },
  event: "timerScheduled",
};
const { happy, repeated, refused, elsewhere } = casesOf(direct);

export const scheduleTimer = operation(WorkerService.method.scheduleTimer, {
  happy: {
    ...happy,
    "tells when it fires, and it does then and no earlier": async (scene) => {
      const { workers } = scene;
      const timer = await workers.scheduleTimer(await begin(scene, direct));
      const scheduled = await scene.eventOf("timerScheduled", "wf");
      expect(timer).toMatchObject({ isFired: false, fireTime: { seconds: expect.any(BigInt) } });
      expect(scheduled.kind.value).toMatchObject({
        seq: 1,
        duration: seconds(60),
        fireTime: timer.fireTime,
      });
      const runsFor = Number(timer.fireTime?.seconds) - Number(scheduled.eventTime?.seconds);
      expect(runsFor).toBe(60);
      await scene.pass(30_000);
      expect(await scene.history("wf")).not.toContain("timerFired");
      await scene.pass(31_000);
      const fired = await scene.eventOf("timerFired", "wf");
      expect(fired.kind.value).toMatchObject({ seq: 1, scheduledEventId: scheduled.eventId });
    },
    "fires at once if it has no time to run": async (scene) => {
      const request = { ...(await begin(scene, direct)), command: { duration: seconds(0) } };
      await scene.workers.scheduleTimer(request);
      await scene.pass(100);
      await scene.eventOf("timerFired", "wf");
      expect(await scene.workers.scheduleTimer(request)).toMatchObject({ isFired: true });
    },
  },
  repeated: {
    ...repeated,
    "tells whether it has fired; one that was cancelled has not": async (scene) => {
      const { workers, workflows, namespace } = scene;
      const fires = await begin(scene, direct);
      const { fireTime } = await workers.scheduleTimer(fires);
      await scene.pass(61_000);
      expect(await workers.scheduleTimer(fires)).toMatchObject({ isFired: true, fireTime });
      const ends = { ...fires, seq: 2 };
      await workers.scheduleTimer(ends);
      await workflows.cancelWorkflow({ namespace, workflowId: "wf", cancelPending: true });
      expect(await workers.scheduleTimer(ends)).toMatchObject({ isFired: false });
    },
  },
  refused: {
    ...refused,
    PENDING_LIMIT: { "the run has as many timers as it may": (scene) => exceedPending(scene, direct) },
  },
  elsewhere,
  nowhere: () => ({ workflowId: "wf", seq: 1, command: direct.command }),
  malformed: { request: { workflowId: "wf", seq: 1, command: {} }, field: "command.duration" },
});
