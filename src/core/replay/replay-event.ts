/** Going through history: what each event makes of the state of its run. */
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { WorkflowStatus, WorkflowTaskFailureCause } from "../../../gen/pawl/v1/workflow_pb.js";
import type { AttributeChanges } from "../search-attributes.js";
import { mergeAttributes } from "../search-attributes.js";
import { microsOf } from "../time.js";
import type { RecordedEvent } from "../transition.js";
import { isOutsideEvent } from "./outside-events.js";
import type { Replay } from "./replay.js";
import { replayActivity } from "./replay-activity.js";
import { replayBetweenRuns } from "./replay-between-runs.js";
import { replayTimer } from "./replay-timer.js";
import { replayUpdate } from "./replay-update.js";

/** Goes through the next event. */
export function replayEvent(replay: Replay, { event, bytes }: RecordedEvent): void {
  const { run } = replay;
  const { eventId, kind } = event;
  run.nextEventId = eventId + 1;
  run.historyBytes += bytes.length;
  run.lastEventAt = microsOf(event.eventTime);
  if (kind.value !== undefined && "seq" in kind.value) run.lastSeq = Math.max(run.lastSeq, kind.value.seq);
  if (isOutsideEvent(replay, event)) run.lastOutsideEventId = eventId;
  replayRun(replay, event);
  replayActivity(replay, event);
  replayTimer(replay, event);
  replayBetweenRuns(replay, event);
  replayUpdate(replay, event);
}

/** What the event means to the run itself. */
function replayRun(replay: Replay, { eventId, kind }: HistoryEvent): void {
  const { run } = replay;
  switch (kind.case) {
    case "workflowStarted":
      replay.writerRunId = kind.value.runId;
      changeAttributes(replay, kind.value);
      return;
    case "workflowTaskStarted":
      run.status = WorkflowStatus.RUNNING;
      replay.scheduledEventId = kind.value.scheduledEventId;
      return;
    case "workflowTaskCompleted":
      run.previousStartedEventId = kind.value.startedEventId;
      return;
    case "workflowTaskFailed":
      if (kind.value.cause === WorkflowTaskFailureCause.RESET) replay.writerRunId = kind.value.newRunId;
      return;
    case "workflowCancelRequested":
      run.cancelRequestedEventId = eventId;
      return;
    case "searchAttributesUpserted":
      changeAttributes(replay, { searchAttributes: kind.value.searchAttributes, memo: {} });
      return;
    case "memoUpserted":
      changeAttributes(replay, { searchAttributes: {}, memo: kind.value.memo });
      return;
    case "snapshotRecorded":
      replay.snapshotEventId = eventId;
      return;
    default:
      return;
  }
}

/** They were within their limits when they were written. */
function changeAttributes({ run }: Replay, { searchAttributes, memo }: AttributeChanges): void {
  const changes = { searchAttributes, memo };
  run.attributes = mergeAttributes(run.attributes, changes, "", {
    maxDetailsBytes: Number.POSITIVE_INFINITY,
  });
}
