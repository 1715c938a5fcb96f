/** Queries: questions to a run, answered by its code as it stands. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Query, QueryAnswerSchema } from "../../../gen/pawl/v1/task_pb.js";
import { encodeFailure } from "../failure-codec.js";
import { ApplicationFailure } from "../failures.js";
import { decodePayload, encodePayload } from "../payload.js";
import { RestrictedCodeError, runLooking } from "./restrictions.js";
import type { RunParts } from "./run-parts.js";

/** What answers a query. */
export type QueryHandler = (input: unknown) => unknown;

/** An answer, as it is sent. */
export type QueryAnswerInit = MessageInitShape<typeof QueryAnswerSchema>;

/** Sets what answers a query. */
export function handleQuery({ queries }: RunParts, name: string, handler: QueryHandler): void {
  if (queries.has(name)) throw new Error(`the query "${name}" has a handler already: set one for each name`);
  queries.set(name, handler);
}

/** Asks the code. Whatever goes wrong is the answer. */
export function answerQuery(
  { queries, started, globals }: RunParts,
  { queryId, name, input }: Query,
): QueryAnswerInit {
  const handler = queries.get(name);
  if (handler === undefined) {
    const failure = unhandled({
      what: "query",
      name,
      workflowType: started.workflowType,
      known: queries.keys(),
    });
    return refusedQuery(queryId, failure);
  }
  try {
    const who = `the handler of the query "${name}"`;
    const result = runLooking(globals, who, () => handler(decodePayload(input)));
    refusePromise(result, who);
    const payload = encodePayload(result);
    return { queryId, outcome: { case: "result", value: payload ?? {} } };
  } catch (error) {
    return refusedQuery(queryId, error);
  }
}

/** An answer that says why there is none. */
export function refusedQuery(queryId: string, error: unknown): QueryAnswerInit {
  return { queryId, outcome: { case: "failure", value: encodeFailure(error) } };
}

/** Throws for code that must return at once and did not. */
export function refusePromise(result: unknown, who: string): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw new RestrictedCodeError(
    `${who} is async, but it must return at once: keep what it needs in variables`,
  );
}

/** Says that the code has no handler of a name, and which it has. */
export function unhandled(asked: {
  readonly what: "query" | "update";
  readonly name: string;
  readonly workflowType: string;
  readonly known: Iterable<string>;
}): ApplicationFailure {
  const { what, name, workflowType } = asked;
  const known = [...asked.known].map((other) => `"${other}"`).join(", ");
  const message = `workflow ${workflowType} has no handler for the ${what} "${name}"; it has ${known || "none"}`;
  return new ApplicationFailure(message, { type: "UnhandledRequest", isNonRetryable: true });
}
