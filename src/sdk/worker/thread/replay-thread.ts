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
import {
  createOutbox,
  type FromThread,
  openParcel,
  type Parcel,
  type ThreadData,
  type ToThread,
} from "./messages.js";
import { createThreadLogger } from "./thread-logger.js";

const { module, cachedRuns, cacheMegabytes, madeBy, marks }: ThreadData = workerData;
const outbox = createOutbox<FromThread>((parcel, transferred) =>
  parentPort?.postMessage(parcel, transferred),
);
const cache = createRunCache(cachedRuns);
const workflowLogger = createThreadLogger(outbox.post);
boundMemory(cache, cacheMegabytes * 2 ** 20);

try {
  patchGlobals(); // Before the module keeps any of them.
  const workflows = await loadWorkflows(module);
  watchRejections();
  parentPort?.on("message", (parcel: Parcel<ToThread>) => {
    openParcel(parcel, (message, bytes) => receive(workflows, message, bytes));
  });
  outbox.post({ kind: "ready", workflowTypes: [...workflows.keys()] });
} catch (error) {
  outbox.post({ kind: "unusable", message: error instanceof Error ? error.message : String(error) });
}

function receive(
  workflows: ReadonlyMap<string, WorkflowDefinition>,
  message: ToThread,
  bytes: Uint8Array,
): void {
  switch (message.kind) {
    case "task":
      void answer(workflows, message.number, bytes);
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
  number: number,
  bytes: Uint8Array,
): Promise<void> {
  const parts = { cache, workflows, workflowLogger, madeBy };
  const outcome = await replayTask(parts, bytes, markTurns(marks, number)).catch(failedTask);
  if (outcome.kind === "completed") outbox.post({ kind: "completed", number }, outcome.completion);
  else outbox.post({ kind: "outcome", number, outcome });
}
