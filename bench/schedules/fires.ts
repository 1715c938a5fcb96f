/** Compares the runs that schedules have started with the fires that were announced. */
import type pg from "pg";

/** What became of fires. */
export interface Fires {
  /** How many were announced. */
  readonly expected: number;
  readonly lost: number;
  readonly twice: number;
  /** Runs that have not ended. */
  readonly open: number;
  /** From each announced time to the start of its run, in milliseconds. */
  readonly lateness: readonly number[];
}

interface StartedRun {
  readonly workflow_id: string;
  readonly started: number;
  readonly is_open: boolean;
}

const minuteMs = 60_000;

/** Checks fires of schedules that fire once a minute, by the workflow ids, which name schedule and minute. */
export async function checkFires(
  database: pg.Client,
  expected: ReadonlyMap<string, readonly number[]>,
): Promise<Fires> {
  const { rows } = await database.query<StartedRun>(
    `select workflow_id, started_at / 1000.0::float8 as started, closed_at is null as is_open from pawl.runs`,
  );
  const runs = groupById(rows);
  const lateness: number[] = [];
  let count = 0;
  let lost = 0;
  let twice = 0;
  let open = 0;
  for (const [id, times] of expected) {
    for (const at of times) {
      count++;
      const [first, ...others] = runs.get(`${id}-${minuteOf(at)}`) ?? [];
      if (first === undefined) lost++;
      else lateness.push(first.started - at);
      if (others.length > 0) twice++;
      if (first?.is_open === true) open++;
    }
  }
  return { expected: count, lost, twice, open, lateness };
}

function groupById(rows: readonly StartedRun[]): Map<string, StartedRun[]> {
  const groups = new Map<string, StartedRun[]>();
  for (const row of rows) {
    const group = groups.get(row.workflow_id);
    if (group === undefined) groups.set(row.workflow_id, [row]);
    else group.push(row);
  }
  return groups;
}

/** A fire's jitter keeps it within its minute. */
function minuteOf(at: number): string {
  return `${new Date(Math.floor(at / minuteMs) * minuteMs).toISOString().slice(0, -".000Z".length)}Z`;
}
