/** Which runs a filter means. */
import type {
  SearchAttributeFilter,
  SearchAttributeValue,
} from "../../../gen/pawl/v1/search_attribute_pb.js";
import type { WorkflowFilter } from "../../../gen/pawl/v1/workflow_service_pb.js";
import type { RunState } from "../../core/run-state.js";
import { microsOf } from "../../core/time.js";

/** Whether a filter means a run. */
export function isMeant(run: RunState, filter: WorkflowFilter): boolean {
  const { statuses, workflowType, workflowIdPrefix, startTimeFrom, startTimeTo, searchAttributes } = filter;
  return (
    (statuses.length === 0 || statuses.includes(run.status)) &&
    (workflowType === "" || run.workflowType === workflowType) &&
    run.workflowId.startsWith(workflowIdPrefix) &&
    (startTimeFrom === undefined || run.startedAt >= microsOf(startTimeFrom)) &&
    (startTimeTo === undefined || run.startedAt < microsOf(startTimeTo)) &&
    searchAttributes.every((attribute) => isMet(run, attribute))
  );
}

function isMet(run: RunState, { name, condition }: SearchAttributeFilter): boolean {
  const found = comparable(run.attributes?.searchAttributes[name]);
  if (found === undefined || condition.case === undefined) return false;
  if (condition.case === "equals") {
    const wanted = comparable(condition.value);
    return found.type === wanted?.type && found.value === wanted.value;
  }
  const from = comparable(condition.value.from);
  const to = comparable(condition.value.to);
  if (found.type !== (from ?? to)?.type) return false;
  return (from === undefined || found.value >= from.value) && (to === undefined || found.value < to.value);
}

/** A value by its type, as something that can be compared within it. */
function comparable(attribute: SearchAttributeValue | undefined) {
  const { value } = attribute ?? {};
  if (value?.case === undefined) return undefined;
  const comparable = value.case === "time" ? microsOf(value.value) : value.value;
  return { type: value.case, value: comparable };
}
