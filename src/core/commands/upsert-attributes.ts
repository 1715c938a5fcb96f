/** The commands that change what the run is found by and shown with. */
import type { UpsertMemoCommand, UpsertSearchAttributesCommand } from "../../../gen/pawl/v1/command_pb.js";
import { appendEvent } from "../draft.js";
import { checkMemo, checkSearchAttributes, mergeAttributes } from "../search-attributes.js";
import { type CommandScope, takeSeq } from "./scope.js";

/** Changes search attributes: those that are named, and no others. */
export function upsertSearchAttributes(
  scope: CommandScope,
  { searchAttributes }: UpsertSearchAttributesCommand,
): void {
  const { draft, field, completedEventId, meta } = scope;
  const { run, context } = draft;
  const seq = takeSeq(scope);
  checkSearchAttributes(searchAttributes, `${field}.search_attributes`, true);
  run.attributes = mergeAttributes(run.attributes, { searchAttributes, memo: {} }, field, context.limits);
  const value = { seq, searchAttributes, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "searchAttributesUpserted", value }, meta);
}

/** Changes entries of the memo: those that are named, and no others. */
export function upsertMemo(scope: CommandScope, { memo }: UpsertMemoCommand): void {
  const { draft, field, completedEventId, meta } = scope;
  const { run, context } = draft;
  const seq = takeSeq(scope);
  checkMemo(memo, `${field}.memo`, context.limits);
  run.attributes = mergeAttributes(run.attributes, { searchAttributes: {}, memo }, field, context.limits);
  const value = { seq, memo, taskCompletedEventId: completedEventId };
  appendEvent(draft, { case: "memoUpserted", value }, meta);
}
