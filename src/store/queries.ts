/** Questions to runs that go by way of other servers. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Query, type QueryAnswer, QueryAnswerSchema, QuerySchema } from "../../gen/pawl/v1/task_pb.js";
import type { RunPlace } from "./load.js";
import { nowMicros, type Queryable, type Statement } from "./statement.js";

/** A question, and the run that it is put to. */
export interface QueryRow extends RunPlace {
  readonly query: Query;
}

/** Puts a question up for other servers. */
export async function shareQuery(
  q: Queryable,
  { query, namespaceId, workflowId, runId }: QueryRow,
): Promise<void> {
  await q.query(shareStatement, [
    query.queryId,
    namespaceId,
    workflowId,
    runId,
    toBinary(QuerySchema, query),
  ]);
}

/** The questions that nobody has taken. */
export async function untakenQueries(q: Queryable): Promise<QueryRow[]> {
  const rows = await q.query<RunPlace & { request: Buffer }>(untakenStatement, []);
  return rows.map(({ request, ...place }) => ({ ...place, query: fromBinary(QuerySchema, request) }));
}

/** Takes questions to be answered by a worker of this server. Answers which were still to be had. */
export async function takeQueries(q: Queryable, queryIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await q.query<{ queryId: string }>(takeStatement, [queryIds]);
  return new Set(rows.map(({ queryId }) => queryId));
}

/** Gives a question back that could not be brought to a worker. */
export async function untakeQuery(q: Queryable, queryId: string): Promise<void> {
  await q.query(untakeStatement, [queryId]);
}

/** Stores the answers to questions of a namespace. Answers which of them had somebody waiting. */
export async function storeAnswers(
  q: Queryable,
  namespaceId: string,
  answers: readonly QueryAnswer[],
): Promise<string[]> {
  const known = answers.filter(({ queryId }) => uuidPattern.test(queryId));
  if (known.length === 0) return [];
  const rows = await q.query<{ queryId: string }>(answerStatement, [
    namespaceId,
    known.map(({ queryId }) => queryId),
    known.map((answer) => toBinary(QueryAnswerSchema, answer)),
  ]);
  return rows.map(({ queryId }) => queryId);
}

/** What became of a question: its answer, and whether another server's worker has it. */
export async function readShared(
  q: Queryable,
  queryId: string,
): Promise<{ readonly answer: QueryAnswer | undefined; readonly isTaken: boolean }> {
  const [row] = await q.query<{ answer: Buffer | null; isTaken: boolean }>(readStatement, [queryId]);
  const answer = row?.answer == null ? undefined : fromBinary(QueryAnswerSchema, row.answer);
  return { answer, isTaken: row?.isTaken ?? false };
}

/** Takes a question down. */
export async function removeQuery(q: Queryable, queryId: string): Promise<void> {
  await q.query(removeStatement, [queryId]);
}

/** Removes questions whose server has gone. */
export async function removeOldQueries(q: Queryable): Promise<void> {
  await q.query(removeOldStatement, []);
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const shareStatement: Statement = {
  name: "share_query",
  text: `
    insert into queries (query_id, namespace_id, workflow_id, run_id, request, asked_at)
    values ($1::uuid, $2::uuid, $3::text, $4::uuid, $5::bytea, ${nowMicros})
    on conflict do nothing`,
};

const untakenStatement: Statement = {
  name: "untaken_queries",
  text: `
    select namespace_id as "namespaceId", workflow_id as "workflowId", run_id as "runId", request
    from queries
    where answer is null and taken_until < ${nowMicros}
    order by asked_at
    limit 100`,
};

const takeStatement: Statement = {
  name: "take_queries",
  text: `
    update queries
    set taken_until = ${nowMicros} + 10000000
    where query_id in (
      select query_id
      from queries
      where query_id = any($1::uuid[]) and answer is null and taken_until < ${nowMicros}
      for update skip locked
    )
    returning query_id as "queryId"`,
};

const untakeStatement: Statement = {
  name: "untake_query",
  text: `
    update queries
    set taken_until = 0
    where query_id = $1::uuid`,
};

const answerStatement: Statement = {
  name: "answer_queries",
  text: `
    update queries q
    set answer = a.answer
    from unnest($2::uuid[], $3::bytea[]) as a (query_id, answer)
    where q.query_id = a.query_id and q.namespace_id = $1::uuid and q.answer is null
    returning q.query_id as "queryId"`,
};

const readStatement: Statement = {
  name: "read_query_answer",
  text: `
    select answer, taken_until > ${nowMicros} as "isTaken"
    from queries
    where query_id = $1::uuid`,
};

const removeStatement: Statement = {
  name: "remove_query",
  text: `
    delete from queries
    where query_id = $1::uuid`,
};

const removeOldStatement: Statement = {
  name: "remove_old_queries",
  text: `
    delete from queries
    where asked_at < ${nowMicros} - 120000000`,
};
