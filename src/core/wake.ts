/** Time passes: what is due is done. */
import { TimeoutKind } from "../../gen/pawl/v1/failure_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { timeOutActivity } from "./activity-timeout.js";
import { closeRun } from "./close-run.js";
import { type Deadline, dueDeadlines } from "./deadlines.js";
import { type Draft, isClosed, openDraft, removeTimer } from "./draft.js";
import { timeoutFailure } from "./failure.js";
import { retryRun } from "./next-run.js";
import { recordOutside } from "./outside.js";
import type { RunState } from "./run-state.js";
import { settle } from "./settle.js";
import type { Context, RunTransition } from "./transition.js";
import { timeOutTask } from "./workflow-task.js";

/** Does all that is due of a run, in order, and sets its wake-up anew. Too early, too late or once more: what is not due stays. */
export function wake(state: RunState, context: Context): RunTransition<void> {
  const draft = openDraft(state, context);
  for (const deadline of dueDeadlines(state, context.now)) {
    if (isClosed(draft)) break;
    meet(draft, deadline);
  }
  return settle(draft, undefined, true);
}

function meet(draft: Draft, deadline: Deadline): void {
  switch (deadline.kind) {
    case "timer": {
      const { seq, scheduledEventId } = deadline.subject;
      recordOutside(draft, { case: "timerFired", value: { seq, scheduledEventId } });
      removeTimer(draft, seq);
      return;
    }
    case "task-expired":
      timeOutTask(draft, deadline.subject);
      return;
    case "task-ready":
      // Every transition offers a task whose time has come.
      return;
    case "run-expired": {
      const failure = timeoutFailure(
        TimeoutKind.START_TO_CLOSE,
        "the run did not end in its time",
        undefined,
      );
      const value = retryRun(draft, failure);
      closeRun(draft, WorkflowStatus.TIMED_OUT, { case: "workflowTimedOut", value });
      return;
    }
    case "activity-ready":
      draft.readyActivities.add(deadline.subject.seq);
      return;
    default:
      // An earlier deadline may have ended it, or its attempt.
      if (draft.run.activities.get(deadline.subject.seq) !== deadline.subject) return;
      timeOutActivity(draft, deadline.subject, deadline.kind);
  }
}
