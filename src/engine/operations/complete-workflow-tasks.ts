/** Workers finish workflow tasks, and may take what comes of them in the answer. */
import { fromBinary } from "@bufbuild/protobuf";
import type { Command } from "../../../gen/pawl/v1/command_pb.js";
import {
  ActivityTaskSchema,
  type WorkflowTaskCompletion,
  WorkflowTaskSchema,
} from "../../../gen/pawl/v1/task_pb.js";
import { type WorkerSpec, WorkerSpecSchema } from "../../../gen/pawl/v1/worker_pb.js";
import type { CompleteWorkflowTasksRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import { completeWorkflowTask as decideComplete } from "../../core/complete-workflow-task.js";
import type { Taker } from "../../core/draft.js";
import { RefusedError } from "../../core/errors.js";
import type { HandedTask } from "../../core/transition.js";
import { onRun } from "../commit/operation.js";
import { buildActivityTask, buildWorkflowTask } from "../deliver.js";
import type { GivenTask } from "../dispatch/task-queue.js";
import type { Call } from "../engine.js";
import { estimateBytes } from "../estimate-bytes.js";
import { accepted } from "../outcome-error.js";
import type { EngineParts } from "../parts.js";
import { findRun } from "../reads/find-run.js";
import type { WorkflowTaskToken } from "../task-token.js";
import { requireAppended, withAppended } from "./append-commands.js";
import { deliver } from "./polls.js";
import { prepareCommands } from "./prepare-commands.js";
import { checkAnswers } from "./query-workflow.js";
import { readWorkflowToken } from "./read-token.js";
import { target } from "./workflow-tasks.js";

/** A worker that did not register may start so many activities in the answer to one call. */
const anonymousRoom = 3;
/** What next tasks may take of a response, in bytes; activities have the rest. */
const nextTasksShare = 0.5;

/** What a worker may be given in the answer. */
interface Room {
  readonly takesNextTasks: boolean;
  /** How many more activities; counted down as completions ask for them. */
  activities: number;
  /** What the worker registered. Undefined: it is anonymous. */
  readonly spec: WorkerSpec | undefined;
}

/** Finishes workflow tasks, with an outcome each. */
export async function completeWorkflowTasks(
  parts: EngineParts,
  request: CompleteWorkflowTasksRequest,
  call: Call,
) {
  const room = await roomOf(parts, request);
  const given: { readonly token: WorkflowTaskToken; readonly tasks: readonly HandedTask[] }[] = [];
  const outcomes = await Promise.all(
    request.completions.map((completion) =>
      accepted(async () => {
        const { token, alreadyApplied, tasks } = await complete(parts, request, call, completion, room);
        if (tasks.length > 0) given.push({ token, tasks });
        return { alreadyApplied };
      }),
    ),
  );
  if (given.length === 0) return { outcomes };
  const found = (await Promise.all(given.map(({ token, tasks }) => findGiven(parts, token, tasks)))).flat();
  return { outcomes, ...(await deliverAll(parts, request, call, found)) };
}

async function complete(
  parts: EngineParts,
  request: CompleteWorkflowTasksRequest,
  { principal }: Call,
  completion: WorkflowTaskCompletion,
  room: Room,
) {
  const { workerId, identity } = request;
  const token = await readWorkflowToken(parts, request.namespace, completion.taskToken);
  const answers = checkAnswers(completion.queryAnswers, "query_answers", parts);
  const caller = { identity, principal };
  const taker = takerOf(token, { workerId, ...caller }, completion.commands, room);
  const { alreadyApplied, refusal, given } = await withAppended(parts, token, async (appended) => {
    const commands = [...appended, ...completion.commands];
    const events = await prepareCommands(parts, token, commands);
    const whole = appended.length === 0 ? completion : { ...completion, commands };
    const input = { fence: token, completion: whole, caller, workerId, isCaching: workerId !== "", events };
    return parts.commit.submit(
      onRun({
        bytes: estimateBytes(whole) + 500,
        decide(run, context) {
          requireAppended(run, token, appended);
          return decideComplete(run, { ...input, ...(taker && { taker }) }, context);
        },
        ...target(token),
      }),
    );
  });
  if (refusal !== undefined) throw refusal;
  if (answers.length > 0) await parts.queries.answer(token.namespaceId, answers);
  return { token, alreadyApplied, tasks: given };
}

/** What the worker may be given: nothing if it drains or is not known. */
async function roomOf(parts: EngineParts, request: CompleteWorkflowTasksRequest): Promise<Room> {
  const { workerId, completions, returnNextTasks: takesNextTasks } = request;
  const wantsActivities = completions.some(({ commands }) => commands.some(isEager));
  if (!takesNextTasks && !wantsActivities) return { takesNextTasks: false, activities: 0, spec: undefined };
  if (workerId === "") return { takesNextTasks, activities: anonymousRoom, spec: undefined };
  try {
    const { namespaceId } = await parts.namespaces.find(request.namespace);
    const worker = await parts.workers.findPolling({ namespaceId, workerId });
    const spec = fromBinary(WorkerSpecSchema, worker.spec);
    return { takesNextTasks, activities: Math.max(0, spec.activitySlots - worker.activityTasks), spec };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { takesNextTasks: false, activities: 0, spec: undefined };
  }
}

/** The worker as one that takes tasks. Its poll id is made of the task that it finishes, so that a repeat of the call is given the same. */
function takerOf(
  { runId, epoch }: WorkflowTaskToken,
  worker: { readonly identity: string; readonly principal: string; readonly workerId: string },
  commands: readonly Command[],
  room: Room,
): Taker | undefined {
  const eagerSeqs = new Set<number>();
  for (const command of commands) {
    if (room.activities === 0 || !isEager(command) || !isHandled(room, command)) continue;
    room.activities -= 1;
    eagerSeqs.add(command.seq);
  }
  if (!room.takesNextTasks && eagerSeqs.size === 0) return undefined;
  const poller = { pollId: `answer to ${runId} ${epoch}`, isCaching: worker.workerId !== "", ...worker };
  return { poller, takesNextTask: room.takesNextTasks, eagerSeqs };
}

function isEager({ kind }: Command): boolean {
  return kind.case === "scheduleActivity" && kind.value.requestEagerStart;
}

/** Whether the worker said that it handles an activity, where it said anything. Without a queue of its own an activity is on that of the run, whose task it had. */
function isHandled({ spec }: Room, { kind }: Command): boolean {
  if (spec === undefined || kind.case !== "scheduleActivity") return true;
  const { activityTypes, taskQueues } = spec;
  const { activityType, taskQueue } = kind.value;
  const isOfType = activityTypes.length === 0 || activityTypes.includes(activityType);
  return isOfType && (taskQueue === "" || taskQueues.includes(taskQueue));
}

interface FoundTask extends GivenTask {
  readonly kind: HandedTask["kind"];
}

/** The tasks with their run as it is: cached since the commit, as a rule. */
async function findGiven(
  parts: EngineParts,
  { namespaceId, workflowId, runId }: WorkflowTaskToken,
  tasks: readonly HandedTask[],
): Promise<FoundTask[]> {
  const cached = parts.cache.get(namespaceId, workflowId)?.run;
  const run = cached?.runId === runId ? cached : await findRun(parts, { namespaceId, workflowId, runId });
  return tasks.map(({ kind, seq, epoch }) => ({ kind, run, seq, epoch }));
}

async function deliverAll(
  parts: EngineParts,
  { workerId }: CompleteWorkflowTasksRequest,
  { signal }: Call,
  found: readonly FoundTask[],
) {
  const recipient = { workerId, isCaching: workerId !== "" };
  const next = found.filter(({ kind }) => kind === "workflow");
  const maxBytes = Math.floor((parts.maxRequestBytes * nextTasksShare) / Math.max(1, next.length));
  const [nextTasks, activityTasks] = await Promise.all([
    deliver(parts, next, {
      kind: "workflow",
      schema: WorkflowTaskSchema,
      build: (task) => buildWorkflowTask(parts, task, recipient, maxBytes),
      signal,
    }),
    deliver(
      parts,
      found.filter(({ kind }) => kind === "activity"),
      {
        kind: "activity",
        schema: ActivityTaskSchema,
        build: (task) => buildActivityTask(parts, task),
        signal,
      },
    ),
  ]);
  return { nextTasks: [...nextTasks.answer], activityTasks: [...activityTasks.answer] };
}
