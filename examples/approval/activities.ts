/** The mails of the example. */
import type { Decision, Expense } from "./workflows.js";

export type ApprovalActivities = ReturnType<typeof createApprovalActivities>;

/** Makes the activities; mails go where the function puts them. */
export function createApprovalActivities(send: (to: string, text: string) => void) {
  return {
    async ask(question: {
      readonly person: string;
      readonly expense: Expense;
      readonly isReminder: boolean;
    }): Promise<void> {
      const { person, expense, isReminder } = question;
      const text = `${expense.employee} wants to spend ${(expense.cents / 100).toFixed(2)}`;
      send(person, isReminder ? `reminder: ${text}` : text);
    },
    async tell({
      person,
      decision,
    }: {
      readonly person: string;
      readonly decision: Decision;
    }): Promise<void> {
      send(person, `${decision.isApproved ? "approved" : "refused"} by ${decision.by}`);
    },
  };
}
