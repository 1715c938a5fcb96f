/** Asks the agent: `npx tsx examples/agent/run.ts [--address 127.0.0.1:7295]`. */
import { runExample } from "../run-example.js";
import { createAgentActivities } from "./activities.js";
import { agent } from "./workflows.js";

await runExample(
  {
    taskQueue: "agent",
    workflows: new URL("./workflows.js", import.meta.url),
    activities: createAgentActivities(100),
  },
  async (client, taskQueue) => {
    const question = { role: "user" as const, text: "what is 17 + 25" };
    console.log(await client.execute(agent, { messages: [question], thoughtsLeft: 10 }, { taskQueue }));
  },
);
