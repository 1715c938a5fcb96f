/** Messages between runs that are not delivered yet. */
import { fromBinary } from "@bufbuild/protobuf";
import { HistoryEventSchema } from "../../gen/pawl/v1/event_pb.js";
import type { Message, MessageSender, Micros } from "../core/run-state.js";
import type { Queryable, Statement } from "./statement.js";

/** A workflow id that messages are for, or a schedule's id. */
export interface Inbox {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly isSchedule?: boolean | undefined;
}

/**
 * The messages of each inbox, in the order in which each sender sent them; not more than so many for one. Answers have the negative numbers of what
 * they answer, so they count by their distance from zero.
 */
export async function loadMessages(
  q: Queryable,
  inboxes: readonly Inbox[],
  most: number,
): Promise<Message[][]> {
  const rows = await q.query<MessageRow>(loadStatement, [
    inboxes.map(({ namespaceId }) => namespaceId),
    inboxes.map(({ workflowId }) => workflowId),
    inboxes.map(({ isSchedule }) => isSchedule === true),
    most,
  ]);
  const found: Message[][] = inboxes.map(() => []);
  for (const row of rows) {
    const inbox = inboxes[row.ask - 1];
    if (inbox !== undefined) found[row.ask - 1]?.push(readMessage(row, inbox));
  }
  return found;
}

/** Inboxes with messages that were sent before a time, so that their sender's server should have delivered them. */
export async function overdueInboxes(q: Queryable, before: Micros, most: number): Promise<Inbox[]> {
  return q.query<Inbox & object>(overdueStatement, [before, most]);
}

interface MessageRow {
  ask: number;
  number: number;
  receiver_run_id: string | null;
  sender: MessageSender;
  sent_at: number;
  event: Buffer;
}

function readMessage(row: MessageRow, { namespaceId, workflowId, isSchedule }: Inbox): Message {
  return {
    sender: row.sender,
    number: row.number,
    receiver: {
      ...{ namespaceId, workflowId, runId: row.receiver_run_id ?? "" },
      ...(isSchedule === true ? { isSchedule } : {}),
    },
    sentAt: row.sent_at,
    event: fromBinary(HistoryEventSchema, row.event),
  };
}

const loadStatement: Statement = {
  name: "load_messages",
  text: `
    select a.ask::int as ask, m.number, m.receiver_run_id, m.sender, m.sent_at, m.event
    from unnest($1::uuid[], $2::text[], $3::boolean[]) with ordinality a (namespace_id, workflow_id, is_for_schedule, ask)
    cross join lateral (
      select *
      from messages
      where receiver_namespace_id = a.namespace_id and receiver_workflow_id = a.workflow_id
        and is_for_schedule = a.is_for_schedule
      order by sender_run_id, abs(number)
      limit $4
    ) m`,
};

const overdueStatement: Statement = {
  name: "overdue_inboxes",
  text: `
    select distinct receiver_namespace_id as "namespaceId", receiver_workflow_id as "workflowId", is_for_schedule as "isSchedule"
    from (
      select receiver_namespace_id, receiver_workflow_id, is_for_schedule
      from messages
      where sent_at < $1
      order by sent_at
      limit $2
    ) oldest`,
};
