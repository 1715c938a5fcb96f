import { DBOS } from "@dbos-inc/dbos-sdk";

const ask = async (expense: string) => console.log(`Please decide on ${expense}.`);
const escalate = async (expense: string) => console.log(`Nobody decided on ${expense}.`);

async function approvalFunction(expense: string) {
  await DBOS.runStep(() => ask(expense), { name: "ask", retriesAllowed: true, timeoutMS: 10_000 });
  const decision = await DBOS.recv<{ by: string; isApproved: boolean }>("decide", 3 * 24 * 60 * 60);
  if (decision) return decision.isApproved ? `approved by ${decision.by}` : `declined by ${decision.by}`;
  await DBOS.runStep(() => escalate(expense), { name: "escalate", retriesAllowed: true, timeoutMS: 10_000 });
  return "escalated";
}
export const approval = DBOS.registerWorkflow(approvalFunction, { name: "approval" });

DBOS.setConfig({ name: "approval" });
await DBOS.launch();
await DBOS.registerQueue("approval");
