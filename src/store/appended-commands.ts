/** Commands that were sent ahead of the completion of their workflow task. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Command, CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A workflow task, by its lease. */
export interface TaskLease {
  readonly runId: string;
  readonly epoch: number;
}

/** Stores commands from a position on; what is there already stays. */
export async function storeCommands(
  q: Queryable,
  { runId, epoch }: TaskLease,
  offset: number,
  commands: readonly Command[],
): Promise<void> {
  const positions = commands.map((_, index) => offset + index);
  const encoded = commands.map((command) => toBinary(CommandSchema, command));
  await q.query(storeStatement, [runId, epoch, positions, encoded]);
}

/** The first commands of a task, in order. */
export async function readCommands(
  q: Queryable,
  { runId, epoch }: TaskLease,
  count: number,
): Promise<Command[]> {
  const rows = await q.query<{ command: Buffer }>(readStatement, [runId, epoch, count]);
  return rows.map(({ command }) => fromBinary(CommandSchema, command));
}

/** Removes the commands of a task that is over. */
export async function removeCommands(q: Queryable, { runId, epoch }: TaskLease): Promise<void> {
  await q.query(removeStatement, [runId, epoch]);
}

/** Removes commands that are a day old: their task ended in another way. */
export async function removeOldCommands(q: Queryable): Promise<void> {
  await q.query(removeOldStatement, []);
}

const storeStatement: Statement = {
  name: "store_commands",
  text: `
    insert into appended_commands (run_id, task_epoch, position, command, appended_at)
    select $1::uuid, $2::int, position, command, ${nowMicros}
    from unnest($3::int[], $4::bytea[]) as c (position, command)
    on conflict do nothing`,
};

const readStatement: Statement = {
  name: "read_commands",
  text: `
    select command
    from appended_commands
    where run_id = $1::uuid and task_epoch = $2::int and position < $3::int
    order by position`,
};

const removeStatement: Statement = {
  name: "remove_commands",
  text: `
    delete from appended_commands
    where run_id = $1::uuid and task_epoch = $2::int`,
};

const removeOldStatement: Statement = {
  name: "remove_old_commands",
  text: `
    delete from appended_commands
    where (run_id, task_epoch, position) in (
      select run_id, task_epoch, position
      from appended_commands
      where appended_at < ${nowMicros} - 86400000000
      order by appended_at
      limit 1000
    )`,
};
