import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { OverlapPolicy, ScheduleDefinitionSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { WorkflowStatus } from "../../../gen/pawl/v1/workflow_pb.js";
import type {
  Backfill,
  OpenRun,
  ScheduleProgress,
  ScheduleState,
  StartedRun,
} from "../../../src/core/schedules/schedule-state.js";

/** How a schedule comes to its next state: by a call, or by a batch, with a run that it starts or without; or not at all, since it is not as the batch believes. */
export type ScheduleChange = "called" | "goesOn" | "fires" | "loses";

/** A step of a schedule, and what is stored after it. */
export interface ScheduleLifeStep {
  readonly change: ScheduleChange;
  readonly state: ScheduleState;
}

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((each) => !each.includes("\0"));
const count = fc.integer({ min: 0, max: 2_000_000_000 });
const micros = fc.integer({ min: 0, max: 2 ** 52 });
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }, requiredKeys?: (keyof T & string)[]) =>
  fc.record(model, {
    noNullPrototype: true,
    ...(requiredKeys === undefined ? {} : { requiredKeys }),
  }) as fc.Arbitrary<T>;

const openRun: fc.Arbitrary<OpenRun> = record({ workflowId: text, isCancelled: fc.constant(true) }, [
  "workflowId",
]);
const startedRun: fc.Arbitrary<StartedRun> = record(
  {
    ...{ workflowId: text, runId: fc.uuid(), scheduledAt: micros, startedAt: micros },
    status: fc.constantFrom(WorkflowStatus.COMPLETED, WorkflowStatus.TIMED_OUT),
  },
  ["workflowId", "runId", "scheduledAt", "startedAt"],
);
const backfill: fc.Arbitrary<Backfill> = record({
  ...{ nextAt: micros, endAt: micros },
  policy: fc.constantFrom(OverlapPolicy.ALLOW_ALL, OverlapPolicy.QUEUE),
});
const progress = record<ScheduleProgress>(
  {
    ...{ senderId: fc.uuid(), messagesSent: count, nextScheduledAt: micros, lastScheduledAt: micros },
    ...{ waitingAt: micros, openRuns: fc.array(openRun, { maxLength: 3 }) },
    lastRuns: fc.array(startedRun, { maxLength: 3 }),
    backfills: fc.array(backfill, { maxLength: 2 }),
    ...{ skippedCount: count, missedCount: count },
  },
  [
    ...(["senderId", "messagesSent", "lastScheduledAt", "openRuns", "lastRuns", "backfills"] as const),
    ...(["skippedCount", "missedCount"] as const),
  ],
);
const definition = fc
  .record({ note: text, isPaused: fc.boolean(), cron: fc.array(text, { maxLength: 2 }) })
  .map(({ cron, ...rest }) => create(ScheduleDefinitionSchema, { ...rest, spec: { cron } }));
const result = text.map((value) => create(PayloadSchema, { body: { case: "json", value } }));
const changing = fc.record({
  ...{ progress, definition, updatedAt: micros },
  nextFireAt: fc.option(micros, { nil: undefined }),
  lastResult: fc.option(result, { nil: undefined }),
  change: fc.constantFrom<ScheduleChange>("called", "goesOn", "fires", "loses"),
});

/** A schedule as it is made, and a few steps that follow. Whose it is is left to the test. */
export const arbitraryScheduleLife: fc.Arbitrary<readonly ScheduleLifeStep[]> = fc
  .tuple(text, micros, fc.array(changing, { minLength: 1, maxLength: 4 }))
  .map(([scheduleId, createdAt, steps]) => {
    const life: ScheduleLifeStep[] = [];
    for (const { change, definition: next, updatedAt, lastResult, ...rest } of steps) {
      const last = life.at(-1)?.state;
      const called = { revision: (last?.revision ?? 0) + 1, definition: next, updatedAt };
      if (last === undefined) {
        const fixed = { namespaceId: "", namespace: "", scheduleId, createdAt, version: 1 };
        life.push({ change: "called", state: { ...fixed, ...called, ...rest, lastResult: undefined } });
      } else if (change === "loses") life.push({ change, state: last });
      else if (change === "called")
        life.push({ change, state: { ...last, ...called, ...rest, version: last.version + 1 } });
      else {
        // No result leaves the one that there is.
        const kept = { version: last.version + 1, lastResult: lastResult ?? last.lastResult };
        life.push({ change, state: { ...last, ...rest, ...kept } });
      }
    }
    return life;
  });
