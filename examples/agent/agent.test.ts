import { expect, test } from "vitest";
import { createTestEnvironment, sleep } from "../../src/sdk/testing/index.js";
import type { ActivityContext } from "../../src/sdk/worker/index.js";
import { createAgentActivities } from "./activities.js";
import { agent, conversation, type Message, mostMessages, say, type Thought } from "./workflows.js";

const ask = (text: string, thoughtsLeft = 10) => ({
  messages: [{ role: "user" as const, text }],
  thoughtsLeft,
});

/** An agent whose model is the test's. */
function open(think: (messages: readonly Message[], context: ActivityContext) => Promise<Thought>) {
  const activities = { ...createAgentActivities(0), think };
  return createTestEnvironment({ workflows: [agent], activities });
}

const answer = (text: string): Thought => ({ kind: "answer", text });
const tool = (name: string, input: string): Thought => ({ kind: "tool", tool: name, input });

test("it uses a tool and answers", async () => {
  const env = createTestEnvironment({ workflows: [agent], activities: createAgentActivities(0) });
  expect(await env.execute(agent, ask("what is 17 + 25"))).toBe("It is 42.");
  await env.close();
});

test("a tool that there is not is something to think about", async () => {
  const env = open(async (messages) =>
    messages.length === 1 ? tool("search", "cats") : answer(messages.at(-1)?.text ?? ""),
  );
  expect(await env.execute(agent, ask("find cats"))).toBe("failed: there is no tool search");
  await env.close();
});

test("who speaks while it thinks is answered too", async () => {
  const env = open(async (messages) => {
    await sleep("20s");
    return answer(`to ${messages.filter(({ role }) => role === "user").length} questions`);
  });
  const handle = await env.start(agent, ask("a question"));
  env.after("10s", () => handle.signal(say, "and another"));
  expect(await handle.result()).toBe("to 2 questions");
  expect(await handle.query(conversation)).toHaveLength(4);
  await env.close();
});

test("a model that falls silent is asked anew by another worker", async () => {
  const env = open(async (_, { info, heartbeat }) => {
    heartbeat("thinking");
    if (info.attempt === 1) await sleep("10m");
    return answer(`at attempt ${info.attempt}`);
  });
  expect(await env.execute(agent, ask("a question"))).toBe("at attempt 2");
  await env.close();
});

test("a long conversation goes on in a new run, and ends with its budget", async () => {
  const env = open(async () => tool("add", "1 + 1"));
  const handle = await env.start(agent, ask("what is 1 + 1", 50));
  expect(await handle.result()).toBe("out of budget");
  let runs = 0;
  for await (const _ of env.client.list({ workflowIdPrefix: handle.workflowId })) runs++;
  expect(runs).toBe(1 + Math.floor((50 * 2) / mostMessages));
  await env.close();
});
