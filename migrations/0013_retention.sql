-- Up Migration

-- What a namespace has, counted as it changes.

create table run_counts (
  namespace_id uuid not null,
  status smallint not null,
  slot int not null,
  n bigint not null,
  primary key (namespace_id, status, slot)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
comment on table run_counts is
  'How many runs of a namespace have a status: the sum over the slots. Each transaction that changes it has a slot that no other has at the same time, so that none waits for another. Deleted with the namespace.';
insert into run_counts (namespace_id, status, slot, n)
select namespace_id, status, 1, count(*)
from runs
group by namespace_id, status;

alter table deletions add column namespace_id uuid;
create index deletions_by_namespace on deletions (namespace_id);

insert into schema_versions (version, min_server) values (13, 13);
