/**
 * Every kind of command: the events that it leaves behind the Completed of its task, and one that is refused. The type of the table sees to it that no
 * kind is forgotten.
 */
import { expect } from "vitest";
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import type { WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import { ParentClosePolicy } from "../../../gen/pawl/v1/workflow_pb.js";
import { UpdateStage } from "../../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, scheduleTimer } from "../../support/actor.js";
import { accepted } from "../accepted.js";
import type { Cases, RefusedCalls } from "../contract.js";
import { refusalOf } from "../refusal.js";
import { type CommandInit, json, type Scene, seconds } from "../scene.js";
import { completeTask } from "./calls.js";

type Kind = NonNullable<Command["kind"]["case"]>;
type CommandOf<K extends Kind> = Extract<NonNullable<CommandInit["kind"]>, { case: K }>["value"];

interface CommandContract<K extends Kind> {
  /** Brings the run "wf" to where the command makes sense, and takes its task. Left out: a run with nothing but its start. */
  readonly prepare?: (scene: Scene) => Promise<WorkflowTask>;
  readonly seq?: number;
  readonly command: CommandOf<K>;
  /** The events, as far as they matter. */
  readonly leaves: readonly { readonly case: string; readonly value?: object }[];
  /** Why such a command is invalid, and one that is. Left out where only its payload could be wrong. */
  readonly invalid?: readonly [string, CommandOf<K>];
}

const other = { workflowId: "other" };

/** Takes the next task of "wf", whose first one made some commands. */
async function afterCommands(scene: Scene, commands: CommandInit[]): Promise<WorkflowTask> {
  await scene.startWith("wf", commands);
  const { workflows, namespace } = scene;
  await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "go on" });
  return scene.takeTask();
}

/** Takes a task of "wf" that has an update to answer. */
async function withUpdate(scene: Scene): Promise<WorkflowTask> {
  await scene.start("wf");
  const { workflows, namespace } = scene;
  await workflows.updateWorkflow({
    ...{ namespace, workflowId: "wf", updateId: "u", name: "set", input: json("7") },
    waitStage: UpdateStage.ADMITTED,
  });
  return scene.takeTask();
}

/** Takes a task of "wf" that has accepted an update. */
async function withAcceptedUpdate(scene: Scene): Promise<WorkflowTask> {
  const task = await withUpdate(scene);
  await scene.complete(task, [{ kind: { case: "acceptUpdate", value: { updateId: "u" } } }]);
  const { workflows, namespace } = scene;
  await workflows.signalWorkflow({ namespace, workflowId: "wf", name: "go on" });
  return scene.takeTask();
}

const contracts: { readonly [K in Kind]: CommandContract<K> } = {
  scheduleActivity: {
    seq: 1,
    command: { activityType: "charge", input: json("7") },
    leaves: [
      {
        case: "activityScheduled",
        value: {
          ...{ seq: 1, activityId: "1", activityType: "charge", taskQueue: "default", input: json("7") },
          ...{ startToCloseTimeout: seconds(300), retryPolicy: { maximumAttempts: 3 }, priority: 3 },
        },
      },
    ],
    invalid: ["an activity has no type", { activityType: "" }],
  },
  cancelActivity: {
    prepare: (scene) => afterCommands(scene, [scheduleActivity(1)]),
    command: { activitySeq: 1 },
    leaves: [
      { case: "activityCancelRequested", value: { seq: 1 } },
      { case: "activityCancelled", value: { seq: 1 } },
    ],
    invalid: ["the run has made no command of this seq", { activitySeq: 99 }],
  },
  scheduleTimer: {
    seq: 1,
    command: { duration: seconds(60) },
    leaves: [{ case: "timerScheduled", value: { seq: 1, duration: seconds(60) } }],
    invalid: ["a timer has no duration", {}],
  },
  cancelTimer: {
    prepare: (scene) => afterCommands(scene, [scheduleTimer(1, 60)]),
    command: { timerSeq: 1 },
    leaves: [{ case: "timerCancelled", value: { seq: 1 } }],
    invalid: ["the run has made no command of this seq", { timerSeq: 99 }],
  },
  startChildWorkflow: {
    seq: 1,
    command: { spec: { workflowId: "child", workflowType: "parcel" } },
    leaves: [
      {
        case: "childWorkflowInitiated",
        value: {
          seq: 1,
          spec: { workflowId: "child" },
          parentClosePolicy: ParentClosePolicy.TERMINATE,
        },
      },
    ],
    invalid: ["a child has no type", { spec: { workflowId: "child" } }],
  },
  cancelChild: {
    prepare: (scene) =>
      afterCommands(scene, [
        {
          seq: 1,
          kind: {
            case: "startChildWorkflow",
            value: { spec: { workflowId: "child", workflowType: "parcel", taskQueue: "parcels" } },
          },
        },
      ]),
    seq: 2,
    command: { childSeq: 1, reason: "late" },
    leaves: [
      {
        case: "externalCancelInitiated",
        value: { seq: 2, target: { workflowId: "child" }, childOnly: true, reason: "late" },
      },
    ],
    invalid: ["the run has made no command of this seq", { childSeq: 99 }],
  },
  signalExternalWorkflow: {
    seq: 1,
    command: { target: other, name: "hurry", payload: json("1") },
    leaves: [
      {
        case: "externalSignalInitiated",
        value: { seq: 1, target: other, name: "hurry", payload: json("1") },
      },
    ],
    invalid: ["a signal has no name", { target: other }],
  },
  cancelExternalWorkflow: {
    seq: 1,
    command: { target: other, reason: "late" },
    leaves: [{ case: "externalCancelInitiated", value: { seq: 1, target: other, childOnly: false } }],
    invalid: ["no workflow is named", { target: {} }],
  },
  recordSideEffect: {
    seq: 1,
    command: { name: "dice", value: json("null") },
    leaves: [{ case: "sideEffectRecorded", value: { seq: 1, name: "dice", value: json("null") } }],
    invalid: ["there is no value", { name: "dice" }],
  },
  recordVersion: {
    seq: 1,
    command: { changeId: "new tax", version: 2 },
    leaves: [{ case: "versionRecorded", value: { seq: 1, changeId: "new tax", version: 2 } }],
    invalid: ["the change has no name", { version: 2 }],
  },
  recordLocalActivity: {
    seq: 1,
    command: { activityType: "round", outcome: { case: "result", value: json("8") }, attempts: 1 },
    leaves: [
      {
        case: "localActivityRecorded",
        value: {
          ...{ seq: 1, activityType: "round", attempts: 1 },
          outcome: { case: "result", value: json("8") },
        },
      },
    ],
    invalid: ["there is no outcome", { activityType: "round" }],
  },
  recordSnapshot: {
    seq: 1,
    command: { asOfEventId: 3, state: json('{"step":1}') },
    leaves: [{ case: "snapshotRecorded", value: { seq: 1, asOfEventId: 3 } }],
    invalid: ["it is of an event that is yet to come", { asOfEventId: 99, state: json("1") }],
  },
  upsertSearchAttributes: {
    seq: 1,
    command: { searchAttributes: { city: { value: { case: "keyword", value: "Rome" } } } },
    leaves: [
      {
        case: "searchAttributesUpserted",
        value: { seq: 1, searchAttributes: { city: { value: { case: "keyword", value: "Rome" } } } },
      },
    ],
    invalid: [
      "a number is not one",
      { searchAttributes: { total: { value: { case: "number", value: Number.NaN } } } },
    ],
  },
  upsertMemo: {
    seq: 1,
    command: { memo: { note: json('"gift"') } },
    leaves: [{ case: "memoUpserted", value: { seq: 1, memo: { note: json('"gift"') } } }],
    invalid: ["an entry has no name", { memo: { "": json("1") } }],
  },
  acceptUpdate: {
    prepare: withUpdate,
    command: { updateId: "u" },
    leaves: [{ case: "updateAccepted", value: { updateId: "u", name: "set", input: json("7") } }],
    invalid: ["the task has no such update", { updateId: "other" }],
  },
  rejectUpdate: {
    prepare: withUpdate,
    command: { updateId: "u", failure: { message: "too late" } },
    leaves: [],
    invalid: ["the task has no such update", { updateId: "other" }],
  },
  completeUpdate: {
    prepare: withAcceptedUpdate,
    command: { updateId: "u", outcome: { case: "result", value: json("8") } },
    leaves: [
      { case: "updateCompleted", value: { updateId: "u", outcome: { case: "result", value: json("8") } } },
    ],
    invalid: [
      "no such update was accepted",
      { updateId: "other", outcome: { case: "result", value: json("8") } },
    ],
  },
  continueAsNew: {
    command: { input: json("2") },
    leaves: [
      {
        case: "workflowContinuedAsNew",
        value: { workflowType: "order", taskQueue: "default", input: json("2") },
      },
    ],
    invalid: ["an event that it carries over is no signal", { carriedSignalEventIds: [1] }],
  },
  cancelWorkflow: {
    async prepare(scene) {
      await scene.startWith("wf", []);
      const { workflows, namespace } = scene;
      await workflows.cancelWorkflow({ namespace, workflowId: "wf" });
      return scene.takeTask();
    },
    command: { details: json('"bye"') },
    leaves: [{ case: "workflowCancelled", value: { details: json('"bye"') } }],
  },
  completeWorkflow: {
    command: { result: json("42") },
    leaves: [{ case: "workflowCompleted", value: { result: json("42") } }],
  },
  failWorkflow: {
    command: { failure: { message: "sold out" } },
    leaves: [{ case: "workflowFailed", value: { failure: { message: "sold out" }, nextRunId: "" } }],
    invalid: ["there is no failure", {}],
  },
};

const kinds = Object.keys(contracts) as Kind[];

/** The command of a kind as a case sends it. */
function commandOf<K extends Kind>(kind: K, value: CommandOf<K>, seq = 0): CommandInit {
  return { seq, kind: { case: kind, value } } as CommandInit;
}

/** The name of a kind as errors and readers have it. */
function nameOf(kind: Kind): string {
  return kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

async function startedTask(scene: Scene): Promise<WorkflowTask> {
  await scene.start("wf");
  return scene.takeTask();
}

/** The events behind the Completed of a task, which is the first. */
async function madeBy(scene: Scene, { runId, startedEventId }: WorkflowTask) {
  const [completed, ...made] = (await scene.events("wf", runId)).slice(startedEventId);
  expect(completed?.kind.case).toBe("workflowTaskCompleted");
  return { completed, made };
}

async function leavesItsEvents<K extends Kind>(scene: Scene, kind: K): Promise<void> {
  const { prepare = startedTask, seq, command, leaves }: CommandContract<K> = contracts[kind];
  const task = await prepare(scene);
  await accepted(completeTask(scene, task, [commandOf(kind, command, seq)]));
  const { completed, made } = await madeBy(scene, task);
  if (leaves.length === 0) expect(made).toEqual([]);
  else expect(made[0]?.kind.value).toMatchObject({ taskCompletedEventId: completed?.eventId });
  expect(made.slice(0, leaves.length).map(({ kind }) => kind)).toMatchObject(leaves);
}

/** The invalid command behind a good one: neither leaves anything, and the refusal names it. */
async function refusesInvalid<K extends Kind>(
  scene: Scene,
  kind: K,
  command: CommandOf<K>,
): Promise<unknown> {
  const { prepare = startedTask }: CommandContract<K> = contracts[kind];
  const task = await prepare(scene);
  const before = await scene.events("wf");
  const good = commandOf("recordVersion", { changeId: "before it", version: 1 }, 50);
  const call = completeTask(scene, task, [good, commandOf(kind, command, 51)]);
  const { metadata } = await refusalOf(call);
  expect(metadata).toMatchObject({ command_index: "1", command: nameOf(kind) });
  expect(await scene.events("wf")).toEqual(before);
  return call;
}

/** A case for each kind of command. */
export const commandCases: Cases = Object.fromEntries(
  kinds.map((kind) => {
    const events = contracts[kind].leaves.map((event) => event.case).join(", ") || "no event";
    return [`the command ${nameOf(kind)} leaves ${events}`, (scene: Scene) => leavesItsEvents(scene, kind)];
  }),
);

/** A refusal for each kind of command that can be invalid. */
export const invalidCommands: RefusedCalls = Object.fromEntries(
  kinds.flatMap((kind) => {
    const { invalid } = contracts[kind];
    if (invalid === undefined) return [];
    const [why, command] = invalid;
    return [[`${nameOf(kind)}: ${why}`, (scene: Scene) => refusesInvalid(scene, kind, command)]];
  }),
);
