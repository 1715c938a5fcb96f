-- Up Migration

-- Commands that were sent ahead of the completion of their workflow task.

create table appended_commands (
  run_id uuid not null,
  task_epoch int not null,
  position int not null,
  command bytea not null,
  appended_at bigint not null,
  primary key (run_id, task_epoch, position)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table appended_commands is
  'A command (pawl.v1.Command) of a workflow task that is not completed yet, by the lease epoch of the task. How many count, its run says. Deleted when the task is completed, otherwise by a loop after a day.';
create index appended_commands_by_age on appended_commands (appended_at);

insert into schema_versions (version, min_server) values (9, 9);
