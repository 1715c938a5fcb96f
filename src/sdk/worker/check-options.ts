/** Options that can't be meant. */
import { isWorkflow } from "../workflow/workflow.js";
import type { WorkerOptions } from "./worker.js";

/** The numbers among the options, with the least that each may be. */
const least = {
  workflowSlots: 0,
  activitySlots: 0,
  pollers: 1,
  cachedRuns: 0,
  cacheMegabytes: 1,
  workflowThreads: 1,
  turnLimitMs: 1,
  drainMs: 0,
} as const;

/** Throws a RangeError or TypeError that names the option and what to give. */
export function checkOptions(options: WorkerOptions): void {
  for (const [name, from] of Object.entries(least)) {
    const value: unknown = options[name as keyof typeof least];
    if (value === undefined || (Number.isInteger(value) && Number(value) >= from)) continue;
    const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
    throw new RangeError(`${name} is a whole number from ${from}, not ${shown}`);
  }
  for (const [type, activity] of Object.entries(options.activities ?? {})) {
    if (typeof activity !== "function")
      throw new TypeError(`activities has "${type}", which is no function: leave it out`);
  }
  if (Array.isArray(options.workflows)) checkWorkflows(options.workflows);
}

function checkWorkflows(workflows: readonly unknown[]): void {
  const byType = new Map<string, unknown>();
  for (const [index, workflow] of workflows.entries()) {
    if (!isWorkflow(workflow))
      throw new TypeError(`workflows[${index}] is no workflow: give what workflow(name, code) returns`);
    const { type } = workflow;
    // The same one twice is no contradiction.
    if ((byType.get(type) ?? workflow) !== workflow)
      throw new RangeError(`workflows has two of type "${type}": a type must be told apart, so rename one`);
    byType.set(type, workflow);
  }
}
