import { expect, test } from "vitest";
import { createTestEnvironment } from "../../src/sdk/testing/index.js";
import { createApprovalActivities } from "./activities.js";
import { approveExpense, decide, state } from "./workflows.js";

const expense = { employee: "Ada", approver: "Grace", deputy: "Linus", cents: 50_000 };

function open() {
  const mails: string[] = [];
  const activities = createApprovalActivities((to, text) => mails.push(`${to}: ${text}`));
  return { mails, env: createTestEnvironment({ workflows: [approveExpense], activities }) };
}

test("what is cheap is approved by the rules", async () => {
  const { env, mails } = open();
  expect(await env.execute(approveExpense, { ...expense, cents: 4_999 })).toEqual({
    by: "the rules",
    isApproved: true,
  });
  expect(mails).toEqual(["Ada: approved by the rules"]);
  await env.close();
});

test("the approver decides, and nobody else", async () => {
  const { env, mails } = open();
  const handle = await env.start(approveExpense, expense);
  await expect(handle.update(decide, { by: "Ada", isApproved: true })).rejects.toMatchObject({
    type: "NotAsked",
  });
  expect(await handle.update(decide, { by: "Grace", isApproved: true })).toMatchObject({
    waitsFor: [],
    reminders: 0,
  });
  expect(await handle.result()).toEqual({ by: "Grace", isApproved: true });
  expect(mails).toEqual(["Grace: Ada wants to spend 500.00", "Ada: approved by Grace"]);
  await env.close();
});

test("reminders go out daily, and the deputy is asked after three days", async () => {
  const { env, mails } = open();
  const handle = await env.start(approveExpense, expense);
  await env.sleep("3 days 1h");
  expect(await handle.query(state)).toMatchObject({ waitsFor: ["Grace", "Linus"], reminders: 3 });
  expect(mails).toHaveLength(5);
  await handle.update(decide, { by: "Linus", isApproved: false });
  expect(await handle.result()).toEqual({ by: "Linus", isApproved: false });
  await env.close();
});

test("what nobody decides is refused after a week", async () => {
  const { env, mails } = open();
  expect(await env.execute(approveExpense, expense)).toEqual({ by: "the rules", isApproved: false });
  expect(mails.filter((mail) => mail.includes("reminder"))).toHaveLength(6 + 3);
  await env.close();
});
