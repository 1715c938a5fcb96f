/** A human in the loop: an expense waits for a decision, with reminders, a deputy and an end. */
import { ApplicationFailure, defineQuery, defineUpdate, workflow } from "../../src/sdk/workflow/index.js";
import type { ApprovalActivities } from "./activities.js";

/** What somebody wants to spend. */
export interface Expense {
  readonly employee: string;
  readonly approver: string;
  readonly deputy: string;
  readonly cents: number;
}

/** A decision, and who made it. */
export interface Decision {
  readonly by: string;
  readonly isApproved: boolean;
}

/** Where an expense stands. */
export interface ExpenseState {
  readonly waitsFor: readonly string[];
  readonly reminders: number;
  readonly decision: Decision | undefined;
}

/** Decides. Whoever is not asked is rejected, and so is a second decision. */
export const decide = defineUpdate<ExpenseState, Decision>("decide");
/** Asks where it stands. */
export const state = defineQuery<ExpenseState>("state");

/** Up to so much nobody is asked. */
export const freeCents = 5_000;

/** Asks the approver, reminds daily, asks the deputy as well after three days, and refuses after seven. */
export const approveExpense = workflow("ApproveExpense", async (ctx, expense: Expense): Promise<Decision> => {
  const { ask, tell } = ctx.activities<ApprovalActivities>({
    startToCloseTimeout: "1m",
    retry: { maximumAttempts: 0 },
  });
  const waitsFor = [expense.approver];
  const asked = new Set<string>();
  let reminders = 0;
  let decision: Decision | undefined;
  const current = (): ExpenseState => ({ waitsFor: decision ? [] : waitsFor, reminders, decision });

  ctx.onQuery(state, current);
  ctx.onUpdate(
    decide,
    (made) => {
      decision = made;
      return current();
    },
    {
      validate({ by }) {
        if (decision !== undefined)
          throw new ApplicationFailure(`${decision.by} has decided`, { type: "Decided" });
        if (!waitsFor.includes(by)) throw new ApplicationFailure(`${by} is not asked`, { type: "NotAsked" });
      },
    },
  );

  if (expense.cents <= freeCents) decision = { by: "the rules", isApproved: true };
  for (let day = 1; day <= 7 && decision === undefined; day++) {
    await Promise.all(waitsFor.map((person) => ask({ person, expense, isReminder: asked.has(person) })));
    for (const person of waitsFor) asked.add(person);
    if (await ctx.condition(() => decision !== undefined, { timeout: "1 day" })) break;
    reminders = day;
    if (day === 3) waitsFor.push(expense.deputy);
  }
  decision ??= { by: "the rules", isApproved: false };
  await tell({ person: expense.employee, decision });
  await ctx.condition(() => ctx.areHandlersDone);
  return decision;
});
