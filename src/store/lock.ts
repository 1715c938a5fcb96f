/** Ordinary locks, for those who kept losing against batches. */
import type { ScheduleName } from "../core/schedules/schedule-state.js";
import type { Queryable, Statement } from "./statement.js";

/** A workflow, or one of its runs. */
export interface LockAsk {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId?: string | undefined;
}

/**
 * Waits, in Postgres's fair queue, for the pointer of a workflow and for its run, and holds both until the transaction ends. Batches pass by what
 * is locked. The pointer comes first; a batch never waits, so there is no order to violate.
 */
export async function lockWorkflow(tx: Queryable, ask: LockAsk): Promise<void> {
  const [pointer] = await tx.query<{ run_id: string }>(lockPointer, [ask.namespaceId, ask.workflowId]);
  const runId = ask.runId || pointer?.run_id;
  if (runId !== undefined) await tx.query(lockRun, [runId]);
}

/**
 * Waits for the lock that batches try for before they make a pointer, and holds it until the transaction ends: so none of them waits for a pointer
 * that is being deleted. It comes before any other lock.
 */
export async function lockWorkflowId(tx: Queryable, { namespaceId, workflowId }: LockAsk): Promise<void> {
  await tx.query(lockId, [namespaceId, workflowId]);
}

/** Waits for a schedule likewise. */
export async function lockSchedule(tx: Queryable, { namespaceId, scheduleId }: ScheduleName): Promise<void> {
  await tx.query(lockScheduleRow, [namespaceId, scheduleId]);
}

const lockScheduleRow: Statement = {
  name: "lock_schedule",
  text: `
    select version
    from schedules
    where namespace_id = $1::uuid and schedule_id = $2::text
    for update`,
};

const lockId: Statement = {
  name: "lock_workflow_id",
  text: `
    select 1 as locked
    from pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::text, 0))`,
};

const lockPointer: Statement = {
  name: "lock_pointer",
  text: `
    select run_id
    from workflow_ids
    where namespace_id = $1::uuid and workflow_id = $2::text
    for update`,
};

const lockRun: Statement = {
  name: "lock_run",
  text: `
    select run_id
    from runs
    where run_id = $1::uuid
    for update`,
};
