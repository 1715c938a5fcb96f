/** The thread that workflow code runs in. It has the code and the runs in memory, and neither a connection nor activities. */
import { parentPort, workerData } from "node:worker_threads";
import { watchRejections } from "../../rejections.js";
import { patchGlobals } from "../../replay/code-globals.js";
import type { WorkflowDefinition } from "../../workflow/workflow.js";
import { replayTask } from "../replay-task.js";
import { failedTask } from "../replayer.js";
import { createRunCache } from "../run-cache.js";
import { boundMemory } from "./bound-memory.js";
import { loadWorkflows } from "./load-workflows.js";
import { markTurns } from "./marks.js";
import { createOutbox, type FromThread, type ThreadData, type ToThread } from "./messages.js";
import { createThreadLogger } from "./thread-logger.js";

const { module, cachedRuns, cacheMegabytes, marks }: ThreadData = workerData;
const outbox = createOutbox<FromThread>((messages) => parentPort?.postMessage(messages));
const cache = createRunCache(cachedRuns);
const workflowLogger = createThreadLogger(outbox.post);
boundMemory(cache, cacheMegabytes * 2 ** 20);

try {
  patchGlobals(); // Before the module keeps any of them.
  const workflows = await loadWorkflows(module);
  watchRejections();
  parentPort?.on("message", (messages: readonly ToThread[]) => {
    for (const message of messages) receive(workflows, message);
  });
  outbox.post({ kind: "ready", workflowTypes: [...workflows.keys()] });
} catch (error) {
  outbox.post({ kind: "unusable", message: error instanceof Error ? error.message : String(error) });
}

function receive(workflows: ReadonlyMap<string, WorkflowDefinition>, message: ToThread): void {
  switch (message.kind) {
    case "task":
      void answer(workflows, message);
      break;
    case "forget":
      cache.take(message.runId);
      break;
    case "ping":
      outbox.post({ kind: "pong" });
      break;
  }
}

async function answer(
  workflows: ReadonlyMap<string, WorkflowDefinition>,
  { number, task }: Extract<ToThread, { readonly kind: "task" }>,
): Promise<void> {
  const parts = { cache, workflows, workflowLogger };
  const outcome = await replayTask(parts, task, markTurns(marks, number)).catch(failedTask);
  outbox.post({ kind: "outcome", number, outcome });
}
