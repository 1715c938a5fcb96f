/** All operations whose contract is tested, in the order of docs/operations.md. */
import type { OperationContract } from "./contract.js";
import { startWorkflow } from "./workflows/start-workflow.js";

export const operations: readonly OperationContract[] = [startWorkflow];
