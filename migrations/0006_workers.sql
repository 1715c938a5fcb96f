-- Up Migration

-- Workers: who polls what, who holds what, and what becomes of it when a worker falls silent.

-- Every worker registers again, since its queues are known only from its registration: an id that is not known is told so.
delete from workers;
alter table workers
  add column task_queues text[] collate "C" not null default '{}',
  add column released_at bigint;
comment on column workers.released_at is
  'When all that the worker had held was found to be back, after it fell silent. Null: it was heard of since, or that is still to be seen to.';

alter table runs add column task_worker_id text collate "C";
comment on column runs.task_worker_id is
  'Who has the workflow task, repeated from it: empty for an anonymous worker, null if nobody has it.';

alter table activities
  add column task_queue text collate "C" not null default '',
  add column lease_worker_id text collate "C";
comment on column activities.lease_worker_id is
  'Who has the activity, repeated from its state: empty for an anonymous worker, null if nobody has it.';

-- A text within a json value; null where there is none, or where text that holds U+0000 keeps Postgres from reading the value.
create function pg_temp.text_at(value json, variadic path text[]) returns text
language plpgsql
as $$
begin
  return value #>> path;
exception
  when others then
    return null;
end
$$;
update runs
set task_worker_id = pg_temp.text_at(workflow_task, 'lease', 'workerId')
where status in (1, 2) and workflow_task is not null;
update activities
set task_queue = coalesce(pg_temp.text_at(state, 'taskQueue'), ''), lease_worker_id = pg_temp.text_at(state, 'lease', 'workerId');

alter table servers add column load json;
comment on column servers.load is
  'The queues that the server has polls of or has given tasks of lately, as it last told. Null: there are none.';

insert into schema_versions (version, min_server) values (6, 6);
