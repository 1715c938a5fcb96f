/** Bad calls on schedules. */
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import type {
  OverlapPolicy,
  ScheduleDefinitionSchema,
  ScheduleSpecSchema,
} from "../../../gen/pawl/v1/schedule_pb.js";
import { ScheduleService } from "../../../gen/pawl/v1/schedule_service_pb.js";
import {
  type BadCall,
  broken,
  invalidField,
  invalidPageToken,
  invalidPayload,
  large,
  minus,
  namespaceNotFound,
  requestIdReused,
  sizeLimit,
  whole,
} from "./calls.js";
import { schedule } from "./fixture.js";

const { method: sc } = ScheduleService;

const scheduleNotFound = ["NOT_FOUND", "SCHEDULE_NOT_FOUND"] as const;
const scheduleExists = ["ALREADY_EXISTS", "SCHEDULE_EXISTS"] as const;
const revisionMismatch = ["ABORTED", "REVISION_MISMATCH"] as const;
const callLimit = ["RESOURCE_EXHAUSTED", "CALL_LIMIT"] as const;

type SpecInit = MessageInitShape<typeof ScheduleSpecSchema>;
type DefinitionInit = MessageInitShape<typeof ScheduleDefinitionSchema>;

const noPolicy = 99 as OverlapPolicy;
const cron = ["@daily"];
const workflow = { workflowId: "never-started", workflowType: "Sturdy" };
const definition: DefinitionInit = { spec: { cron }, workflow };
const at = (seconds: number) => ({ seconds: BigInt(seconds) });
const day = { fromTime: at(1_767_225_600), toTime: at(1_767_312_000) };

/** A spec that is refused, both where it is stored and where it is tried. */
function badSpec(title: string, spec: SpecInit, field: string): BadCall[] {
  const request = { scheduleId: "never", definition: { spec, workflow } } as MessageInitShape<
    typeof sc.createSchedule.input
  >;
  return [
    whole(title, sc.createSchedule, request, invalidField, { field: `definition.${field}` }),
    whole(title, sc.previewSchedule, { spec }, invalidField, { field }),
  ];
}

const badSpecs = [
  ...badSpec("no rule", {}, "spec"),
  ...badSpec("an empty cron expression", { cron: [""] }, "spec.cron[0]"),
  ...badSpec("too few fields", { cron: ["@daily", "* * *"] }, "spec.cron[1]"),
  ...badSpec("a cron expression that is none", { cron: ["61 * * * *"] }, "spec.cron[0]"),
  ...badSpec("31 February", { cron: ["0 0 31 2 *"] }, "spec.cron[0]"),
  ...badSpec("a zone that is none", { cron, timeZone: "Mars/Olympus" }, "spec.time_zone"),
  ...badSpec("an end at its start", { cron, startTime: at(9), endTime: at(9) }, "spec.end_time"),
  ...badSpec("an interval of none", { intervals: [{}] }, "spec.intervals[0].every"),
  ...badSpec("an interval too short", { intervals: [{ every: { nanos: 5 } }] }, "spec.intervals[0].every"),
  ...badSpec(
    "an offset as long as its interval",
    { intervals: [{ every: at(60), offset: at(60) }] },
    "spec.intervals[0].offset",
  ),
  ...badSpec("negative jitter", { cron, jitter: minus }, "spec.jitter"),
];

/** A definition that is refused. */
function badDefinition(
  title: string,
  change: DefinitionInit,
  reason: readonly [string, string],
  metadata: Record<string, string> = {},
): BadCall {
  const request = { scheduleId: schedule, revision: 1n, definition: { ...definition, ...change } };
  return whole(
    title,
    sc.updateSchedule,
    request as MessageInitShape<typeof sc.updateSchedule.input>,
    reason,
    metadata,
  );
}

/** A call that needs but a name, of a schedule that is not there. */
function nowhere<I extends DescMessage>(method: DescMethodUnary<I>): BadCall[] {
  const named = (name: { scheduleId: string; namespace?: string }) => name as unknown as MessageInitShape<I>;
  return [
    whole("an unknown id", method, named({ scheduleId: "unknown" }), scheduleNotFound, {
      schedule_id: "unknown",
    }),
    whole("another namespace", method, named({ scheduleId: schedule, namespace: "other" }), scheduleNotFound),
    whole(
      "an unknown namespace",
      method,
      named({ scheduleId: schedule, namespace: "none" }),
      namespaceNotFound,
    ),
  ];
}

export const badSchedules: BadCall[] = [
  ...badSpecs,
  whole("no id", sc.createSchedule, { definition }, invalidField, { field: "schedule_id" }),
  whole("no definition", sc.createSchedule, { scheduleId: "never" }, invalidField, { field: "definition" }),
  whole("an id that is taken", sc.createSchedule, { scheduleId: schedule, definition }, scheduleExists, {
    schedule_id: schedule,
  }),
  whole(
    "a request id with other content",
    sc.createSchedule,
    { scheduleId: "never", definition, requestId: "made-schedule" },
    requestIdReused,
  ),
  whole("an id too long", sc.createSchedule, { scheduleId: "x".repeat(257), definition }, sizeLimit),
  whole("U+0000 in the id", sc.getSchedule, { scheduleId: "\0" }, invalidField),
  badDefinition("U+0000 in the note", { note: "\0" }, invalidField, { field: "definition.note" }),
  badDefinition("no type", { workflow: { workflowId: "w" } }, invalidField),
  badDefinition("input that is no JSON", { workflow: { ...workflow, input: broken } }, invalidPayload),
  badDefinition("too large an input", { workflow: { ...workflow, input: large(2_200_000) } }, sizeLimit),
  badDefinition(
    "a prefix that leaves no room for the time",
    { workflow: { ...workflow, workflowId: "x".repeat(250) } },
    sizeLimit,
  ),
  badDefinition("a negative catch-up window", { catchUpWindow: minus }, invalidField),
  badDefinition("an overlap policy that is none", { overlapPolicy: noPolicy }, invalidField),
  whole(
    "a revision that is not the last",
    sc.updateSchedule,
    { scheduleId: schedule, definition, revision: 7n },
    revisionMismatch,
    { revision: "1" },
  ),
  whole("no revision", sc.updateSchedule, { scheduleId: schedule, definition }, invalidField),
  ...nowhere(sc.getSchedule),
  ...nowhere(sc.pauseSchedule),
  ...nowhere(sc.resumeSchedule),
  ...nowhere(sc.deleteSchedule),
  ...nowhere(sc.triggerSchedule),
  whole(
    "an unknown id",
    sc.updateSchedule,
    { scheduleId: "unknown", definition, revision: 1n },
    scheduleNotFound,
  ),
  whole("an unknown id", sc.backfillSchedule, { scheduleId: "unknown", ...day }, scheduleNotFound),
  whole("no range", sc.backfillSchedule, { scheduleId: schedule }, invalidField),
  whole(
    "a range that ends before it begins",
    sc.backfillSchedule,
    { scheduleId: schedule, fromTime: day.toTime, toTime: day.fromTime },
    invalidField,
    { field: "to_time" },
  ),
  whole(
    "a range that has not passed",
    sc.backfillSchedule,
    { scheduleId: schedule, fromTime: day.fromTime, toTime: at(9_000_000_000) },
    invalidField,
    { field: "to_time" },
  ),
  whole(
    "a range with too many fires",
    sc.backfillSchedule,
    { scheduleId: schedule, fromTime: at(1_600_000_000), toTime: day.toTime },
    callLimit,
    { limit: "1000" },
  ),
  whole(
    "an overlap policy that is none",
    sc.triggerSchedule,
    { scheduleId: schedule, overlapPolicy: noPolicy },
    invalidField,
  ),
  whole("too many times", sc.previewSchedule, { spec: { cron }, count: 101 }, invalidField, {
    field: "count",
  }),
  whole("a page too large", sc.listSchedules, { pageSize: 1_001 }, invalidField),
  whole("a page token of its own making", sc.listSchedules, { pageToken: "x" }, invalidPageToken),
];
