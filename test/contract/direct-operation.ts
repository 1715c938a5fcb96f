/** What the direct operations have in common: each is a workflow task of one command. */
import { expect } from "vitest";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import type { DirectOperationState } from "../../gen/pawl/v1/worker_service_pb.js";
import { WorkflowStatus } from "../../gen/pawl/v1/workflow_pb.js";
import { defaultLimits } from "../../src/core/limits.js";
import type { Cases, OperationContract } from "./contract.js";
import { refusalOf } from "./refusal.js";
import { type Clients, type EventCase, json, present, type Scene } from "./scene.js";

/** What the requests of all direct operations have; `lastSeenEventId` goes with those that close the run. */
export interface DirectRequest<C> {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly seq: number;
  readonly taskToken?: Uint8Array;
  readonly lastSeenEventId: number;
  readonly identity: string;
  readonly command: C;
}

/** A direct operation, as the cases see it. */
export interface Direct<C> {
  readonly call: (
    clients: Clients,
    request: DirectRequest<C>,
  ) => Promise<{ state?: DirectOperationState | undefined }>;
  readonly command: C;
  /** A command that is no repeat of the other. */
  readonly other: C;
  /** The event that it makes. */
  readonly event: EventCase;
  readonly isClosing?: boolean;
  /** Where the run stands then. Default: RUNNING, also where it was PENDING. */
  readonly status?: WorkflowStatus;
  /** What the run "wf" must have behind it. */
  readonly prepare?: (scene: Scene) => Promise<void>;
}

type Parts = Pick<OperationContract, "happy" | "repeated" | "refused" | "elsewhere">;

/** Starts the run "wf", and writes the request of an operation on it, which has seen all that there is. */
export async function begin<C>(scene: Scene, direct: Direct<C>): Promise<DirectRequest<C>> {
  const runId = await scene.start("wf");
  await direct.prepare?.(scene);
  return requestFor(scene, direct, runId);
}

/** The request of an operation on a run of "wf" that has seen all that there is. */
export async function requestFor<C>(
  scene: Scene,
  { command }: Direct<C>,
  runId: string,
): Promise<DirectRequest<C>> {
  const { namespace } = scene;
  const lastSeenEventId = (await scene.events("wf", runId)).length;
  return { namespace, workflowId: "wf", runId, seq: 1, lastSeenEventId, identity: "caller", command };
}

/** The cases of a direct operation that are those of all. */
export function casesOf<C>(direct: Direct<C>): Parts {
  return {
    happy: happy(direct),
    repeated: repeated(direct),
    refused: refused(direct),
    elsewhere: elsewhere(direct),
  };
}

function happy<C>(direct: Direct<C>): Parts["happy"] {
  const { call, event, isClosing = false, status = WorkflowStatus.RUNNING } = direct;
  return {
    "without a token, takes the scheduled task and completes it with its command, in one transition": async (
      scene,
    ) => {
      const request = await begin(scene, direct);
      const { state } = await call(scene, request);
      const [started, completed, made, ...rest] = await eventsBehind(
        scene,
        request.runId,
        request.lastSeenEventId,
      );
      expect(started).toMatchObject({ identity: "caller", kind: { case: "workflowTaskStarted" } });
      expect(completed).toMatchObject({ identity: "caller", kind: { case: "workflowTaskCompleted" } });
      expect(made).toMatchObject({
        identity: "caller",
        kind: { case: event, value: { taskCompletedEventId: completed?.eventId } },
      });
      expect(rest.map(({ kind }) => kind.case)).toEqual(isClosing ? [] : ["workflowTaskScheduled"]);
      expect([completed?.eventTime, made?.eventTime]).toEqual([started?.eventTime, started?.eventTime]);
      const lastEventId = rest[0]?.eventId ?? made?.eventId;
      expect(state).toMatchObject({ lastEventId, isExisting: false, taskToken: new Uint8Array() });
      const { workflow } = await scene.workflows.getWorkflow(request);
      expect(workflow?.status).toBe(status);
    },
    "without a token and without a scheduled task, makes one": async (scene) => {
      const { runId } = await begin(scene, direct);
      await scene.complete(await scene.takeTask());
      const request = await requestFor(scene, direct, runId);
      await call(scene, request);
      const made = await eventsBehind(scene, request.runId, request.lastSeenEventId);
      // A child's start may have made another already.
      expect(made.slice(0, 4).map(({ kind }) => kind.case)).toEqual([
        "workflowTaskScheduled",
        "workflowTaskStarted",
        "workflowTaskCompleted",
        event,
      ]);
    },
    ...(isClosing ? endsHeldTask(direct) : goesOn(direct)),
  };
}

function goesOn<C>(direct: Direct<C>): Cases {
  const { call, event } = direct;
  return {
    "with the token of the started task completes it, and goes on with the next": async (scene) => {
      const request = await begin(scene, direct);
      const { taskToken, startedEventId } = await scene.takeTask();
      const { state } = await call(scene, { ...request, taskToken });
      const made = await eventsBehind(scene, request.runId, startedEventId);
      expect(made.map(({ kind }) => kind.case)).toEqual([
        "workflowTaskCompleted",
        event,
        "workflowTaskScheduled",
        "workflowTaskStarted",
      ]);
      const next = present(state, "there is no state");
      expect(next.lastEventId).toBe(made.at(-1)?.eventId);
      await call(scene, { ...request, seq: 2, taskToken: next.taskToken });
      expect((await scene.history("wf")).filter((kind) => kind === event)).toHaveLength(2);
    },
  };
}

function endsHeldTask<C>(direct: Direct<C>): Cases {
  return {
    "with the token of the started task completes it, and there is no next": async (scene) => {
      const request = await begin(scene, direct);
      const { taskToken, startedEventId } = await scene.takeTask();
      const { state } = await direct.call(scene, { ...request, taskToken });
      const made = (await scene.history("wf", request.runId)).slice(startedEventId);
      expect(made).toEqual(["workflowTaskCompleted", direct.event]);
      expect(state?.taskToken).toEqual(new Uint8Array());
    },
  };
}

function repeated<C>(direct: Direct<C>): Parts["repeated"] {
  const { call, isClosing = false } = direct;
  return {
    "the same seq again answers as before, writes nothing and needs no token": async (scene) => {
      const request = await begin(scene, direct);
      const { taskToken } = await scene.takeTask();
      const { state, ...first } = await call(scene, { ...request, taskToken });
      const before = await eventsBehind(scene, request.runId, 0);
      const { state: again, ...second } = await call(scene, request);
      expect(second).toEqual(first);
      expect([state?.isExisting, again?.isExisting]).toEqual([false, true]);
      expect(await eventsBehind(scene, request.runId, 0)).toEqual(before);
    },
    "the same seq and token again answers with the same next token": async (scene) => {
      const request = { ...(await begin(scene, direct)), taskToken: (await scene.takeTask()).taskToken };
      const { state } = await call(scene, request);
      const { state: again } = await call(scene, request);
      expect(again).toMatchObject({ isExisting: true, taskToken: state?.taskToken });
      expect(state?.taskToken.length === 0).toBe(isClosing);
    },
  };
}

function refused<C>(direct: Direct<C>): Parts["refused"] {
  const { call } = direct;
  return {
    WORKFLOW_NOT_FOUND: {
      "there is no such workflow": async (scene) =>
        call(scene, { ...(await begin(scene, direct)), workflowId: "nobody" }),
      "the workflow has no such run": async (scene) =>
        call(scene, { ...(await begin(scene, direct)), runId: crypto.randomUUID() }),
    },
    WORKFLOW_CLOSED: {
      "the run was closed": async (scene) => {
        const request = await begin(scene, direct);
        const { workflows, namespace } = scene;
        await workflows.terminateWorkflow({ namespace, workflowId: "wf" });
        return call(scene, request);
      },
    },
    NON_DETERMINISM: {
      "the seq was used with other content": async (scene) => {
        const request = await begin(scene, direct);
        await call(scene, request);
        return call(scene, { ...request, command: direct.other });
      },
      "a command of a workflow task has used the seq": async (scene) => {
        const request = await begin(scene, direct);
        await scene.complete(await scene.takeTask(), [
          { seq: 1, kind: { case: "recordSideEffect", value: { value: json("1") } } },
        ]);
        return call(scene, request);
      },
    },
    ...refusedForTask(direct),
  };
}

function refusedForTask<C>(direct: Direct<C>): Parts["refused"] {
  const { call } = direct;
  return {
    WORKFLOW_TASK_STARTED: {
      "there is no token, and a worker holds the task": async (scene) => {
        const request = await begin(scene, direct);
        await scene.takeTask();
        return call(scene, request);
      },
    },
    STALE_LEASE: {
      "the task of the token was completed": async (scene) => {
        const request = await begin(scene, direct);
        const task = await scene.takeTask();
        await scene.complete(task);
        return call(scene, { ...request, taskToken: task.taskToken });
      },
      "the task of the token has timed out": async (scene) => {
        const request = await begin(scene, direct);
        const { taskToken } = await scene.takeTask();
        await scene.pass(11_000);
        return call(scene, { ...request, taskToken });
      },
    },
    INVALID_TOKEN: {
      "the token is none": async (scene) =>
        call(scene, { ...(await begin(scene, direct)), taskToken: new Uint8Array([1]) }),
    },
  };
}

function elsewhere<C>(direct: Direct<C>): Parts["elsewhere"] {
  return {
    "in another namespace there is no such run, and the token of its task is none": async (scene) => {
      const request = await begin(scene, direct);
      const { taskToken } = await scene.takeTask();
      const before = await scene.history("wf");
      const there = { ...request, namespace: await scene.makeNamespace() };
      expect(await refusalOf(direct.call(scene, there))).toMatchObject({ reason: "WORKFLOW_NOT_FOUND" });
      const held = direct.call(scene, { ...there, taskToken });
      expect(await refusalOf(held)).toMatchObject({ reason: "INVALID_TOKEN" });
      expect(await scene.history("wf")).toEqual(before);
    },
  };
}

/** Does an operation twice at a server where a run may have but one pending thing of a kind. */
export async function exceedPending<C>(scene: Scene, direct: Direct<C>): Promise<unknown> {
  return scene.atServer({ limits: { ...defaultLimits, maxPendingPerKind: 1 } }, async (clients) => {
    const request = await begin(scene, direct);
    await direct.call(clients, request);
    const call = direct.call(clients, { ...request, seq: 2 });
    expect((await refusalOf(call)).metadata).toMatchObject({ limit: "1", command: expect.any(String) });
    return call;
  });
}

/** The events of a run of "wf" behind one; what it hears of children that start comes when it comes. */
async function eventsBehind(scene: Scene, runId: string, eventId: number): Promise<HistoryEvent[]> {
  const events = await scene.events("wf", runId);
  return events.filter((event) => event.eventId > eventId && event.kind.case !== "childWorkflowStarted");
}
