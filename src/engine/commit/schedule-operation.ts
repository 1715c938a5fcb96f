/** An operation on a schedule: one decision of core about it, which may start a run. */
import type { Message } from "../../core/run-state.js";
import type {
  ScheduleContext,
  ScheduleName,
  ScheduleState,
  ScheduleTransition,
} from "../../core/schedules/schedule-state.js";
import type { ScheduleRequest } from "../../store/unit.js";

/** What group commit needs to know of an operation on a schedule. */
export interface ScheduleOperation<T> extends ScheduleName {
  /** About how much it adds to a batch, in bytes. */
  readonly bytes: number;
  /** It acts on what is due: its time is the earliest that the database's clock may show, not the latest. */
  readonly isDue?: boolean;
  /** It goes on with what the server itself did: taken on even where others are refused as too many. */
  readonly isOwed?: boolean;
  /** Who submits it tells of a fault. */
  readonly tellsFaults?: boolean;
  /** It takes the messages that runs have sent to the schedule. */
  readonly takesMessages?: boolean;
  /** The request id that the call came with; empty or unset: none. */
  readonly requestId?: string;
  decide(state: ScheduleState | undefined, given: GivenToSchedule): ScheduleDecision<T>;
}

/** What a decision is given beside the schedule. */
export interface GivenToSchedule {
  readonly context: ScheduleContext;
  readonly messages: readonly Message[];
  /** The call with the same request id that was made before. */
  readonly earlier: Pick<ScheduleRequest, "contentHash" | "answer"> | undefined;
}

/** What is decided, and the call to be remembered with it. */
export interface ScheduleDecision<T> extends ScheduleTransition<T> {
  readonly request?: ScheduleRequest | undefined;
}
