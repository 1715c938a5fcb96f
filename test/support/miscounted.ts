/** Whether the numbers of runs that are kept are those of the runs that there are. */
import type { TestCluster } from "./engine.js";

/** The statuses of which the number that is kept is wrong. */
export function miscounted({ run }: { run: TestCluster["run"] }): Promise<object[]> {
  return run(
    `select *
     from (select namespace_id, status, sum(n) as kept from run_counts group by 1, 2) c
     full join (select namespace_id, status, count(*) as counted from runs group by 1, 2) r using (namespace_id, status)
     where coalesce(kept, 0) <> coalesce(counted, 0)`,
  );
}
