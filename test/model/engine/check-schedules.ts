/**
 * What must hold of schedules, whoever fires: each time of the rules, each trigger and each fire of a backfill has come to one end. It starts a run, waits, or
 * is counted as skipped or as missed.
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import {
  OverlapPolicy,
  type ScheduleDefinition,
  ScheduleDefinitionSchema,
} from "../../../gen/pawl/v1/schedule_pb.js";
import type { TestCluster } from "../../support/engine.js";
import { rule } from "../rule.js";

/** A row, as far as it matters. Times are in microseconds. */
interface StoredSchedule {
  readonly id: string;
  readonly version: string;
  readonly created_at: string;
  readonly definition: Buffer;
  readonly progress: {
    readonly nextScheduledAt?: number;
    readonly waitingAt?: number;
    readonly openRuns: readonly { readonly workflowId: string }[];
    readonly backfills: readonly { readonly nextAt: number; readonly endAt: number; readonly left: number }[];
    readonly skippedCount: number;
    readonly missedCount: number;
  };
}

/** A run that a schedule has started. */
interface Fired {
  readonly scheduleId: string;
  readonly runId: string;
  readonly workflowId: string;
  readonly startedAt: number;
}

/** The runs that are open, by the first runs of their chains; and the chains that a reset may have opened anew. */
export interface Chains {
  readonly open: ReadonlySet<string>;
  readonly reset: ReadonlySet<string>;
}

const crowding = "crowding";

/** What is known of the schedules of a namespace. */
export class ScheduleChecks {
  private readonly fired: Fired[] = [];
  private readonly asks = new Map<string, number>();
  private readonly unsettled = new Set<string>();
  private readonly balances = new Map<string, number>();
  private before: readonly StoredSchedule[] = [];

  constructor(
    private readonly cluster: TestCluster,
    private readonly namespace: string,
  ) {}

  /** A call may have changed the times of a schedule: what it had come to counts anew. */
  touched(scheduleId: string): void {
    this.unsettled.add(scheduleId);
  }

  /** Fires were asked for. */
  asked(scheduleId: string, fires: number): void {
    this.asks.set(scheduleId, (this.asks.get(scheduleId) ?? 0) + fires);
  }

  /** A run begins. */
  begun({ kind, eventTime }: HistoryEvent, runId: string): void {
    if (kind.case !== "workflowStarted" || kind.value.scheduleId === "" || kind.value.firstRunId !== runId)
      return;
    const { scheduleId, scheduledTime, workflowId } = kind.value;
    const [startedAt, scheduledAt] = [microsOf(eventTime), microsOf(scheduledTime)];
    // A trigger fires for the microsecond behind a whole millisecond.
    rule(scheduledAt <= startedAt + 1, `${workflowId} starts before its time`);
    rule(scheduledAt % 5_000_000 === 0 || scheduledAt % 1_000 > 0, `${workflowId} is of no time of a rule`);
    this.fired.push({ scheduleId, runId, workflowId, startedAt });
  }

  /** Those of the runs that were started, in the order in which they were read first. */
  workflowIds(): string[] {
    return this.fired.map(({ workflowId }) => workflowId);
  }

  /** Before runs are read. */
  async readFirst(): Promise<void> {
    this.before = await this.read();
  }

  /** After all that has changed was read. A schedule that goes on meanwhile is looked at by the next check. */
  async check(chains: Chains): Promise<void> {
    const known = new Map(this.before.map(({ id, version }) => [id, version]));
    const rows = await this.read();
    const stable = rows.filter(({ id, version }) => known.get(id) === version);
    for (const row of stable) {
      const balance = this.balanceOf(row);
      const last = this.balances.get(row.id);
      if (last !== undefined && !this.unsettled.has(row.id))
        rule(
          balance === last,
          `${balance - last} fires of schedule ${row.id} have come to more than one end`,
        );
      this.balances.set(row.id, balance);
      this.unsettled.delete(row.id);
      this.checkOverlap(row, chains);
    }
    for (const id of this.balances.keys()) if (!rows.some((row) => row.id === id)) this.balances.delete(id);
  }

  /** No message is under way: a schedule counts the runs as open that are. */
  async checkAtRest(chains: Chains): Promise<void> {
    for (const row of await this.read()) {
      const open = new Set(row.progress.openRuns.map(({ workflowId }) => workflowId));
      const own = this.runsOf(row);
      for (const { workflowId, runId } of own) {
        const isOpen = chains.open.has(runId);
        // Of a chain that a reset has opened anew it has heard the end.
        rule(
          open.has(workflowId) === isOpen || (isOpen && chains.reset.has(runId)),
          `schedule ${row.id} takes ${workflowId} to be ${isOpen ? "closed" : "open"}`,
        );
      }
      const { waitingAt } = row.progress;
      rule(waitingAt === undefined || open.size > 0, `a fire of schedule ${row.id} waits for nothing`);
    }
  }

  /** What it has come to, less what it had to come to: stays the same until a caller changes the times. */
  private balanceOf({ id, definition, progress }: StoredSchedule): number {
    const { skippedCount, missedCount, waitingAt, backfills, nextScheduledAt = 0 } = progress;
    const every = everyOf(fromBinary(ScheduleDefinitionSchema, definition));
    // The next one fires even if a new definition does not name it.
    const left = backfills.reduce(
      (sum, { nextAt, endAt, left }) =>
        sum + Math.min(left, Math.ceil(endAt / every) - Math.floor(nextAt / every)),
      0,
    );
    const started = this.fired.filter(({ scheduleId }) => scheduleId === id).length;
    const ends = started + skippedCount + missedCount + (waitingAt === undefined ? 0 : 1);
    return ends - (nextScheduledAt / every + (this.asks.get(id) ?? 0) - left);
  }

  /** But for those that may crowd, a schedule never has two open runs. */
  private checkOverlap(row: StoredSchedule, { open, reset }: Chains): void {
    if (row.id === crowding) return;
    const { overlapPolicy } = fromBinary(ScheduleDefinitionSchema, row.definition);
    rule(overlapPolicy !== OverlapPolicy.ALLOW_ALL, "nobody lets it crowd");
    const both = this.runsOf(row).filter(({ runId }) => open.has(runId) && !reset.has(runId));
    rule(
      both.length <= 1,
      `${both.map(({ workflowId }) => workflowId)} of schedule ${row.id} are open at once`,
    );
  }

  /** The runs that were started since the schedule was made, first runs of chains all. */
  private runsOf({ id, created_at: createdAt }: StoredSchedule): Fired[] {
    return this.fired.filter(
      ({ scheduleId, startedAt }) => scheduleId === id && startedAt >= Number(createdAt),
    );
  }

  private read(): Promise<StoredSchedule[]> {
    return this.cluster.run<StoredSchedule>(
      `select s.schedule_id as id, s.version::text, s.created_at::text, s.definition, s.progress
       from schedules s join namespaces n using (namespace_id) where n.name = $1`,
      [this.namespace],
    );
  }
}

function everyOf({ spec }: ScheduleDefinition): number {
  return Number(spec?.intervals[0]?.every?.seconds) * 1_000_000;
}

function microsOf(time: { readonly seconds: bigint; readonly nanos: number } | undefined): number {
  return Number(time?.seconds) * 1_000_000 + Math.floor((time?.nanos ?? 0) / 1_000);
}
