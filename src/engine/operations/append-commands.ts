/** Commands that are sent ahead of their task's completion. */
import { toBinary } from "@bufbuild/protobuf";
import { type Command, CommandSchema } from "../../../gen/pawl/v1/command_pb.js";
import type { AppendCommandsRequest } from "../../../gen/pawl/v1/worker_service_pb.js";
import { checkAppend, appendCommands as decideAppend } from "../../core/append-commands.js";
import type { RunState } from "../../core/run-state.js";
import { readCommands, removeCommands, storeCommands } from "../../store/appended-commands.js";
import { onRun } from "../commit/operation.js";
import type { Call } from "../engine.js";
import type { EngineParts } from "../parts.js";
import { findRun } from "../reads/find-run.js";
import type { WorkflowTaskToken } from "../task-token.js";
import { readWorkflowToken } from "./read-token.js";
import { target } from "./workflow-tasks.js";

/** Keeps commands with their task. They are stored first and counted then: what is not counted is as if it had never come. */
export async function appendCommands(parts: EngineParts, request: AppendCommandsRequest, _call: Call) {
  const { offset, commands } = request;
  const fence = await readWorkflowToken(parts, request.namespace, request.taskToken);
  const bytes = commands.reduce((sum, command) => sum + toBinary(CommandSchema, command).length, 0);
  const input = { fence, offset, count: commands.length, bytes };
  checkAppend(await findRun(parts, fence), input);
  await storeCommands(parts.database.read, fence, offset, commands);
  const count = await parts.commit.submit(
    onRun({ bytes: 500, decide: (run, context) => decideAppend(run, input, context), ...target(fence) }),
  );
  return { count };
}

/** Commands that are missing when a completion is decided: they were sent ahead, and have to be read first. */
export class AppendedCommandsNeeded extends Error {
  constructor(readonly count: number) {
    super(`${count} commands were sent ahead`);
  }
}

/** Throws if a task has other commands sent ahead than are known. */
export function requireAppended(
  { workflowTask }: RunState,
  fence: WorkflowTaskToken,
  known: readonly Command[],
): void {
  const count =
    workflowTask?.lease?.epoch === fence.epoch ? (workflowTask.appended?.count ?? 0) : known.length;
  if (count !== known.length) throw new AppendedCommandsNeeded(count);
}

/** Does what needs the commands that were sent ahead: without them at first, since a task hardly ever has any. */
export async function withAppended<T>(
  parts: EngineParts,
  fence: WorkflowTaskToken,
  work: (appended: readonly Command[]) => Promise<T>,
): Promise<T> {
  try {
    return await work([]);
  } catch (error) {
    if (!(error instanceof AppendedCommandsNeeded)) throw error;
    const done = await work(await readCommands(parts.database.read, fence, error.count));
    await removeCommands(parts.database.read, fence);
    return done;
  }
}
