/** The calls that are measured, each with what its answer must be. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SearchAttributeFilterSchema } from "../../gen/pawl/v1/search_attribute_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { type WorkflowFilterSchema, WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import type { Measure } from "./compare.js";
import {
  attributesOf,
  closedId,
  customerName,
  keyword,
  number,
  openId,
  type Population,
  regionName,
  types,
  type Waiting,
} from "./population.js";
import { takeTask } from "./tasks.js";

const { method } = WorkflowService;
/** Few enough that both databases have a full page of what they have any of. */
const pageSize = 10;

/** All reads. */
export const reads: readonly Measure[] = [
  {
    name: "GetWorkflow",
    bound: "usual",
    prepare({ call, population }, n) {
      const number = someRun(population, n);
      const workflowId = closedId(number);
      return async () => {
        const { workflow } = await call(method.getWorkflow, { workflowId });
        return () => {
          const isRight =
            workflow?.workflowId === workflowId &&
            workflow.status === WorkflowStatus.COMPLETED &&
            workflow.historyLength === 10 &&
            workflow.searchAttributes.customer?.value.value === attributesOf(population, number).customer;
          return isRight ? undefined : `the record of ${workflowId} is not what was seeded`;
        };
      };
    },
  },
  page("first page of all", "usual", ({ open }) => ({
    expected: descending(open, () => true).map(openId),
  })),
  page("first page of an equality, none", "usual", () => ({
    filter: where("customer", { case: "equals", value: keyword("nobody") }),
    expected: [],
  })),
  page("first page of an equality, ten", "usual", (population, n) => {
    const many = population.closed / 10;
    const customer = someRun(population, n) % many;
    const numbers = Array.from({ length: 10 }, (_, index) => (customer || many) + (9 - index) * many);
    return {
      filter: where("customer", { case: "equals", value: keyword(customerName(customer)) }),
      expected: numbers.map(closedId),
    };
  }),
  page("first page of an equality, a quarter", "usual", ({ closed }, n) => ({
    filter: where("region", { case: "equals", value: keyword(regionName(n)) }),
    expected: descending(closed, (one) => one % 4 === n % 4).map(closedId),
  })),
  page("first page of a type and a status", "usual", ({ closed }) => ({
    filter: { workflowType: types.closed, statuses: [WorkflowStatus.COMPLETED] },
    expected: descending(closed, () => true).map(closedId),
  })),
  page("first page of a range, none", "range", () => ({
    filter: where("amount", { case: "range", value: { from: number(2_000), to: number(3_000) } }),
    expected: [],
  })),
  page("first page of a range, 1 %", "range", (population, n) => {
    // Few enough ranges that all of them are warm.
    const from = (n % 10) * 100;
    return {
      filter: where("amount", { case: "range", value: { from: number(from), to: number(from + 10) } }),
      expected: descending(population.closed, (one) => {
        const { amount } = attributesOf(population, one);
        return amount >= from && amount < from + 10;
      }).map(closedId),
    };
  }),
  {
    name: "CountWorkflows of open runs by status",
    bound: "usual",
    prepare({ call, population }) {
      const filter = { statuses: [WorkflowStatus.PENDING, WorkflowStatus.RUNNING] };
      const half = BigInt(population.open / 2);
      return async () => {
        const { count, byStatus } = await call(method.countWorkflows, { filter, groupByStatus: true });
        return () => {
          const isRight =
            count === 2n * half &&
            byStatus.length === 2 &&
            byStatus.every((one, index) => one.status === filter.statuses[index] && one.count === half);
          return isRight ? undefined : `${count} open runs were counted and not ${2n * half}`;
        };
      };
    },
  },
];

/** Both claims. */
export const claims: readonly Measure[] = [
  claim("claim of a workflow task", "workflow"),
  claim("claim of an activity task", "activity"),
];

function claim(name: string, kind: Waiting): Measure {
  return {
    name,
    bound: "usual",
    prepare:
      ({ call }) =>
      async () => {
        const { fault, complete } = await takeTask(call, kind);
        return async () => {
          if (fault === undefined) await complete();
          return fault;
        };
      },
  };
}

/** What is asked for, and the workflow ids of all that there are, newest first, to one more than a page. */
interface PageAsk {
  readonly filter?: MessageInitShape<typeof WorkflowFilterSchema>;
  readonly expected: readonly string[];
}

function page(name: string, bound: Measure["bound"], askFor: (p: Population, n: number) => PageAsk): Measure {
  return {
    name,
    bound,
    prepare({ call, population }, n) {
      const { filter, expected } = askFor(population, n);
      const request = { pageSize, ...(filter === undefined ? {} : { filter }) };
      return async () => {
        const { workflows, nextPageToken } = await call(method.listWorkflows, request);
        return () => {
          const found = workflows.map(({ workflowId }) => workflowId).join(" ");
          if (found !== expected.slice(0, pageSize).join(" ")) return `a page has ${found || "no run"}`;
          const hasMore = nextPageToken !== "";
          if (hasMore === expected.length > pageSize) return undefined;
          return `a page of ${expected.length} has ${hasMore ? "a" : "no"} token for the next`;
        };
      };
    },
  };
}

function where(
  name: string,
  condition: MessageInitShape<typeof SearchAttributeFilterSchema>["condition"] & object,
): MessageInitShape<typeof WorkflowFilterSchema> {
  return { searchAttributes: [{ name, condition }] };
}

/** The last numbers that are meant, the highest first, to one more than a page. */
function descending(last: number, isMeant: (n: number) => boolean): number[] {
  const numbers: number[] = [];
  for (let n = last; n >= 1 && numbers.length <= pageSize; n--) if (isMeant(n)) numbers.push(n);
  return numbers;
}

/** Runs from everywhere, another with each call. */
function someRun({ closed }: Population, n: number): number {
  return 1 + ((n * 7_919_017) % closed);
}
