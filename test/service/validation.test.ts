import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { CompleteWorkflowTasksRequestSchema } from "../../gen/pawl/v1/worker_service_pb.js";
import {
  GetWorkflowRequestSchema,
  ListWorkflowsRequestSchema,
  SignalWorkflowRequestSchema,
  StartWorkflowRequestSchema,
} from "../../gen/pawl/v1/workflow_service_pb.js";
import { validate } from "../../src/service/validation.js";

const found = (...args: Parameters<typeof validate>) =>
  validate(...args).map(({ field, reason }) => `${field} ${ErrorReason[reason]}`);

const start = (spec: object) => create(StartWorkflowRequestSchema, { spec: { workflowType: "t", ...spec } });

test("accepts a request with nothing wrong", () => {
  const request = start({
    workflowId: "w",
    input: { body: { case: "json", value: '{"a":1}' } },
    memo: { k: {} },
  });
  expect(found(StartWorkflowRequestSchema, request)).toEqual([]);
});

test.each([
  ["an id with U+0000", { workflowId: "a\0b" }, "spec.workflow_id INVALID_FIELD"],
  ["an id with half a surrogate pair", { workflowId: "a\ud800b" }, "spec.workflow_id INVALID_FIELD"],
  ["a type with U+0000", { workflowType: "\0" }, "spec.workflow_type INVALID_FIELD"],
  ["an id of 257 bytes", { workflowId: "x".repeat(257) }, "spec.workflow_id SIZE_LIMIT"],
  ["an id of 86 characters of 3 bytes", { workflowId: "€".repeat(86) }, "spec.workflow_id SIZE_LIMIT"],
  ["a missing type", { workflowType: "" }, "spec.workflow_type INVALID_FIELD"],
  ["a negative duration", { runTimeout: { seconds: -1n } }, "spec.run_timeout INVALID_FIELD"],
  ["a duration with too many nanoseconds", { runTimeout: { nanos: 1e9 } }, "spec.run_timeout INVALID_FIELD"],
  ["a duration of many ages", { runTimeout: { seconds: 2n ** 62n } }, "spec.run_timeout INVALID_FIELD"],
  ["a policy that does not exist", { closedIdPolicy: 99 }, "spec.closed_id_policy INVALID_FIELD"],
  [
    "a number that is none",
    { retryPolicy: { jitter: Number.NaN } },
    "spec.retry_policy.jitter INVALID_FIELD",
  ],
  ["a key with U+0000", { memo: { "a\0": {} } }, "spec.memo.a\0 INVALID_FIELD"],
  [
    "input that is not JSON",
    { input: { body: { case: "json", value: "{" } } },
    "spec.input.json INVALID_PAYLOAD",
  ],
  [
    "a header that is not JSON",
    { header: { fields: { trace: { body: { case: "json", value: "" } } } } },
    "spec.header.fields.trace.json INVALID_PAYLOAD",
  ],
])("refuses %s", (_name, spec, expected) => {
  expect(found(StartWorkflowRequestSchema, start(spec))).toContain(expected);
});

test("refuses an infinite number in a filter and a time out of range", () => {
  const request = create(ListWorkflowsRequestSchema, {
    filter: {
      startTimeFrom: { seconds: 2n ** 60n },
      searchAttributes: [
        {
          name: "a",
          condition: {
            case: "equals",
            value: { value: { case: "number", value: Number.POSITIVE_INFINITY } },
          },
        },
      ],
    },
  });
  expect(found(ListWorkflowsRequestSchema, request)).toEqual([
    "filter.start_time_from INVALID_FIELD",
    "filter.search_attributes[0].equals.number INVALID_FIELD",
  ]);
});

test("takes ids of 256 bytes and longer free texts", () => {
  const request = create(GetWorkflowRequestSchema, { workflowId: "x".repeat(256) });
  expect(found(GetWorkflowRequestSchema, request)).toEqual([]);
});

test("takes any text in a payload, and any in a failure but for payloads within it", () => {
  const signal = create(SignalWorkflowRequestSchema, {
    workflowId: "w",
    name: "s",
    payload: { body: { case: "json", value: JSON.stringify("\0") } },
  });
  expect(found(SignalWorkflowRequestSchema, signal)).toEqual([]);
  const completion = create(CompleteWorkflowTasksRequestSchema, {
    completions: [
      {
        taskToken: new Uint8Array(1),
        commands: [
          {
            kind: {
              case: "failWorkflow",
              value: {
                failure: {
                  message: `\0${"long ".repeat(1000)}`,
                  cause: {
                    kind: { case: "application", value: { details: { body: { case: "json", value: "[" } } } },
                  },
                },
              },
            },
          },
        ],
      },
    ],
  });
  expect(found(CompleteWorkflowTasksRequestSchema, completion)).toEqual([
    "completions[0].commands[0].fail_workflow.failure.cause.application.details.json INVALID_PAYLOAD",
  ]);
});
