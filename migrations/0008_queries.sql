-- Up Migration

-- Questions to runs, on their way to a worker of another server.

create unlogged table queries (
  query_id uuid primary key,
  namespace_id uuid not null,
  workflow_id text collate "C" not null,
  run_id uuid not null,
  request bytea not null,
  asked_at bigint not null,
  taken_until bigint not null default 0,
  answer bytea
);
comment on table queries is
  'A question (request: pawl.v1.Query) that the server which was asked could not bring to a worker itself, and its answer (pawl.v1.QueryAnswer). Lost in a crash, as its asker is. Deleted by the server that asked, or by a loop after two minutes.';

insert into schema_versions (version, min_server) values (8, 8);
