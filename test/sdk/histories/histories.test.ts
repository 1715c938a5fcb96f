import { describe, expect, test } from "vitest";
import { type HistoryEvent, HistoryEventSchema } from "../../../gen/pawl/v1/event_pb.js";
import { createExecution } from "../../../src/sdk/replay/execution.js";
import { replayHistory } from "../../../src/sdk/replay/replay-history.js";
import { stepOfCommand, stepOfEvent } from "../../../src/sdk/replay/step.js";
import { splitTurns } from "../../../src/sdk/replay/turns.js";
import type { WorkflowDefinition } from "../../../src/sdk/workflow/index.js";
import { readHistories } from "./files.js";
import * as code from "./workflows.js";

const histories = readHistories();
const closesByCode = new Set<string | undefined>([
  "workflowCompleted",
  "workflowFailed",
  "workflowCancelled",
  "workflowContinuedAsNew",
]);

function definitionOf([first]: readonly HistoryEvent[]): WorkflowDefinition {
  const type = first?.kind.case === "workflowStarted" ? first.kind.value.workflowType : "";
  const found = Object.values(code).find((one) => "type" in one && one.type === type);
  if (found === undefined) throw new Error(`there is no workflow of type ${type}`);
  return found as WorkflowDefinition;
}

/** The id of the WorkflowTaskCompleted that an event was written with; 0 for what came from elsewhere. */
function batchOf({ eventId, kind }: HistoryEvent): number {
  if (kind.case === "workflowTaskCompleted") return eventId;
  return kind.value !== undefined && "taskCompletedEventId" in kind.value
    ? kind.value.taskCompletedEventId
    : 0;
}

/** How many events there are wherever a history can have ended for a while: what a task did is written at once. */
function cutsOf(events: readonly HistoryEvent[]): number[] {
  return events.flatMap((event, index) => {
    const next = events[index + 1];
    const isWithin = next !== undefined && batchOf(next) !== 0 && batchOf(next) === batchOf(event);
    return isWithin ? [] : [index + 1];
  });
}

describe.each(histories)("the recorded history %s", (_, events) => {
  const definition = definitionOf(events);

  const isClosed = closesByCode.has(events.at(-1)?.kind.case);

  test("replays to its end", async () => {
    expect(await replayHistory(definition, events)).toMatchObject({ kind: "completed", isClosed });
  });

  test("cut at every event, replays so far, makes the same commands next and goes on to its end", async () => {
    const cuts = cutsOf(events);
    expect(cuts.length).toBeGreaterThanOrEqual(4);
    for (const cut of cuts) {
      const execution = createExecution(definition);
      const result = await execution.advance(splitTurns(events.slice(0, cut), 0));
      expect(result, `the first ${cut} events`).toMatchObject({ kind: "completed" });
      if (result.kind !== "completed") continue;
      const recorded = events.filter((event) => event.eventId > cut + 1 && batchOf(event) === cut + 1);
      if (events[cut - 1]?.kind.case === "workflowTaskStarted") {
        // What a task did that was lost is not gone on from; and updates come with their task, not from history.
        if (events[cut]?.kind.case !== "workflowTaskCompleted") continue;
        if (recorded.some(({ kind }) => kind.case === "updateAccepted")) continue;
        // Recorded by the code before.
        if (definition === code.deprecates) continue;
        expect(result.commands.map(stepOfCommand), `of event ${cut + 1}`).toEqual(recorded.map(stepOfEvent));
      }
      const rest = splitTurns(events.slice(execution.position), execution.position);
      expect(await execution.advance(rest), `the rest behind ${cut}`).toMatchObject({ isClosed });
    }
  });
});

test("the histories have every event that workflow code can cause or hear of", () => {
  const notOfCode = new Set(["workflowTaskTimedOut", "snapshotRecorded"]);
  const seen = new Set(histories.flatMap(([, events]) => events.map((event) => event.kind.case as string)));
  const all = HistoryEventSchema.oneofs[0]?.fields.map((field) => field.localName) ?? [];
  expect(all.length).toBeGreaterThan(40);
  expect(all.filter((name) => !seen.has(name) && !notOfCode.has(name))).toEqual([]);
});

test.each(histories)("the code of %s, changed, does not replay", async (_, events) => {
  const { type } = definitionOf(events);
  const other = { ...definitionOf(events), type, run: async () => "something else" };
  const result = await replayHistory(other as WorkflowDefinition, events);
  expect(result).toMatchObject({ kind: "failed" });
});
