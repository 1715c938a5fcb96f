/** The decisions of one batch about one workflow id, folded into one unit. */
import type { Message, Pointer, Workflow } from "../../core/run-state.js";
import type { HandedTask, RecordedEvent, RunStep, WorkflowTransition } from "../../core/transition.js";
import type { ScheduleStep, Unit } from "../../store/unit.js";

/** A unit that is being decided. */
export interface UnitDraft {
  /** What its operations are known by in the queue. */
  readonly key: string;
  /** The state that it began with. */
  readonly base: Workflow;
  /** The state after the decisions so far. */
  current: Workflow;
  /** Whether `base` was loaded after its operations had arrived. */
  readonly isFresh: boolean;
  readonly steps: Map<string, RunStep>;
  readonly handed: HandedTask[];
  readonly messages: Message[];
  readonly delivered: Message[];
  /** The polls that were reserved for these decisions, once for each task. One that claimed a task is reserved by its claim, not here. */
  readonly reserved: string[];
  /** The step of a schedule. */
  schedule: ScheduleStep | undefined;
}

/** Begins a unit. */
export function beginUnit(base: Workflow, isFresh: boolean, key: string): UnitDraft {
  return {
    key,
    base,
    current: base,
    isFresh,
    steps: new Map(),
    handed: [],
    messages: [],
    delivered: [],
    reserved: [],
    schedule: undefined,
  };
}

/** Whether anything was decided that has to be written. */
export function hasChanges(draft: UnitDraft): boolean {
  return draft.current !== draft.base;
}

/** Folds one more decision in. Answers whether it changes anything. */
export function foldTransition(draft: UnitDraft, transition: WorkflowTransition<unknown>): boolean {
  const { runs, pointer: moved, messages, delivered = [] } = transition;
  if (runs.length + messages.length + delivered.length === 0 && moved === undefined) return false;
  for (const step of runs) {
    const earlier = draft.steps.get(step.after.runId);
    draft.steps.set(step.after.runId, earlier === undefined ? step : joinSteps(earlier, step));
  }
  const pointer = moved ?? draft.current.pointer;
  const step = pointer === undefined ? undefined : draft.steps.get(pointer.runId);
  draft.current = { ...draft.current, pointer, run: step?.after ?? draft.current.run };
  draft.handed.push(...transition.handed);
  draft.messages.push(...messages);
  draft.delivered.push(...delivered);
  return true;
}

/** The unit to be written, with the versions that its runs will have, and the state as it will be. */
export function finishUnit(draft: UnitDraft): {
  unit: Unit;
  after: Workflow;
  newEvents: readonly RecordedEvent[];
} {
  const runs = [...draft.steps.values()].map(withNextVersion);
  const currentStep = runs.find((step) => step.after.runId === draft.current.run?.runId);
  const after = currentStep === undefined ? draft.current : { ...draft.current, run: currentStep.after };
  const { namespaceId, workflowId, pointer } = draft.base;
  const { messages, delivered, schedule } = draft;
  const move = pointerMove(pointer, draft.current.pointer);
  const unit: Unit = { namespaceId, workflowId, pointer: move, runs, messages, delivered, schedule };
  return { unit, after, newEvents: currentStep?.events ?? [] };
}

function joinSteps(earlier: RunStep, later: RunStep): RunStep {
  return { ...earlier, after: later.after, events: [...earlier.events, ...later.events] };
}

function withNextVersion(step: RunStep): RunStep {
  const version = (step.before?.version ?? 0) + 1;
  return { ...step, after: { ...step.after, version } };
}

function pointerMove(before: Pointer | undefined, after: Pointer | undefined): Unit["pointer"] {
  if (after === undefined || after === before) return undefined;
  return { expected: before?.runId, next: after };
}
