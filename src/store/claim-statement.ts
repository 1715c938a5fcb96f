/** The statements on ready tasks. */
import { nowMicros, type Statement } from "./statement.js";

/** How long others leave a claimed task alone. */
const claimMicros = 5_000_000;

/** How many candidates beyond those wanted are looked at, in case others are just taking some. */
const spare = 50;

/** A stamp may be lost in a crash, and while its commit waited for the disk it would keep batches from the rows. */
const withoutFlush = "set_config('synchronous_commit', 'off', true) = 'off'";

const sameTask = (a: string, b: string) =>
  ["namespace_id", "kind", "task_queue", "type", "priority", "position", "run_id", "seq"]
    .map((column) => `${a}.${column} = ${b}.${column}`)
    .join(" and ");

/**
 * Claims tasks. A queue's rows are ordered by type, priority and position; so the head of each type and priority is read from where it is known
 * to begin, and the heads are merged. Types that are not known yet are found by leaps, each to the next type in a gap between known ones.
 *
 * Candidates are found without locks, and then only as many are locked as are wanted: a locked row is invisible to other claims, which would
 * take the queue for empty.
 */
export const claimStatement: Statement = {
  name: "claim_tasks",
  text: `
    with recursive
    ask as materialized (
      select a.*, ${nowMicros} as now
      from unnest($1::uuid[], $2::smallint[], $3::text[], $4::int[])
        with ordinality a (namespace_id, kind, task_queue, wanted, number)
      where ${withoutFlush}
    ),
    found_type as (
      select a.number, a.namespace_id, a.kind, a.task_queue, n.type, g.before
      from unnest($9::int[], $10::text[], $11::text[]) as g (ask, after, before)
      join ask a on a.number = g.ask + 1
      cross join lateral (
        select r.type
        from ready_tasks r
        where r.namespace_id = a.namespace_id and r.kind = a.kind and r.task_queue = a.task_queue
          and r.type > g.after and r.type < g.before
        order by r.type
        limit 1
      ) n
      union all
      select f.number, f.namespace_id, f.kind, f.task_queue, n.type, f.before
      from found_type f
      cross join lateral (
        select r.type
        from ready_tasks r
        where r.namespace_id = f.namespace_id and r.kind = f.kind and r.task_queue = f.task_queue
          and r.type > f.type and r.type < f.before
        order by r.type
        limit 1
      ) n
    ),
    head as (
      select h.ask + 1 as number, h.type, h.priority, h.position
      from unnest($5::int[], $6::text[], $7::int[], $8::bigint[]) as h (ask, type, priority, position)
      union all
      select f.number, f.type, p.priority, 0
      from found_type f
      cross join generate_series(1, 5) as p (priority)
    ),
    candidate as materialized (
      select a.number, c.*
      from ask a
      cross join lateral (
        select r.*
        from head h
        cross join lateral (
          select r.namespace_id, r.kind, r.task_queue, r.type, r.priority, r.position, r.run_id, r.seq
          from ready_tasks r
          where r.namespace_id = a.namespace_id and r.kind = a.kind and r.task_queue = a.task_queue
            and r.type = h.type and r.priority = h.priority and r.position >= h.position
            and r.claimed_until <= a.now
          order by r.position, r.run_id, r.seq
          limit a.wanted + ${spare}
        ) r
        where h.number = a.number
        order by r.priority, r.position
        limit a.wanted + ${spare}
      ) c
    ),
    held as materialized (
      select a.number, a.now, r.*
      from ask a
      cross join lateral (
        select r.namespace_id, r.kind, r.task_queue, r.type, r.priority, r.position, r.run_id, r.seq
        from candidate c
        join ready_tasks r on ${sameTask("r", "c")} and r.claimed_until <= a.now
        where c.number = a.number
        order by c.priority, c.position
        limit a.wanted
        for update of r skip locked
      ) r
    ),
    claimed as (
      update ready_tasks r
      set claimed_until = h.now + ${claimMicros}
      from held h
      where ${sameTask("r", "h")}
      returning h.number, json_build_object(
        'workflowId', r.workflow_id, 'runId', r.run_id, 'seq', r.seq, 'type', r.type,
        'priority', r.priority, 'position', r.position) as task
    )
    select a.number::int - 1 as ask, a.now, c.task
    from ask a
    left join claimed c on c.number = a.number`,
};

/** Takes the stamps off. In key order and passing by what is locked, so that it can never be part of a deadlock. */
export const unclaimStatement: Statement = {
  name: "unclaim_tasks",
  text: `
    with held as materialized (
      select r.namespace_id, r.kind, r.task_queue, r.type, r.priority, r.position, r.run_id, r.seq
      from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::uuid[], $8::int[])
        as w (namespace_id, kind, task_queue, type, priority, position, run_id, seq)
      join ready_tasks r on ${sameTask("r", "w")}
      where ${withoutFlush}
      for update of r skip locked
    )
    update ready_tasks r
    set claimed_until = 0
    from held h
    where ${sameTask("r", "h")}`,
};

/** Which queues have an unclaimed task. */
export const readyQueuesStatement: Statement = {
  name: "ready_queues",
  text: `
    select w.number::int - 1 as queue
    from unnest($1::uuid[], $2::smallint[], $3::text[]) with ordinality w (namespace_id, kind, task_queue, number)
    where exists (
      select
      from ready_tasks r
      where r.namespace_id = w.namespace_id and r.kind = w.kind and r.task_queue = w.task_queue
        and r.claimed_until <= ${nowMicros}
      order by r.type, r.priority, r.position
      limit 1
    )
    order by w.number`,
};
