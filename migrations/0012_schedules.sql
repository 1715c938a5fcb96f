-- Up Migration

-- Workflows that start by the clock.

create table schedules (
  namespace_id uuid not null,
  schedule_id text collate "C" not null,
  version bigint not null,
  revision bigint not null,
  definition bytea not null,
  progress json not null,
  last_result bytea,
  next_fire_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (namespace_id, schedule_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table schedules is
  'A schedule (definition: pawl.v1.ScheduleDefinition, last_result: pawl.v1.Payload), how far it has come, and when it has something to do next: null if only what happens to it can tell. Deleted by a call.';
create index schedules_due on schedules (next_fire_at, namespace_id, schedule_id) where next_fire_at is not null;

create table schedule_requests (
  namespace_id uuid not null,
  request_id text collate "C" not null,
  content_hash text not null,
  answer json not null,
  made_at bigint not null,
  primary key (namespace_id, request_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table schedule_requests is
  'A request id of a call that has changed a schedule, with what was answered beside the schedule. Deleted by a loop after a day.';
create index schedule_requests_by_age on schedule_requests (made_at);

alter table messages add column is_for_schedule boolean not null default false;
comment on column messages.is_for_schedule is
  'Whether it is for the schedule of the id that receiver_workflow_id has, and not for a run.';

drop index messages_by_receiver;
create index messages_by_inbox on messages (receiver_namespace_id, receiver_workflow_id, is_for_schedule, sender_run_id, abs(number));

insert into schema_versions (version, min_server) values (12, 12);
