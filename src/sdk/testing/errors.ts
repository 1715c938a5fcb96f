/** What goes wrong in an environment, told to the test. */

/** Nothing will ever happen that the test waits for. */
export class DeadlockError extends Error {
  override readonly name = "DeadlockError";
}

/** Workflow code that can't go on: it has a bug, or does not replay as it ran. On a server the run would wait until the code is put right. */
export class WorkflowTaskFailedError extends Error {
  override readonly name = "WorkflowTaskFailedError";
  readonly workflowType: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Whether the code did something else when it ran again. */
  readonly isNonDeterminism: boolean;

  constructor(
    run: { readonly workflowType: string; readonly workflowId: string; readonly runId: string },
    isNonDeterminism: boolean,
    cause: Error,
  ) {
    super(`workflow ${run.workflowType} "${run.workflowId}" can't go on: ${cause.message}`, { cause });
    this.workflowType = run.workflowType;
    this.workflowId = run.workflowId;
    this.runId = run.runId;
    this.isNonDeterminism = isNonDeterminism;
  }
}

/** The test does something that the environment has no code for, or can't do. */
export class TestSetupError extends Error {
  override readonly name = "TestSetupError";
}
