/** Batch RPCs: an element that is wrong in its form gets its own outcome and does not touch its neighbours. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ErrorReason, type OperationErrorSchema } from "../../gen/pawl/v1/error_pb.js";
import type { Call } from "../engine/engine.js";
import { codeOf, toOperationError } from "./errors.js";
import { refuseInvalid } from "./handler.js";
import { InvalidRequestError, type Violation } from "./invalid-request-error.js";

type OperationErrorInit = MessageInitShape<typeof OperationErrorSchema>;
type ErrorOutcome = { outcome: { case: "error"; value: OperationErrorInit } };

/** The elements of a batch request, and what answers them. */
export interface Batch<Request, Response, Element> {
  /** The name of the repeated field, as in the proto. */
  readonly field: string;
  elements(request: Request): readonly Element[];
  withElements(request: Request, elements: Element[]): Request;
  /** Answers with an outcome for each element, in order. */
  handle(request: Request, call: Call): Promise<Response>;
  /** Says otherwise what is wrong with an element; left out: as it is. */
  restate?(violation: Violation, element: Element): Violation;
}

/** A handler that gives each element its outcome, in order, whether the engine saw it or its form was refused before. */
export function batch<Request, Response extends { outcomes?: unknown }, Element>(
  parts: Batch<Request, Response, Element>,
): { handle(request: Request, call: Call, violations: readonly Violation[]): Promise<Response> } {
  return {
    async handle(request, call, violations) {
      const elements = parts.elements(request);
      const refusals = refusalsByElement(parts, elements, violations);
      const accepted = elements.filter((_, index) => !refusals.has(index));
      if (accepted.length === 0) return withOutcomes<Response>(undefined, [...refusals.values()]);
      const response = await parts.handle(parts.withElements(request, accepted), call);
      const given = outcomesOf(response).values();
      const outcomes = elements.map((_, index) => refusals.get(index) ?? withCode(next(given)));
      return withOutcomes(response, outcomes);
    },
  };
}

/** All responses of batches have `outcomes`, and each kind of outcome has the case `error`; no type says so for all of them. */
function withOutcomes<Response>(response: Response | undefined, outcomes: unknown[]): Response {
  return { ...response, outcomes } as Response;
}

function outcomesOf({ outcomes }: { outcomes?: unknown }): readonly unknown[] {
  return Array.isArray(outcomes) ? outcomes : [];
}

function refusalsByElement<Request, Response, Element>(
  parts: Batch<Request, Response, Element>,
  elements: readonly Element[],
  violations: readonly Violation[],
): Map<number, ErrorOutcome> {
  const byElement = new Map<number, [Violation, ...Violation[]]>();
  const ofRequest: Violation[] = [];
  for (const violation of violations) {
    const [field, index] = violation.path;
    const element = typeof index === "number" ? elements[index] : undefined;
    if (field !== parts.field || typeof index !== "number" || element === undefined) {
      ofRequest.push(violation);
      continue;
    }
    const stated = parts.restate?.(violation, element) ?? violation;
    const earlier = byElement.get(index);
    if (earlier === undefined) byElement.set(index, [stated]);
    else earlier.push(stated);
  }
  refuseInvalid(ofRequest);
  const inOrder = [...byElement].sort(([a], [b]) => a - b);
  return new Map(inOrder.map(([index, list]) => [index, errorOutcome(new InvalidRequestError(list))]));
}

function errorOutcome(error: unknown): ErrorOutcome {
  return { outcome: { case: "error", value: toOperationError(error) } };
}

/** The engine knows reasons and no codes. */
function withCode(outcome: unknown): unknown {
  if (!isErrorOutcome(outcome)) return outcome;
  const { value } = outcome.outcome;
  const code = codeOf(value.reason ?? ErrorReason.UNSPECIFIED);
  return { ...outcome, outcome: { case: "error", value: { ...value, code } } };
}

function isErrorOutcome(outcome: unknown): outcome is ErrorOutcome {
  return (outcome as Partial<ErrorOutcome>).outcome?.case === "error";
}

function next(outcomes: Iterator<unknown>): unknown {
  const { value, done } = outcomes.next();
  if (done === true) throw new Error("the engine answered with fewer outcomes than elements");
  return value;
}
