/** A schedule in a test, moved on by calls, with the runs that it has started. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PayloadSchema } from "../../../gen/pawl/v1/payload_pb.js";
import { ScheduleDefinitionSchema } from "../../../gen/pawl/v1/schedule_pb.js";
import { type EventKind, makeEvent } from "../../../src/core/draft.js";
import type { Message, RunState } from "../../../src/core/run-state.js";
import { advanceSchedule, triggerSchedule } from "../../../src/core/schedules/advance.js";
import { createSchedule } from "../../../src/core/schedules/change-schedule.js";
import type {
  ScheduleContext,
  ScheduleState,
  ScheduleTransition,
} from "../../../src/core/schedules/schedule-state.js";
import type { Context } from "../../../src/core/transition.js";
import { contextAt } from "../scenario.js";

export type DefinitionInit = MessageInitShape<typeof ScheduleDefinitionSchema>;

export const micros = (time: string) => Date.parse(`2026-01-01T${time}Z`) * 1_000;
export const everyMinute: DefinitionInit = {
  spec: { cron: ["* * * * *"] },
  workflow: { workflowId: "report", workflowType: "order" },
};

export const json = (value: string) => create(PayloadSchema, { body: { case: "json", value } });

export function definitionOf(rest: DefinitionInit = {}) {
  return create(ScheduleDefinitionSchema, { ...everyMinute, ...rest } as DefinitionInit);
}

export function newSchedule(rest: DefinitionInit = {}, context: Partial<Context> = {}) {
  let runs = 0;
  const at = (time: string): ScheduleContext => ({
    ...contextAt(micros(time), { newRunId: () => `run-${++runs}`, ...context }),
    isTaken: (workflowId) => world.taken.has(workflowId),
  });
  const world = {
    at,
    taken: new Set<string>(),
    state: createSchedule(
      { namespaceId: "ns", namespace: "main", scheduleId: "s" },
      definitionOf(rest),
      at("12:00:30"),
    ),
    started: [] as RunState[],
    sent: [] as Message[],
    take<T>({ after, started, messages, outcome }: ScheduleTransition<T>): T {
      if (after === undefined) throw new Error("the schedule is still there");
      world.state = after;
      if (started !== undefined) world.started.push(started.after);
      world.sent.push(...messages);
      return outcome;
    },
    /** Takes one step. */
    advance(time: string, ...messages: Message[]) {
      return world.take(advanceSchedule(world.state, messages, at(time)));
    },
    /** Takes steps until nothing is due. */
    advanceAll(time: string) {
      let steps = 0;
      const isDue = ({ nextFireAt }: ScheduleState) => nextFireAt !== undefined && nextFireAt <= micros(time);
      for (; isDue(world.state); steps++) world.advance(time);
      return steps;
    },
    trigger: (time: string, policy = 0) => world.take(triggerSchedule(world.state, policy, at(time))),
    /** The end of a run, as it comes to the schedule. */
    end(workflowId: string, kind: EventKind = { case: "workflowCompleted", value: {} }): Message {
      const place = { namespaceId: "ns", namespace: "main", workflowId };
      return {
        sender: { ...place, runId: "run" },
        number: 1,
        receiver: { namespaceId: "ns", workflowId: "s", runId: "", isSchedule: true },
        sentAt: 0,
        event: makeEvent(5, 0, kind, {}),
      };
    },
    ids: () => world.started.map(({ workflowId }) => workflowId.replace("report-2026-01-01T", "")),
    counts: () => [world.state.progress.skippedCount, world.state.progress.missedCount],
  };
  return world;
}
