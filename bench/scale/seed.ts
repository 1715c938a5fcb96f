/** Seeds a database: a run of each kind by the server itself, and all the others by SQL. */
import { toBinary } from "@bufbuild/protobuf";
import type pg from "pg";
import { SearchAttributeValueSchema } from "../../gen/pawl/v1/search_attribute_pb.js";
import { makeRunId } from "../../src/engine/run-id.js";
import { addToCounts } from "../../src/store/run-counts.js";
import { equalTo } from "../../src/store/search-values.js";
import { multiplyRun, type Name } from "./multiply.js";
import { type Attributes, attributesOf, closedId, number, openId, waitingOf } from "./population.js";
import type { Side } from "./side.js";
import { deleteClosedRun, makeClosedRun, makeOpenRuns, type Template } from "./templates.js";

const dayMs = 24 * 60 * 60 * 1_000;
/** When closed runs were started, before now: in four partitions of history, and not so long ago that they would be removed at once. */
const closedSpan = { fromMs: 24 * dayMs, toMs: 3 * dayMs };
/** Between the starts of open runs. The last ones are started now, by the server. */
const openStepMs = 1_000;
/** How many seeds are sent at once. */
const chunk = 20_000;

/** Seeds a database with its runs. */
export async function seed(side: Side): Promise<void> {
  const { database, population } = side;
  const begin = performance.now();
  // A seed that is lost in a crash is made again.
  await database.query("set synchronous_commit = off");
  await database.query(
    "select make_history_partition(now() - week * interval '7 days') from generate_series(1, 4) week",
  );
  await database.query(
    "create temp table seeds (run_id uuid, workflow_id text, shift bigint, customer text, region text, amount text, amount_bytes text)",
  );
  const now = Date.now();
  const template = await makeClosedRun(side);
  await addRuns(side, template, {
    numbers: numbersTo(population.closed),
    workflowId: closedId,
    attributes: (n) => attributesOf(population, n),
    startedMs: (n) =>
      now - closedSpan.fromMs + ((closedSpan.fromMs - closedSpan.toMs) * n) / population.closed,
  });
  await deleteClosedRun(side, template);
  for (const open of await makeOpenRuns(side)) {
    await addRuns(side, open, {
      numbers: numbersTo(open.n - 1).filter((n) => waitingOf(n) === waitingOf(open.n)),
      workflowId: openId,
      attributes: () => undefined,
      startedMs: (n) => open.startedAt / 1_000 - (open.n - n) * openStepMs,
    });
  }
  await database.query("drop table seeds");
  // What autovacuum comes to after a while.
  await database.query("vacuum (analyze)");
  await database.query("checkpoint");
  await database.query("reset synchronous_commit");
  const seconds = ((performance.now() - begin) / 1_000).toFixed(0);
  console.log(`${side.name}: ${population.closed} closed and ${population.open} open runs in ${seconds} s`);
}

/** The runs that are made of a template. */
interface Others {
  readonly numbers: readonly number[];
  workflowId(n: number): string;
  attributes(n: number): Attributes | undefined;
  /** When the nth was started, in milliseconds. */
  startedMs(n: number): number;
}

async function addRuns({ name, database }: Side, template: Template, others: Others): Promise<void> {
  await database.query("truncate seeds");
  const { numbers } = others;
  for (let at = 0; at < numbers.length; at += chunk)
    await sendSeeds(database, template, others, numbers.slice(at, at + chunk));
  await database.query("analyze seeds");
  const multiplication = {
    seeds: "seeds",
    runId: template.runId,
    names: namesOf(template, others.attributes(template.n)),
  };
  for (const { table, rows, seconds } of await multiplyRun(database, multiplication))
    console.log(`${name}: ${rows} rows of ${table} in ${seconds.toFixed(1)} s`);
  await database.query(
    addToCounts(
      `select namespace_id, status, 1 as change from runs where run_id in (select run_id from seeds)`,
    ),
  );
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

async function sendSeeds(
  database: pg.Client,
  template: Template,
  others: Others,
  numbers: readonly number[],
): Promise<void> {
  const seeds = numbers.map((n) => {
    const workflowId = others.workflowId(n);
    const startedMs = Math.floor(others.startedMs(n));
    const attributes = others.attributes(n);
    return [
      makeRunId(template.namespaceId, workflowId, startedMs),
      workflowId,
      startedMs * 1_000 - template.startedAt,
      attributes?.customer ?? "",
      attributes?.region ?? "",
      attributes === undefined ? "" : sortedText(attributes.amount),
      attributes === undefined ? "" : doubleBytes(attributes.amount).toString("hex"),
    ];
  });
  await database.query({
    name: "send seeds",
    text: `insert into seeds
           select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])`,
    values: [0, 1, 2, 3, 4, 5, 6].map((column) => seeds.map((values) => values[column])),
  });
}

/** What names the template in its rows. */
function namesOf({ runId, workflowId }: Template, attributes: Attributes | undefined): Name[] {
  const named = (text: string, column: string): Name => ({
    text,
    bytes: Buffer.from(text),
    inText: column,
    inBytes: `encode(convert_to(${column}, 'UTF8'), 'hex')`,
  });
  const names = [named(runId, "s.run_id::text"), named(workflowId, "s.workflow_id")];
  if (attributes === undefined) return names;
  const { customer, region, amount } = attributes;
  const amountName = {
    text: sortedText(amount),
    bytes: doubleBytes(amount),
    inText: "s.amount",
    inBytes: "s.amount_bytes",
  };
  return [...names, named(customer, "s.customer"), named(region, "s.region"), amountName];
}

/** A number as rows of search attributes have it. */
function sortedText(value: number): string {
  return equalTo(number(value)).from;
}

/** A number as messages have it, behind its tag. */
function doubleBytes(value: number): Buffer {
  return Buffer.from(toBinary(SearchAttributeValueSchema, number(value))).subarray(1);
}
