import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { ScheduleDefinitionSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import type { ScheduleState } from "../../../src/core/schedules/schedule-state.js";
import type { Unit } from "../../../src/store/unit.js";
import { makeRun, startUnit } from "./runs.js";

export function makeSchedule(
  fields: Partial<ScheduleState> & Pick<ScheduleState, "namespaceId">,
): ScheduleState {
  return {
    namespace: "main",
    scheduleId: `schedule-${randomUUID()}`,
    version: 1,
    revision: 1,
    definition: create(ScheduleDefinitionSchema, { note: "of a test" }),
    createdAt: 5,
    updatedAt: 6,
    progress: {
      ...{ senderId: randomUUID(), messagesSent: 0, nextScheduledAt: 7, lastScheduledAt: 0 },
      ...{ openRuns: [], lastRuns: [], backfills: [], skippedCount: 0, missedCount: 0 },
    },
    lastResult: undefined,
    nextFireAt: 7,
    ...fields,
  };
}

/** A schedule fires: it changes, and a run of this workflow id begins. */
export function fireUnit(
  before: ScheduleState,
  workflowId: string,
  fields: Partial<ScheduleState> = {},
): Unit {
  const start = startUnit(makeRun({ namespaceId: before.namespaceId, workflowId }));
  const after = { ...before, ...fields, version: before.version + 1 };
  return { ...start, schedule: { before, after, request: undefined } };
}
