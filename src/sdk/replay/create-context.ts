/** The context of workflow code: every method turns into commands and waits. */
import type { Duration } from "../duration.js";
import type { SearchAttributeChanges } from "../search-attributes.js";
import type { ActivityImplementations } from "../workflow/activities.js";
import type { ChildOptions } from "../workflow/child.js";
import type { WorkflowContext } from "../workflow/context.js";
import { nameOf, type QueryDefinition, type SignalDefinition } from "../workflow/definitions.js";
import type { LocalOptions, LocalStepContext } from "../workflow/local.js";
import type { ActivityOptions, ContinueAsNewOptions } from "../workflow/options.js";
import type { CancelScope } from "../workflow/scope.js";
import type { SignalOptions } from "../workflow/signal-channel.js";
import type { WorkflowDefinition } from "../workflow/workflow.js";
import { activityCalls, callActivity } from "./activities.js";
import { upsertAttributes, upsertMemo } from "./attributes.js";
import { handleOf, runChild, startChild } from "./children.js";
import { timeOf } from "./command-log.js";
import { waitForCondition } from "./conditions.js";
import { continueAsNew } from "./continue-as-new.js";
import { describeRun } from "./describe-run.js";
import { externalHandle } from "./external.js";
import { callLocal } from "./local-steps.js";
import { isPatched, passPatch } from "./patches.js";
import { handleQuery, type QueryHandler } from "./queries.js";
import { uuidFrom } from "./random.js";
import type { RunParts } from "./run-parts.js";
import { runInScope, runShielded, runWithin, untilTime } from "./scopes.js";
import { recordSideEffect } from "./side-effects.js";
import { handleSignals, takeSignal } from "./signal-methods.js";
import { sleep } from "./timers.js";
import { handleUpdate, type UpdateHandler } from "./updates.js";
import { requestedFailure } from "./waits.js";

/** Makes the context of a run. */
export function createContext(parts: RunParts): WorkflowContext {
  // Getters stay what they are only on the object that has them; so the methods come to it.
  return Object.assign(
    state(parts),
    work(parts),
    others(parts),
    scopes(parts),
    messages(parts),
    recorded(parts),
  );
}

function state(parts: RunParts) {
  const { log, waits, handlerRuns } = parts;
  return {
    log: parts.logger,
    get info() {
      return describeRun(parts);
    },
    get isReplaying() {
      return log.turn.recorded !== undefined;
    },
    get isCancelRequested() {
      return waits.isCancelRequested;
    },
    get cancelReason() {
      return waits.cancelReason;
    },
    get areHandlersDone() {
      return handlerRuns.count === 0;
    },
    throwIfCancelled() {
      if (waits.isCancelRequested) throw requestedFailure(waits.cancelReason);
    },
  };
}

function work(parts: RunParts) {
  return {
    activity: <T>(type: string, input?: unknown, options: ActivityOptions = {}) =>
      callActivity(parts, type, input, options) as Promise<T>,
    activities: <A extends ActivityImplementations>(options: ActivityOptions = {}) =>
      activityCalls<A>((type, input) => callActivity(parts, type, input, options)),
    local: <T>(name: string, work: (step: LocalStepContext) => T | Promise<T>, options: LocalOptions = {}) =>
      callLocal(parts, name, work, options) as Promise<T>,
    sleep: ((duration, options = {}) => sleep(parts, duration, options)) as WorkflowContext["sleep"],
    // A function that throws at once rejects, as one that throws later does.
    condition: (async (predicate, options = {}) =>
      waitForCondition(parts, predicate, options)) as WorkflowContext["condition"],
  };
}

function others(parts: RunParts) {
  return {
    child: ((workflow: WorkflowDefinition<never> | string, input?: unknown, options: ChildOptions = {}) =>
      runChild(parts, workflow, input, options)) as WorkflowContext["child"],
    startChild: ((
      workflow: WorkflowDefinition<never> | string,
      input?: unknown,
      options: ChildOptions = {},
    ) => startChild(parts, workflow, input, options)) as WorkflowContext["startChild"],
    // All that there are before the code begins.
    keptChildren: [...parts.children.values()].map((child) => handleOf(parts, child)),
    external: (workflowId: string, runId?: string) => externalHandle(parts, workflowId, runId),
  };
}

function scopes(parts: RunParts) {
  return {
    scope: <T>(code: (scope: CancelScope) => Promise<T>) => runInScope(code),
    shield: <T>(code: () => Promise<T>) => runShielded(code),
    timeout: <T>(limit: Duration | Date, code: () => Promise<T>) => {
      const ms = limit instanceof Date ? untilTime(timeOf(parts.log), limit) : limit;
      return runWithin(parts, ms, code);
    },
  };
}

function messages(parts: RunParts) {
  return {
    signal: <T>(signal: SignalDefinition<T> | string) => ({
      next: (options?: SignalOptions) => takeSignal(parts, nameOf(signal), options) as Promise<T | undefined>,
      tryNext: () => {
        const kept = parts.signals.takeKept(nameOf(signal));
        return kept && ((kept.value ?? null) as T);
      },
    }),
    waitForSignal: <T>(signal: SignalDefinition<T> | string, options?: SignalOptions) =>
      takeSignal(parts, nameOf(signal), options) as Promise<T | undefined>,
    onSignal: ((signal, handler) => handleSignals(parts, signal, handler)) as WorkflowContext["onSignal"],
    onQuery: <R, A>(query: QueryDefinition<R, A> | string, handler: (input: A) => R) =>
      handleQuery(parts, nameOf(query), handler as QueryHandler),
    onUpdate: ((update, handler, options = {}) =>
      handleUpdate(parts, nameOf(update), {
        handle: handler as UpdateHandler["handle"],
        validate: (input) => options.validate?.(input as never),
      })) as WorkflowContext["onUpdate"],
  };
}

function recorded(parts: RunParts) {
  const { log, random } = parts;
  return {
    continueAsNew: (input?: unknown, options: ContinueAsNewOptions = {}) =>
      continueAsNew(parts, input, options),
    patched: (id: string) => isPatched(parts, id),
    deprecatePatch: (id: string) => passPatch(parts, id),
    upsertSearchAttributes: (changes: SearchAttributeChanges) => upsertAttributes(parts, changes),
    upsertMemo: (changes: Readonly<Record<string, unknown>>) => upsertMemo(parts, changes),
    sideEffect: <T>(name: string, make: () => T) => recordSideEffect(log, name, make) as T,
    now: () => timeOf(log),
    random,
    uuid: () => uuidFrom(random),
  };
}
