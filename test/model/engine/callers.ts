/** Who makes the calls of the model over the engine, and what is made of their answers. */
import { RefusedError } from "../../../src/core/errors.js";
import { errorOf } from "../../support/engine.js";
import { rule } from "../rule.js";
import type { EngineWorld } from "./engine-world.js";

/** Numbers that vary an operation. */
export interface Dice {
  readonly a: number;
  readonly b: number;
}

/** One thing that may happen, and how often it is chosen. */
export interface Operation {
  readonly weight: number;
  readonly play: (world: EngineWorld, dice: Dice) => Promise<void>;
}

const workflowIds = ["wf-0", "wf-1", "wf-2", "wf-3"];
/** One of the workflow ids of the model. */
export const idOf = (a: number) => workflowIds[a % workflowIds.length] ?? "";

/** The answer; undefined if it is refused. */
export async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}

/** One that nobody has answered, and one time in five an old one. */
export function pick<T extends { isOver: boolean; isApart: boolean }>(
  all: readonly T[],
  a: number,
  b: number,
): T | undefined {
  const open = all.filter(({ isApart }) => !isApart);
  const live = open.filter(({ isOver }) => !isOver);
  const chosen = b % 5 === 4 ? open : live;
  return chosen[a % chosen.length];
}

type Answer = Parameters<typeof errorOf>[0];

/** Notes answers to a task: at the most one is ever taken. Answers how many of these were. */
export function answered(
  held: { isOver: boolean; taken: number },
  answers: readonly Answer[],
  what: string,
): number {
  const applied = answers.filter((answer) => outcomeOf(answer) === "applied").length;
  held.taken += applied;
  rule(held.taken <= 1, `${held.taken} answers to ${what} were taken`);
  held.isOver ||= applied > 0 || answers.some((answer) => isOver(errorOf(answer)));
  return applied;
}

function isOver(reason: string | undefined): boolean {
  return reason === "STALE_LEASE" || reason === "WORKFLOW_NOT_FOUND";
}

function outcomeOf(answer: Answer): "applied" | "repeated" | "refused" {
  if (errorOf(answer) !== undefined) return "refused";
  const value = answer?.outcome?.value;
  const isRepeat =
    typeof value === "object" && value !== null && "alreadyApplied" in value && value.alreadyApplied === true;
  return isRepeat ? "repeated" : "applied";
}
