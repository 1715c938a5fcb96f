-- Up Migration

-- What runs are found by and shown with, their snapshots, and what a caller of direct operations must have seen.

alter table runs
  add column last_outside_event_id int not null default 0;
comment on column runs.last_outside_event_id is
  'The newest event that came from outside of workflow code: one who closes the run must have seen it.';

create table run_attributes (
  run_id uuid primary key,
  attributes bytea not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table run_attributes is
  'Search attributes and memo of a run that has any, as it shows them (pawl.v1.WorkflowStarted with these two alone). Deleted by retention, with its run.';

create table search_attributes (
  namespace_id uuid not null,
  name text collate "C" not null,
  value text collate "C" not null,
  started_at bigint not null,
  run_id uuid not null,
  primary key (namespace_id, name, value, started_at, run_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table search_attributes is
  'A row a search attribute of a run, to find the run by. The value is a letter for its type with a text behind it that sorts as the value does. Deleted by the batch that changes the attribute, and by retention.';
create index search_attributes_by_run on search_attributes (run_id, name, value);

create table snapshots (
  run_id uuid primary key,
  as_of_event_id int not null,
  state bytea not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table snapshots is
  'The latest snapshot of a run (state: pawl.v1.Payload). Deleted by retention, with its run.';

insert into schema_versions (version, min_server) values (5, 5);
