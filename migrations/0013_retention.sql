-- Up Migration

-- What a namespace has, counted as it changes; the requests that change namespaces; and closed runs that are not kept any longer.

create table run_counts (
  namespace_id uuid not null,
  status smallint not null,
  slot int not null,
  n bigint not null,
  primary key (namespace_id, status, slot)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table run_counts is
  'How many runs of a namespace have a status: the sum over the slots. Each transaction that changes it has a slot that no other has at the same time, so that none waits for another. Deleted with the namespace.';
insert into run_counts (namespace_id, status, slot, n)
select namespace_id, status, 1, count(*)
from runs
group by namespace_id, status;

create index runs_by_closing on runs (namespace_id, closed_at) where closed_at is not null;

alter table deletions add column namespace_id uuid;
create index deletions_by_namespace on deletions (namespace_id);

create table namespace_requests (
  request_id text collate "C" primary key,
  content_hash text not null,
  namespace_id uuid not null,
  requested_at bigint not null
);
comment on table namespace_requests is
  'A request that created, updated or deleted a namespace, by which a repeat is known for a day. Deleted by a loop after that.';
create index namespace_requests_by_age on namespace_requests (requested_at);
-- What a repeat must be like can't be told from a namespace any more once it was updated.
alter table namespaces drop column request_id;

-- Drops the oldest partition of history that ended before a moment and that no run has anything in. False: there is none, or it is in use.
create function drop_history_partition(before timestamptz) returns boolean
language plpgsql
as $$
declare
  partition record;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('pawl.make_history_partition', 0)) then
    return false;
  end if;
  for partition in
    select c.relname as name, bound[1]::uuid as first, bound[2]::uuid as behind
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') bound
    where i.inhparent = 'pawl.history'::regclass and bound is not null
    order by 2
  loop
    -- The id of the first run behind it begins with the time, in milliseconds, at which it ends.
    exit when ('x' || left(replace(partition.behind::text, '-', ''), 12))::bit(48)::bigint > extract(epoch from before) * 1000;
    if exists (select from pawl.runs where run_id >= partition.first and run_id < partition.behind)
      or exists (select from pawl.history_copies where run_id >= partition.first and run_id < partition.behind) then
      continue;
    end if;
    -- Whoever writes a run there holds the table until the run is to be seen here. Nobody waits long for this to get it.
    set local lock_timeout = '100ms';
    lock table only pawl.history in access exclusive mode;
    if exists (select from pawl.runs where run_id >= partition.first and run_id < partition.behind)
      or exists (select from pawl.history_copies where run_id >= partition.first and run_id < partition.behind) then
      return false;
    end if;
    execute format('drop table pawl.%I', partition.name);
    return true;
  end loop;
  return false;
exception
  when lock_not_available or deadlock_detected then
    return false; -- It is in use: another pass will see.
end
$$;

insert into schema_versions (version, min_server) values (13, 13);
