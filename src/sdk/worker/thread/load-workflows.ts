/** The module of workflow code. */
import { isWorkflow, type WorkflowDefinition } from "../../workflow/workflow.js";

/** A module that no workflows can be taken from. */
export class WorkflowModuleError extends Error {
  override readonly name = "WorkflowModuleError";
}

/** Imports a module and takes the workflows that it exports, by type. Throws a WorkflowModuleError. */
export async function loadWorkflows(module: string): Promise<Map<string, WorkflowDefinition>> {
  const exported = await importModule(module);
  const workflows = new Map<string, WorkflowDefinition>();
  for (const [name, value] of Object.entries(exported)) {
    // The same one under two names is no contradiction.
    if (!isWorkflow(value) || workflows.get(value.type) === value) continue;
    if (workflows.has(value.type)) {
      throw new WorkflowModuleError(
        `${module} exports two workflows of type "${value.type}", the second as ${name}: a type must be told apart, so rename one`,
      );
    }
    workflows.set(value.type, value);
  }
  if (workflows.size > 0) return workflows;
  const names = Object.keys(exported);
  throw new WorkflowModuleError(
    `${module} exports no workflow, but ${names.length === 0 ? "nothing" : names.join(", ")}: export what workflow(name, code) returns`,
  );
}

async function importModule(module: string): Promise<Record<string, unknown>> {
  try {
    return await import(module);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (isMissing && "url" in error && error.url === module) {
      throw new WorkflowModuleError(
        `there is no workflow module ${module}: give workflows as new URL("./workflows.js", import.meta.url)`,
      );
    }
    throw new WorkflowModuleError(`the workflow module ${module} could not be loaded: ${why}`);
  }
}
