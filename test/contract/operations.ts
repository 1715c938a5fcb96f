/** All operations whose contract is tested, in the order of docs/operations.md. */
import { getActivity } from "./activities/get-activity.js";
import { scheduleActivity } from "./activities/schedule-activity.js";
import type { OperationContract } from "./contract.js";
import { createSnapshot } from "./workflow-tasks/create-snapshot.js";
import { getLatestSnapshot } from "./workflow-tasks/get-latest-snapshot.js";
import { recordSideEffect } from "./workflow-tasks/record-side-effect.js";
import { scheduleTimer } from "./workflow-tasks/schedule-timer.js";
import { completeWorkflow } from "./workflows/complete-workflow.js";
import { continueAsNew } from "./workflows/continue-as-new.js";
import { failWorkflow } from "./workflows/fail-workflow.js";
import { finaliseCancellation } from "./workflows/finalise-cancellation.js";
import { startChildWorkflow } from "./workflows/start-child-workflow.js";
import { startWorkflow } from "./workflows/start-workflow.js";
import { upsertSearchAttributes } from "./workflows/upsert-search-attributes.js";

export const operations: readonly OperationContract[] = [
  startWorkflow,
  upsertSearchAttributes,
  completeWorkflow,
  failWorkflow,
  finaliseCancellation,
  continueAsNew,
  startChildWorkflow,
  scheduleActivity,
  getActivity,
  scheduleTimer,
  recordSideEffect,
  createSnapshot,
  getLatestSnapshot,
];
