import { describe, expect, it } from "vitest";
import { ClosedIdPolicy, OpenIdPolicy, WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { defaultLimits } from "../../src/core/limits.js";
import type { RunState, Workflow } from "../../src/core/run-state.js";
import { startWorkflow } from "../../src/core/start.js";
import {
  commands,
  contextAt,
  newScenario,
  poller,
  reasonOf,
  startInput,
  startTime,
  unknownWorkflow,
} from "./scenario.js";

const context = contextAt(startTime);

function known(run: RunState, requestId = "", requestHash = ""): Workflow {
  return { ...unknownWorkflow, run, pointer: { runId: run.runId, startRequestId: requestId, requestHash } };
}

function closedRun(...last: Parameters<ReturnType<typeof newScenario>["runTask"]>): RunState {
  const run = newScenario();
  run.runTask(...last);
  return run.state;
}

describe("starting a workflow", () => {
  it("writes the start and a ready workflow task, and moves the pointer", () => {
    const started = startWorkflow(
      unknownWorkflow,
      startInput({}, { requestId: "r", requestHash: "h" }),
      context,
    );
    expect(started.outcome).toEqual({ runId: "run", isStarted: true });
    expect(started.pointer).toEqual({ runId: "run", startRequestId: "r", requestHash: "h" });
    const after = started.runs[0]?.after;
    expect(after).toMatchObject({
      status: WorkflowStatus.PENDING,
      nextEventId: 3,
      taskQueue: "default",
      settings: { priority: 3, workflowTaskTimeoutMs: 10_000, attempt: 1 },
      workflowTask: { attempt: 1, readyAt: startTime, readyPosition: startTime },
    });
    expect(after?.historyBytes).toBe(
      started.runs[0]?.events.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
  });

  it("is refused in a namespace that is being deleted, but for a repeat", () => {
    const start = (workflow: Workflow) => () =>
      startWorkflow(workflow, startInput({}, { requestId: "r", requestHash: "h" }), context);
    expect(reasonOf(start({ ...unknownWorkflow, isEnding: true }))).toBe("NAMESPACE_IN_USE");
    const run = closedRun(commands.done());
    const repeated = start({ ...known(run, "r", "h"), isEnding: true });
    expect(repeated().outcome).toEqual({ runId: run.runId, isStarted: true });
  });

  it("takes over what the caller gives", () => {
    const summary = { body: { case: "json", value: '"hi"' } } as const;
    const run = newScenario({
      taskQueue: "orders",
      priority: 1,
      workflowTaskTimeout: { seconds: 1n, nanos: 500 },
      input: { body: { case: "data", value: new Uint8Array(3) }, metadata: { encoding: new Uint8Array(2) } },
      header: { fields: { trace: { body: { case: "json", value: "1" } } } },
      userMetadata: { summary, details: summary },
      links: [{ target: { case: "uri", value: "https://example.com" } }],
    });
    expect(run.state).toMatchObject({
      taskQueue: "orders",
      settings: { priority: 1, workflowTaskTimeoutMs: 1001 },
    });
    expect(run.last("workflowStarted")).toMatchObject({ header: { fields: { trace: {} } }, priority: 1 });
    expect(run.history[0]).toMatchObject({
      identity: "caller",
      principal: "principal",
      userMetadata: { summary },
    });
  });

  it("hands the first task to a worker that waits", () => {
    const started = startWorkflow(
      unknownWorkflow,
      startInput(),
      contextAt(startTime, { takePoller: () => poller("p") }),
    );
    expect(started.handed).toEqual([{ kind: "workflow", pollId: "p", runId: "run", seq: 0, epoch: 1 }]);
    expect(started.runs[0]?.after.status).toBe(WorkflowStatus.RUNNING);
  });

  it("answers a repeated request with the run that it started, open or closed", () => {
    const input = startInput({}, { requestId: "r", requestHash: "h" });
    const repeated = startWorkflow(known(closedRun(commands.done()), "r", "h"), input, context);
    expect(repeated).toMatchObject({
      runs: [],
      pointer: undefined,
      outcome: { runId: "run", isStarted: true },
    });
    const reused = () => startWorkflow(known(newScenario().state, "r", "other"), input, context);
    expect(reasonOf(reused)).toBe("REQUEST_ID_REUSED");
  });

  it.each([
    [OpenIdPolicy.UNSPECIFIED, "WORKFLOW_EXISTS"],
    [OpenIdPolicy.FAIL, "WORKFLOW_EXISTS"],
    [OpenIdPolicy.USE_EXISTING, undefined],
    [OpenIdPolicy.TERMINATE_EXISTING, undefined],
  ])("decides by the policy for open runs: %s", (openIdPolicy, reason) => {
    const start = () => startWorkflow(known(newScenario().state), startInput({ openIdPolicy }), context);
    expect(reasonOf(start)).toBe(reason);
  });

  it("answers with the open run if told to use it", () => {
    const input = startInput({ openIdPolicy: OpenIdPolicy.USE_EXISTING });
    const used = startWorkflow(known(newScenario().state), input, context);
    expect(used).toMatchObject({ runs: [], outcome: { runId: "run", isStarted: false } });
  });

  it("terminates the open run and starts the new one in one transition", () => {
    const open = newScenario();
    open.takeTask();
    open.signal();
    const input = startInput({ openIdPolicy: OpenIdPolicy.TERMINATE_EXISTING });
    const next = contextAt(startTime, { newRunId: () => "next" });
    const { runs, pointer } = startWorkflow(known(open.state), input, next);
    expect(runs.map(({ before, after }) => [before, after.status])).toEqual([
      [open.state, WorkflowStatus.TERMINATED],
      [undefined, WorkflowStatus.PENDING],
    ]);
    expect(runs[0]?.events.map(({ event }) => event.kind.case)).toEqual([
      "workflowTaskFailed",
      "signalReceived",
      "workflowTerminated",
    ]);
    expect(runs[0]?.events[2]?.event.kind.value).toMatchObject({ nextRunId: "next" });
    expect(pointer?.runId).toBe("next");
  });

  it.each([
    [ClosedIdPolicy.UNSPECIFIED, commands.done(), undefined],
    [ClosedIdPolicy.ALLOW, commands.done(), undefined],
    [ClosedIdPolicy.ALLOW_IF_FAILED, commands.done(), "WORKFLOW_EXISTS"],
    [ClosedIdPolicy.ALLOW_IF_FAILED, commands.fail(), undefined],
    [ClosedIdPolicy.REJECT, commands.fail(), "WORKFLOW_EXISTS"],
  ])("decides by the policy for closed runs: %s", (closedIdPolicy, last, reason) => {
    const start = () => startWorkflow(known(closedRun(last)), startInput({ closedIdPolicy }), context);
    expect(reasonOf(start)).toBe(reason);
  });

  it.each([
    [startInput({}, { workflowId: "" }), "INVALID_FIELD"],
    [startInput({}, { workflowId: "a\0b" }), "INVALID_FIELD"],
    [startInput({}, { workflowId: "é".repeat(129) }), "SIZE_LIMIT"],
    [startInput({}, { workflowId: "x".repeat(256) }), undefined],
    [startInput({ workflowType: "" }), "INVALID_FIELD"],
    [startInput({ priority: 6 }), "INVALID_FIELD"],
    [startInput({ priority: -1 }), "INVALID_FIELD"],
    [startInput({ workflowTaskTimeout: { seconds: -1n, nanos: 0 } }), "INVALID_FIELD"],
    [startInput({ workflowTaskTimeout: { seconds: 0n, nanos: -1 } }), "INVALID_FIELD"],
    [startInput({ input: { body: { case: "json", value: "{" } } }), "INVALID_PAYLOAD"],
    [startInput({ input: { body: { case: "json", value: `"${"x".repeat(2_097_152)}"` } } }), "SIZE_LIMIT"],
    [startInput({ input: { body: { case: "json", value: `"${"x".repeat(1_000_000)}"` } } }), undefined],
    [startInput({ input: {} }), undefined],
  ])("checks its input (%#)", (input, reason) => {
    expect(reasonOf(() => startWorkflow(unknownWorkflow, input, context))).toBe(reason);
  });

  it("refuses an event that is too large as a whole", () => {
    const limits = { ...defaultLimits, maxEventBytes: 100 };
    const input = startInput({ input: { body: { case: "data", value: new Uint8Array(200) } } });
    expect(reasonOf(() => startWorkflow(unknownWorkflow, input, { ...context, limits }))).toBe("SIZE_LIMIT");
  });
});
