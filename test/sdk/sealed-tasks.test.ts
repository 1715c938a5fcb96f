import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { WorkflowTaskCompletionSchema, WorkflowTaskSchema } from "../../gen/pawl/v1/task_pb.js";
import {
  CompleteWorkflowTasksRequestSchema,
  PollWorkflowTasksResponseSchema,
} from "../../gen/pawl/v1/worker_service_pb.js";
import { SealedTaskService, sealTask } from "../../src/sdk/worker/sealed-tasks.js";

const { pollWorkflowTasks, completeWorkflowTasks } = SealedTaskService.method;
const tasks = ["first", "second"].map((workflowId) =>
  create(WorkflowTaskSchema, {
    taskToken: new TextEncoder().encode(`token of ${workflowId}`),
    workflowId,
    runId: "run-1",
    workflowType: "Echo",
    attempt: 2,
    startTime: timestampFromMs(1_000),
    deadlineTime: timestampFromMs(11_000),
    nextPageToken: "page-2",
    isQueryOnly: true,
    history: [{ eventId: 1 }, { eventId: 2 }],
  }),
);

test("each task of a poll's answer is sealed whole, and what a worker needs of it can be read", () => {
  const answer = toBinary(
    PollWorkflowTasksResponseSchema,
    create(PollWorkflowTasksResponseSchema, { tasks }),
  );
  const sealed = fromBinary(pollWorkflowTasks.output, answer).tasks.map(sealTask);
  expect(sealed.map(({ bytes }) => fromBinary(WorkflowTaskSchema, bytes))).toEqual(tasks);
  for (const [index, task] of tasks.entries()) {
    expect(sealed[index]).toMatchObject({
      taskToken: task.taskToken,
      workflowId: task.workflowId,
      runId: "run-1",
      workflowType: "Echo",
      attempt: 2,
      startTime: task.startTime,
      deadlineTime: task.deadlineTime,
      nextPageToken: "page-2",
      isQueryOnly: true,
    });
    expect(sealed[index]).not.toHaveProperty("history");
  }
});

test("completions that are sent sealed arrive as they were", () => {
  const completions = tasks.map(({ taskToken }) =>
    create(WorkflowTaskCompletionSchema, { taskToken, sdk: "test", commands: [{ seq: 1 }] }),
  );
  const sealed = create(completeWorkflowTasks.input, {
    workerId: "w",
    completions: completions.map((completion) => toBinary(WorkflowTaskCompletionSchema, completion)),
  });
  const bytes = toBinary(completeWorkflowTasks.input, sealed);
  expect(fromBinary(CompleteWorkflowTasksRequestSchema, bytes)).toMatchObject({ workerId: "w", completions });
});
