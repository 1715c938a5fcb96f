-- Up Migration

-- Runs that begin with a copy of another's history.

create table history_copies (
  run_id uuid primary key,
  begun_at bigint not null,
  is_abandoned boolean not null default false
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table history_copies is
  'A run that is to be, for which history and keys are being copied from another. Deleted by the batch that begins the run. If there will be no such run, the server that copied removes what it copied, and this row last; a loop does so for rows older than an hour.';
create index history_copies_by_age on history_copies (begun_at);

insert into schema_versions (version, min_server) values (10, 10);
