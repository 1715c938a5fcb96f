-- Up Migration

-- What runs do to each other: children, requests to other runs, and the messages that carry both.

alter table runs
  add column parent_run_id uuid,
  add column retry_start bytea,
  add column messages_sent int not null default 0;
comment on column runs.retry_start is
  'Input and header of the start (pawl.v1.WorkflowStarted), where a retry policy may need them for another run.';
create index runs_by_parent on runs (parent_run_id, started_at, run_id) where parent_run_id is not null;

create table children (
  run_id uuid not null,
  seq int not null,
  state json not null,
  primary key (run_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table children is
  'A row a child that has not ended, by the run and seq of its parent. Deleted by the batch that tells the parent of its end, or closes the parent.';

create table external_requests (
  run_id uuid not null,
  seq int not null,
  state json not null,
  primary key (run_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table external_requests is
  'A row a signal or cancellation that a run has sent to another and that is not answered yet. Deleted by the batch that brings the answer, or closes the run.';

create table messages (
  sender_run_id uuid not null,
  number int not null,
  receiver_namespace_id uuid not null,
  receiver_workflow_id text collate "C" not null,
  receiver_run_id uuid,
  sender json not null,
  sent_at bigint not null,
  event bytea not null,
  primary key (sender_run_id, number),
  constraint "messages are numbered from 1, answers to them from -1" check (number <> 0)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table messages is
  'What one run tells another, not delivered yet. Without receiver_run_id: for the run that is open then. Deleted by the batch that delivers it.';
create index messages_by_receiver on messages (receiver_namespace_id, receiver_workflow_id, sender_run_id, number);
create index messages_by_age on messages (sent_at);

insert into schema_versions (version, min_server) values (4, 4);
