-- Up Migration

-- Runs that were deleted, until all that hung on them has gone too.

create table deletions (
  run_id uuid primary key,
  deleted_at bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table deletions is
  'A run whose own row has gone and of which rows of other tables may be left. Deleted by a loop of any server, with the last of them.';

insert into schema_versions (version, min_server) values (11, 11);
