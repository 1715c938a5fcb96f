/** Bugs to plant, one at a time, in a copy of the project: the model tests must see each. `find` stands once in the file. */

/** A bug: a place in a file, and what stands there instead. */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The folder of the test that must fail. */
  readonly suite: "test/model/core" | "test/model/engine" | "test/model/schedules";
}

/** All of them. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "a dropped version guard",
    file: "src/store/batch-statement.ts",
    find: "join runs r on r.run_id = w.run_id and r.version = w.expected_version",
    replace: "join runs r on r.run_id = w.run_id",
    suite: "test/model/engine",
  },
  {
    name: "a missing fence: a stale lease of a workflow task is accepted",
    file: "src/core/workflow-task.ts",
    find: "    fence.epoch === lease.epoch &&\n    fence.startedEventId === lease.startedEventId &&\n    fence.scheduledEventId === task.scheduledEventId &&\n    fence.attempt === task.attempt\n",
    replace: "    lease.epoch > 0 && task.attempt > 0\n",
    suite: "test/model/core",
  },
  {
    name: "an unflushed buffer",
    file: "src/core/finish-task.ts",
    find: "  else flushBuffered(draft);\n",
    replace: "",
    suite: "test/model/core",
  },
  {
    name: "a timer fired early",
    file: "src/core/wake.ts",
    find: "dueDeadlines(state, context.now)",
    replace: "dueDeadlines(state, context.now + 2_000_000)",
    suite: "test/model/core",
  },
  {
    name: "a lost signal: those that come while a task is started",
    file: "src/core/outside.ts",
    find: "  const event = makeEvent(0, draft.now, kind, meta);\n  encodeEvent(draft, event);\n  pushBuffered(draft, event);\n  return 0;",
    replace: "  encodeEvent(draft, makeEvent(0, draft.now, kind, meta));\n  return 0;",
    suite: "test/model/core",
  },
  {
    name: "a repeated request id that acts twice",
    file: "src/core/request-key.ts",
    find: "  return true;\n",
    replace: "  return false;\n",
    suite: "test/model/core",
  },
  {
    name: "no new workflow task for an event",
    file: "src/core/outside.ts",
    find: "  draft.hasNews = true;\n  draft.run.lastOutsideEventId = eventId;",
    replace: "  draft.run.lastOutsideEventId = eventId;",
    suite: "test/model/core",
  },
  {
    name: "a timer that fires twice",
    file: "src/core/wake.ts",
    find: "      removeTimer(draft, seq);\n",
    replace: "",
    suite: "test/model/core",
  },
  {
    name: "a run that closes over what is buffered",
    file: "src/core/complete-workflow-task.ts",
    find: "completion.commands.some(isClosing) && state.buffered.length > 0",
    replace: "completion.commands.some(isClosing) && state.buffered.length > 1_000",
    suite: "test/model/core",
  },
  {
    name: "a lost message: the end of a child is not told",
    file: "src/core/family.ts",
    find: "  if (parent === undefined) return;\n",
    replace: '  if (parent === undefined || closing.case === "workflowFailed") return;\n',
    suite: "test/model/core",
  },
  {
    name: "a message delivered twice: one that is gone is delivered all the same",
    file: "src/store/batch-between-runs.ts",
    find: "select unit, 0, 1 from held_message",
    replace: "select unit, 0, 1 from delivered_message",
    suite: "test/model/engine",
  },
  {
    name: "a parent told twice: at the end of every run of a chain, not of the last alone",
    file: "src/core/close-run.ts",
    find: "  if (draft.next === undefined && !isReset) {",
    replace: "  if (!isReset) {",
    suite: "test/model/core",
  },
  {
    name: "a parent that records what it has recorded",
    file: "src/core/hear.ts",
    find: "      removeChild(draft, seq);\n      recordOutside(draft, withFields(kind, { initiatedEventId, startedEventId",
    replace: "      recordOutside(draft, withFields(kind, { initiatedEventId, startedEventId",
    suite: "test/model/core",
  },
  {
    name: "a run that continues as new, or is retried, and stays open",
    file: "src/core/close-run.ts",
    find: "  draft.run.status = status;\n  draft.run.closedAt = draft.now;\n",
    replace:
      "  if (draft.next === undefined) {\n    draft.run.status = status;\n    draft.run.closedAt = draft.now;\n  }\n",
    suite: "test/model/core",
  },
  {
    name: "two open runs of an id: its pointer is moved whatever run it names",
    file: "src/store/batch-statement.ts",
    find: "i.workflow_id = w.workflow_id and i.run_id = w.expected",
    replace: "i.workflow_id = w.workflow_id",
    suite: "test/model/engine",
  },
  {
    name: "a lease given to two",
    file: "src/core/workflow-task.ts",
    find: 'const isSamePoll = pollId !== "" && pollId === poller.pollId;',
    replace: "const isSamePoll = true;",
    suite: "test/model/core",
  },
  {
    name: "a missing fence: a stale lease of an activity is accepted",
    file: "src/core/activity-target.ts",
    find: "lease?.epoch === target.fence.epoch;",
    replace: "target.fence.epoch > 0;",
    suite: "test/model/core",
  },
  {
    name: "a lost update: no task is made for one that came while a task was started",
    file: "src/core/update-end.ts",
    find: "    putUpdate(draft, { ...update, isUnseen: false });\n    draft.hasNews = true;\n",
    replace: "    putUpdate(draft, { ...update, isUnseen: false });\n",
    suite: "test/model/core",
  },
  {
    name: "a gap in event ids",
    file: "src/core/draft.ts",
    find: "nextEventId = event.eventId + 1",
    replace: "nextEventId = event.eventId + 2",
    suite: "test/model/core",
  },
  {
    name: "a schedule that counts a missed fire twice: the one that it makes up for",
    file: "src/core/schedules/advance.ts",
    find: "draft.progress.missedCount + missed;",
    replace: "draft.progress.missedCount + missed + (missed > 0 && fired !== undefined ? 1 : 0);",
    suite: "test/model/schedules",
  },
  {
    name: "a schedule that comes back to what it has dealt with, after the clock was set back",
    file: "src/core/schedules/change-schedule.ts",
    find: "const from = Math.max(now, progress.lastScheduledAt);",
    replace: "const from = now;",
    suite: "test/model/schedules",
  },
  {
    name: "a schedule that loses the fire at the moment at which clocks are set",
    file: "src/core/schedules/cron-times.ts",
    find: "from = changedAt - 1;",
    replace: "from = changedAt;",
    suite: "test/model/schedules",
  },
  {
    name: "a schedule that asks a run to cancel which it has asked before",
    file: "src/core/schedules/fire.ts",
    find: "    if (isCancelled === true) continue;\n",
    replace: "",
    suite: "test/model/schedules",
  },
  {
    name: "a schedule that two servers write over each other: its version guard is dropped",
    file: "src/store/batch-between-runs.ts",
    find: " and s.version = w.expected_version",
    replace: "",
    suite: "test/model/engine",
  },
  {
    name: "a schedule that does not hear that a run of its has completed",
    file: "src/core/family.ts",
    find: "  if (settings.schedule === undefined) return;\n",
    replace: '  if (settings.schedule === undefined || closing.kind.case === "workflowCompleted") return;\n',
    suite: "test/model/engine",
  },
  {
    name: "retention that takes runs which are too young along",
    file: "src/store/expired-runs.ts",
    find: "where namespace_id = e.namespace_id and closed_at <= e.closed_until",
    replace: "where namespace_id = e.namespace_id and closed_at is not null and e.closed_until > 0",
    suite: "test/model/engine",
  },
  {
    name: "retention that forgets what is counted",
    file: "src/store/deletions.ts",
    find: "-1 as change from gone",
    replace: "0 as change from gone",
    suite: "test/model/engine",
  },
];
