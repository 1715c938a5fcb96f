-- Up Migration

-- Requests to runs that want an answer.

create table updates (
  run_id uuid not null,
  update_id text collate "C" not null,
  state json not null,
  request bytea,
  rejection bytea,
  primary key (run_id, update_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table updates is
  'A row an update that is not answered yet (request: pawl.v1.UpdateRequest, until it is accepted and stands in history), and one that was rejected (rejection: pawl.v1.Failure). Deleted by the batch that answers it or closes its run; rejected ones by retention, with their run.';

insert into schema_versions (version, min_server) values (7, 7);
