/** An agent: a model that thinks, tools that act, and a human who may step in. */
import { ActivityFailure, defineQuery, defineSignal, workflow } from "../../src/sdk/workflow/index.js";
import type { AgentActivities } from "./activities.js";

/** A line of the conversation. */
export interface Message {
  readonly role: "user" | "assistant" | "tool";
  readonly text: string;
}

/** What the model wants next. */
export type Thought =
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "tool"; readonly tool: string; readonly input: string };

/** What an agent is started with, and goes on with. */
export interface Agent {
  readonly messages: readonly Message[];
  /** How many more times the model may think. */
  readonly thoughtsLeft: number;
}

/** Says something to the agent while it works. */
export const say = defineSignal<string>("say");
/** Asks for the conversation so far. */
export const conversation = defineQuery<readonly Message[]>("conversation");

/** A run's conversation goes on in a new one behind so many messages. */
export const mostMessages = 40;

/** Thinks and acts until there is an answer, or the budget is used up. */
export const agent = workflow("Agent", async (ctx, input: Agent): Promise<string> => {
  const { think, act } = ctx.activities<AgentActivities>({
    // A model may think for long, and says that it is alive by heartbeats: if those stop, another worker takes over.
    startToCloseTimeout: "30m",
    heartbeatTimeout: "30s",
    retry: { maximumAttempts: 5, initialInterval: "2s", nonRetryableTypes: ["NoSuchTool"] },
  });
  const messages = [...input.messages];
  const begunWith = messages.length;
  let { thoughtsLeft } = input;
  ctx.onSignal(say, (text) => {
    messages.push({ role: "user", text });
  });
  ctx.onQuery(conversation, () => messages);

  for (; thoughtsLeft > 0; thoughtsLeft--) {
    if (messages.length - begunWith >= mostMessages)
      ctx.continueAsNew({ messages: summary(messages), thoughtsLeft });
    const heard = messages.length;
    const thought = await think(messages);
    if (thought.kind === "tool") {
      messages.push({ role: "assistant", text: `${thought.tool}(${thought.input})` });
      messages.push({ role: "tool", text: await act(thought).catch(describe) });
    } else {
      messages.push({ role: "assistant", text: thought.text });
      // Whoever spoke while it thought wants an answer to that as well.
      if (messages.length === heard + 1) return thought.text;
    }
  }
  return "out of budget";
});

/** A tool that fails is something to think about, not the end. */
function describe(error: unknown): string {
  if (!(error instanceof ActivityFailure)) throw error;
  return `failed: ${(error.cause as Error | undefined)?.message}`;
}

/** What a long conversation goes on with: its question and its end. */
function summary(messages: readonly Message[]): Message[] {
  return [...messages.slice(0, 1), ...messages.slice(-5)];
}
