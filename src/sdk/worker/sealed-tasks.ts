/**
 * Workflow tasks and their completions as bytes. Only the thread of the workflow code looks into them: to send decoded messages from thread to thread costs
 * more than to decode them there.
 */
import { clone, createFileRegistry, type DescFile, fromBinary, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  type DescriptorProto,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { file_pawl_v1_task, type WorkflowTask } from "../../../gen/pawl/v1/task_pb.js";
import {
  type CompleteWorkflowTasksRequest,
  type CompleteWorkflowTasksResponseSchema,
  file_pawl_v1_worker_service,
  type PollWorkflowTasksRequestSchema,
} from "../../../gen/pawl/v1/worker_service_pb.js";

/** A workflow task: what the worker itself needs of it, and the whole. */
export interface SealedTask
  extends Pick<
    WorkflowTask,
    | "taskToken"
    | "workflowId"
    | "runId"
    | "workflowType"
    | "attempt"
    | "startTime"
    | "deadlineTime"
    | "nextPageToken"
    | "isQueryOnly"
  > {
  /** All of it, as a WorkflowTask is written. */
  readonly bytes: Uint8Array;
}

/** Seals a task that came as bytes. */
export function sealTask(bytes: Uint8Array): SealedTask {
  const head = fromBinary(TaskHeadSchema, bytes, { readUnknownFields: false });
  return Object.assign(head, { bytes });
}

type TaskHead = Message<"pawl.v1.WorkflowTask"> & Omit<SealedTask, "bytes">;

/** Of what a SealedTask has, but for its bytes. */
const headFields = [
  "task_token",
  "workflow_id",
  "run_id",
  "workflow_type",
  "attempt",
  "start_time",
  "deadline_time",
  "next_page_token",
  "is_query_only",
];

const TaskHeadSchema = variantOf(file_pawl_v1_task, (message) => {
  if (message.name === "WorkflowTask")
    message.field = message.field.filter(({ name }) => headFields.includes(name));
}).messages.find(({ name }) => name === "WorkflowTask") as unknown as GenMessage<TaskHead>;

/** A message within another is written as bytes are: https://protobuf.dev/programming-guides/proto3/#updating. */
const sealedFields = ["PollWorkflowTasksResponse.tasks", "CompleteWorkflowTasksRequest.completions"];

/** The calls of the WorkerService that are about workflow tasks, with each task and each completion as bytes. */
export const SealedTaskService = variantOf(file_pawl_v1_worker_service, ({ name, field: fields }) => {
  for (const field of fields) {
    if (sealedFields.includes(`${name}.${field.name}`))
      Object.assign(field, { type: FieldDescriptorProto_Type.BYTES, typeName: "" });
  }
}).services.find(({ name }) => name === "WorkerService") as unknown as GenService<{
  pollWorkflowTasks: {
    methodKind: "unary";
    input: typeof PollWorkflowTasksRequestSchema;
    output: GenMessage<Message<"pawl.v1.PollWorkflowTasksResponse"> & { tasks: Uint8Array[] }>;
  };
  completeWorkflowTasks: {
    methodKind: "unary";
    input: GenMessage<Omit<CompleteWorkflowTasksRequest, "completions"> & { completions: Uint8Array[] }>;
    output: typeof CompleteWorkflowTasksResponseSchema;
  };
}>;

/** A file of the API with other descriptions of its messages. */
function variantOf(file: DescFile, change: (message: DescriptorProto) => void): DescFile {
  const proto = clone(FileDescriptorProtoSchema, file.proto);
  proto.messageType.forEach(change);
  const registry = createFileRegistry(proto, (name) =>
    file.dependencies.find(({ proto }) => proto.name === name),
  );
  const variant = registry.getFile(proto.name);
  if (variant === undefined) throw new Error(`${proto.name} can't be described in another way`);
  return variant;
}
