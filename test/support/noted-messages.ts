/** A database in which Postgres itself notes which messages between runs come and go. */
import { openConnection } from "../../src/store/pool.js";
import { createTestDatabase } from "./database.js";

/** The messages of a database that nothing else uses. */
export interface NotedMessages {
  readonly url: string;
  /** How many are stored and not delivered. */
  underWay(): Promise<number>;
  /** How many children have not ended. */
  openChildren(): Promise<number>;
  /** Those that were not stored exactly once, and taken away exactly once. */
  notOnce(): Promise<object[]>;
  /** Makes those that are under way overdue, as if their server had not delivered them for long. */
  makeOverdue(): Promise<void>;
  close(): Promise<void>;
}

/** Makes a migrated database, and notes from then on. */
export async function openNotedMessages(): Promise<NotedMessages> {
  const database = await createTestDatabase();
  const admin = await openConnection({ url: database.url, name: "pawl-test-admin" });
  await admin.query(noteMessages);
  const count = async (text: string) => Number((await admin.query(text)).rows[0].count);
  return {
    url: database.url,
    underWay: () => count("select count(*) from pawl.messages"),
    openChildren: () =>
      count("select count(*) from pawl.runs where parent_run_id is not null and closed_at is null"),
    notOnce: async () => (await admin.query(notedNotOnce)).rows,
    makeOverdue: async () =>
      void (await admin.query("update pawl.messages set sent_at = sent_at - 60000000")),
    async close() {
      await admin.end();
      await database.drop();
    },
  };
}

const noteMessages = `
  create table pawl.noted_messages (what text not null, sender_run_id uuid not null, number int not null);
  create function pawl.note_message() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      insert into pawl.noted_messages values (tg_op, new.sender_run_id, new.number);
    else
      insert into pawl.noted_messages values (tg_op, old.sender_run_id, old.number);
    end if;
    return null;
  end $$;
  create trigger note_message after insert or delete on pawl.messages
  for each row execute function pawl.note_message();`;

const notedNotOnce = `
  select sender_run_id, number
  from pawl.noted_messages
  group by sender_run_id, number
  having count(*) filter (where what = 'INSERT') <> 1
    or count(*) filter (where what = 'DELETE') <> 1`;
