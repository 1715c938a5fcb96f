/** A model of the example's own, which can do sums, and its tools. */
import { setTimeout as wait } from "node:timers/promises";
import { type ActivityContext, ApplicationFailure } from "../../src/sdk/worker/index.js";
import type { Message, Thought } from "./workflows.js";

export type AgentActivities = ReturnType<typeof createAgentActivities>;

/** Makes the activities. `pauseMs` is how long a step of thinking takes. */
export function createAgentActivities(pauseMs: number) {
  return {
    /** Thinks in steps, and says with each that it is alive. */
    async think(messages: readonly Message[], { heartbeat, signal }: ActivityContext): Promise<Thought> {
      for (let step = 1; step <= 3; step++) {
        heartbeat(step);
        await wait(pauseMs, undefined, { signal });
      }
      return thoughtOn(messages);
    },
    async act({ tool, input }: { readonly tool: string; readonly input: string }): Promise<string> {
      if (tool !== "add") throw new ApplicationFailure(`there is no tool ${tool}`, { type: "NoSuchTool" });
      return String(input.split("+").reduce((sum, part) => sum + Number(part), 0));
    },
  };
}

function thoughtOn(messages: readonly Message[]): Thought {
  const last = messages.at(-1);
  if (last?.role === "tool") return { kind: "answer", text: `It is ${last.text}.` };
  const sum = /[\d+\s]*\d/.exec(last?.text ?? "")?.[0].trim();
  return sum === undefined
    ? { kind: "answer", text: "I can only add." }
    : { kind: "tool", tool: "add", input: sum };
}
