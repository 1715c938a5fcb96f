/** The statements that list and count runs by their search attributes. */
import type { TextRange } from "./search-values.js";
import type { Statement } from "./statement.js";

/** The runs that have an attribute within a range. */
export interface AttributeRange extends TextRange {
  readonly name: string;
  /** Whether the range has one value alone. */
  readonly isEqual: boolean;
}

/** The condition that leads, one of equality if there is one, then the others: the last parameters of the statements. */
export function attributeValues(attributes: readonly AttributeRange[]): {
  values: unknown[];
  isEqual: boolean;
} {
  const first = attributes.find(({ isEqual }) => isEqual) ?? attributes[0];
  if (first === undefined) throw new Error("there is no condition on search attributes");
  const others = attributes.filter((range) => range !== first);
  const { name, from, to, isEqual } = first;
  const columns = [
    others.map((range) => range.name),
    others.map((range) => range.from),
    others.map((range) => range.to),
  ];
  return { values: [name, from, to, ...columns], isEqual };
}

/** What the statements share with those by other conditions. */
export interface Shared {
  /** What is shown of a run `r`. */
  readonly columns: string;
  /** The conditions on a run `r` but for those on attributes: $1 to $7, of which $1 is the namespace and $6 the earliest start. */
  readonly isWanted: string;
  /** Of runs that were found, newest first, as many as fit a page. */
  bounded(runs: string): string;
}

/** Of how many more rows than a page wants the runs are looked at first, in case that some of those are not wanted. */
const spare = 50;

/** The statements. Those that list have the place behind which they begin as $8 and $9, and how many as $10 and in how many bytes as $11. */
export function attributeStatements({
  columns,
  isWanted,
  bounded,
}: Shared): Record<"listEqual" | "listWithin" | "listWithinTime" | "count", Statement> {
  /** The runs of rows that are in order, as many as a page wants. */
  const runsOf = (rows: string) => `
        select ${columns}
        from ${rows} a
        cross join lateral ${runOfRow} r
        where a.started_at >= $6::bigint and ${isBehind} and ${isWanted} and ${keepsOthers(15)}
        order by a.started_at desc, a.run_id desc
        limit $10::int + 1`;
  /**
   * Rows of a range are put in order before a run is looked at, so that only the runs of the page are: the rows lie together in the index, and the runs
   * anywhere. What every row is compared with is as little as can be. To find the newest few takes less than to put all in order; only where other
   * conditions leave out so many of those that they don't fill the page, all are.
   */
  const listWithin = (name: string, condition: string): Statement => {
    const rows = (limit: string) => `
        select a.started_at, a.run_id
        from search_attributes a
        where ${isLeading(12)} and ${condition}
        order by a.started_at desc, a.run_id desc
        ${limit}`;
    const few = `$10::int + ${spare}`;
    return {
      name,
      text: bounded(`
      with newest as materialized (${rows(`limit ${few}`)}
      ),
      page as materialized (${runsOf("newest")}
      ),
      enough as materialized (
        select (select count(*) from page) > $10::int or (select count(*) from newest) < ${few} as is_so
      )
      select * from page where (select is_so from enough)
      union all
      select * from (${runsOf(`(${rows("offset 0")})`)}) longer where not (select is_so from enough)`),
    };
  };
  return {
    /** With one value the index has the newest first. */
    listEqual: {
      name: "list_by_attribute",
      text: bounded(`
      select ${columns}
      from search_attributes a
      join runs r on r.run_id = a.run_id
      where ${isLeading(12)} and a.value = $13::text and ${isBehind} and ${isWanted} and ${keepsOthers(15)}
      order by a.started_at desc, a.run_id desc
      limit $10::int + 1`),
    },
    listWithin: listWithin("list_by_attribute_range", "true"),
    /** Where few runs were started in time, it is well to put no others in order. */
    listWithinTime: listWithin(
      "list_by_attribute_range_in_time",
      "a.started_at >= $6::bigint and a.started_at <= $8::bigint",
    ),
    count: {
      name: "count_by_attribute",
      text: `
      select r.status, count(*) as count
      from (
        select a.run_id
        from search_attributes a
        where ${isLeading(8)} and a.started_at >= $6::bigint and a.started_at < $7::bigint
        offset 0
      ) a
      cross join lateral ${runOfRow} r
      where ${isWanted} and ${keepsOthers(11)}
      group by r.status
      order by r.status`,
    },
  };
}

/** The run of a row `a`. "offset 0" keeps the planner from beginning with the runs, which are anywhere, and may be a million. */
const runOfRow = `(
          select *
          from runs
          where run_id = a.run_id
          offset 0
        )`;

const isBehind = "(a.started_at, a.run_id) < ($8::bigint, $9::uuid)";

/** The rows of the condition that leads; the number is that of its first parameter. */
function isLeading(first: number): string {
  const [name, from, to] = [0, 1, 2].map((n) => `$${first + n}`);
  return `a.namespace_id = $1::uuid and a.name = ${name}::text and a.value >= ${from}::text and a.value < ${to}::text`;
}

/** The runs that keep the other conditions on attributes; the number is that of their first parameter. */
function keepsOthers(first: number): string {
  const [names, froms, tos] = [0, 1, 2].map((n) => `$${first + n}`);
  return `not exists (
          select from unnest(${names}::text[], ${froms}::text[], ${tos}::text[]) c (name, "from", "to")
          where not exists (
            select from search_attributes o
            where o.run_id = r.run_id and o.name = c.name and o.value >= c."from" and o.value < c."to"
          )
        )`;
}
