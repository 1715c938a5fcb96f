-- Up Migration

-- Times (columns named _at) are whole microseconds since 1970, by the clock of this database: history, deadlines and
-- places in queues share that resolution, and bigint keeps it exact in every client. To read one:
-- to_timestamp(started_at / 1000000.0). Columns of type json are not jsonb because user text may hold U+0000.
-- Hot tables have no foreign keys: what belongs to a run is written and removed in statements that hold the run.

create table schema_versions (
  version int primary key,
  min_server int not null,
  constraint "no server may be required to be newer than its schema" check (min_server <= version)
);
comment on table schema_versions is
  'The steps that this schema has taken, and from which program version on a server can work with each. Never deleted.';
insert into schema_versions (version, min_server) values (1, 1);

create table database_incarnation (
  is_only boolean primary key default true,
  incarnation uuid not null default gen_random_uuid(),
  constraint "there is one incarnation" check (is_only)
);
comment on table database_incarnation is
  'One row: which life of the database this is. Task tokens carry it. Renewed after a restore from a backup, so that leases handed out before never match. Never deleted.';
insert into database_incarnation default values;

create table namespaces (
  namespace_id uuid primary key default gen_random_uuid(),
  name text collate "C" not null,
  description text not null default '',
  state smallint not null default 1,
  retention_ms bigint not null default 2592000000,
  request_id text not null default '',
  created_at bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
  constraint "the name of a namespace is unique" unique (name),
  constraint "a namespace has a name" check (name <> ''),
  constraint "a namespace is active (1) or deleting (2)" check (state in (1, 2)),
  constraint "a retention is not negative" check (retention_ms >= 0)
);
comment on table namespaces is
  'A row a namespace: a world of its own. Deleted last, when everything in it is gone.';
insert into namespaces (name, description) values ('main', 'The namespace of calls that name none.');

create table workflow_ids (
  namespace_id uuid not null,
  workflow_id text collate "C" not null,
  run_id uuid not null,
  start_request_id text not null,
  request_hash text not null,
  primary key (namespace_id, workflow_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
comment on table workflow_ids is
  'A row a workflow id: which run is its current one, open or closed, and the start request that made it. Deleted by retention, with the run that it still names.';

create table runs (
  run_id uuid primary key,
  namespace_id uuid not null,
  workflow_id text collate "C" not null,
  workflow_type text collate "C" not null,
  task_queue text collate "C" not null,
  started_at bigint not null,
  settings json not null,
  version bigint not null,
  status smallint not null,
  is_deleting boolean not null default false,
  next_event_id int not null,
  history_bytes bigint not null,
  last_event_at bigint not null,
  closed_at bigint,
  cancel_requested_event_id int,
  last_seq int not null,
  task_epoch int not null,
  previous_started_event_id int not null,
  last_closed_task_epoch int not null,
  sticky_worker_id text not null,
  sticky_event_id int not null,
  workflow_task json,
  workflow_task_failure bytea,
  constraint "a run is pending, running or closed (1 to 8)" check (status between 1 and 8),
  constraint "a run has a closing time when it is closed" check ((closed_at is not null) = (status >= 3)),
  constraint "versions grow from 1" check (version >= 1),
  constraint "event ids grow from 1" check (next_event_id >= 1)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table runs is
  'A row a run: its state but for what is pending in tables of its own. Nothing here grows with its history. Deleted by retention.';
-- No index has a column that changes at every transition, so that updates stay within their page. The status changes
-- about once in a run's life; a listing of every status merges the newest of each.
create index runs_by_status on runs (namespace_id, status, started_at, run_id);
create index runs_by_type on runs (namespace_id, workflow_type, status, started_at, run_id);
create index runs_by_workflow_id on runs (namespace_id, workflow_id, started_at, run_id);

create table history (
  run_id uuid not null,
  first_event_id int not null,
  last_event_id int not null,
  codec smallint not null,
  events bytea not null,
  primary key (run_id, first_event_id),
  constraint "a history row has events" check (last_event_id >= first_event_id and first_event_id >= 1)
) partition by range (run_id);
comment on table history is
  'A row a transition: the events that it added to its run. Codec 0: size-delimited pawl.v1.HistoryEvent messages, one after the other. Never changed. Partitioned by run id, which begins with its time. Deleted by retention, with its run or its whole partition.';
create table history_default partition of history default;
comment on table history_default is
  'History of runs whose ids lie outside all weeks that have a partition.';

-- Makes the partition of the week (Monday to Sunday, UTC) that has this moment. False: it exists, or another session is making one.
create function make_history_partition(moment timestamptz) returns boolean
language plpgsql
as $$
declare
  monday timestamp := date_trunc('week', moment at time zone 'UTC');
  partition text := 'history_' || to_char(monday, 'YYYYMMDD');
  bounds text[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('pawl.make_history_partition', 0)) or to_regclass('pawl.' || partition) is not null then
    return false;
  end if;
  select array_agg(regexp_replace(lpad(to_hex((extract(epoch from monday + n * interval '7 days') * 1000)::bigint), 12, '0'), '^(.{8})(.{4})$', '\1-\2-0000-0000-000000000000') order by n)
    into bounds
    from generate_series(0, 1) n;
  if exists (select from pawl.history_default where run_id >= bounds[1]::uuid and run_id < bounds[2]::uuid) then
    return false; -- They stay there: attaching a partition for them would fail, after a scan of all rows under a lock.
  end if;
  execute format('create table pawl.%I (like pawl.history including all) with (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0)', partition);
  execute format('alter table pawl.history attach partition pawl.%I for values from (%L) to (%L)', partition, bounds[1], bounds[2]);
  return true;
exception
  when check_violation or lock_not_available then
    return false; -- The default partition is in use, or has just got such rows: another pass will see.
end
$$;
select make_history_partition(now() + n * interval '7 days') from generate_series(0, 3) n;

create table activities (
  run_id uuid not null,
  seq int not null,
  state json not null,
  last_failure bytea,
  lease_epoch int,
  is_cancel_requested boolean not null,
  primary key (run_id, seq)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table activities is
  'A row a pending activity: attempt, lease, last failure. lease_epoch and is_cancel_requested repeat parts of the state, for heartbeats. Deleted by the batch that ends it.';

create table activity_heartbeats (
  run_id uuid not null,
  seq int not null,
  epoch int not null,
  heartbeat_at bigint not null,
  details bytea,
  primary key (run_id, seq)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table activity_heartbeats is
  'The last heartbeat of a pending activity. Apart from activities so that no batch waits for it. Deleted by a loop once its activity has ended.';

create table timers (
  run_id uuid not null,
  seq int not null,
  scheduled_event_id int not null,
  fire_at bigint not null,
  primary key (run_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table timers is
  'A row a pending timer. Deleted by the batch that fires or cancels it, or closes its run.';

create table buffered_events (
  run_id uuid not null,
  position int not null,
  event bytea not null,
  primary key (run_id, position)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table buffered_events is
  'An event from outside that waits, without an id, for the started workflow task of its run to close. Deleted by the batch that gives it its id.';

create table run_keys (
  run_id uuid not null,
  kind text collate "C" not null,
  key text collate "C" not null,
  event_id int,
  content_hash text not null,
  primary key (run_id, kind, key)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
comment on table run_keys is
  'A key that was used on a run (the request id of a signal, the seq of a finished activity), and the event that it made: null while that is buffered. Deleted by retention, with its run.';
create index run_keys_newest on run_keys (run_id, event_id);

create table wakeups (
  run_id uuid primary key,
  due_at bigint not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table wakeups is
  'When a run must be looked at: never later than its earliest deadline. Deleted by the batch after which nothing is due any more.';
create index wakeups_due on wakeups (due_at, run_id);

create table ready_tasks (
  namespace_id uuid not null,
  kind smallint not null,
  task_queue text collate "C" not null,
  type text collate "C" not null,
  priority int not null,
  position bigint not null,
  run_id uuid not null,
  seq int not null,
  workflow_id text collate "C" not null,
  claimed_until bigint not null default 0,
  primary key (namespace_id, kind, task_queue, type, priority, position, run_id, seq),
  constraint "a ready task is of a workflow (1) or an activity (2)" check (kind in (1, 2)),
  constraint "priorities go from 1 to 5" check (priority between 1 and 5),
  constraint "a workflow task has seq 0, an activity a higher one" check ((kind = 1) = (seq = 0))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table ready_tasks is
  'A task that nobody was waiting for when it was made. claimed_until is a hint to other servers, no lease. Deleted by the batch that starts the task or ends it.';

create table batches (
  batch_id uuid primary key,
  won_units int[],
  created_at bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table batches is
  'A row a batch whose outcome its server may have to ask for: which units were written. Without won_units: a batch that can never commit. Deleted by a later batch once it is answered, otherwise by a loop after an hour.';
create index batches_by_age on batches (created_at);

create table servers (
  server_id uuid primary key,
  started_at bigint not null,
  seen_at bigint not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table servers is
  'A server that works on this database. Deleted when it stops, or by another when it was silent for long.';

create table workers (
  namespace_id uuid not null,
  worker_id text collate "C" not null,
  spec bytea not null,
  is_draining boolean not null default false,
  registered_at bigint not null,
  seen_at bigint not null,
  workflow_tasks int not null default 0,
  activity_tasks int not null default 0,
  primary key (namespace_id, worker_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table workers is
  'A worker that has registered (spec: pawl.v1.WorkerSpec), and when it was last heard of. Deleted by a loop a day after it fell silent.';
