/** What a case works with: a namespace of its own, generated clients, and short words for what nearly every case does. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import type { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { NamespaceService } from "../../gen/pawl/v1/namespace_service_pb.js";
import { ScheduleService } from "../../gen/pawl/v1/schedule_service_pb.js";
import type { ActivityTask, WorkflowTask } from "../../gen/pawl/v1/task_pb.js";
import { WorkerService } from "../../gen/pawl/v1/worker_service_pb.js";
import type { WorkflowSpecSchema } from "../../gen/pawl/v1/workflow_pb.js";
import { WorkflowService } from "../../gen/pawl/v1/workflow_service_pb.js";
import { scheduleActivity, tokenOf } from "../support/actor.js";
import type { TestServerOptions } from "../support/engine.js";
import { firePast } from "../support/schedules.js";
import { until } from "../support/until.js";
import type { CalledServer, ContractHouse } from "./front.js";

/** A command as a case writes it. */
export type CommandInit = MessageInitShape<typeof CommandSchema>;

/** The name of a kind of event. */
export type EventCase = NonNullable<HistoryEvent["kind"]["case"]>;

/** An event of a kind. */
type EventOf<K extends EventCase> = HistoryEvent & {
  readonly kind: Extract<HistoryEvent["kind"], { case: K }>;
};

/** A message as a case writes it: its fields, all of which may be left out. */
export type Init<T extends DescMessage> = Omit<
  Exclude<MessageInitShape<T>, { $typeName: string }>,
  "$typeName"
>;

type SpecInit = Init<typeof WorkflowSpecSchema>;

/** Clients of all services at one server. */
export interface Clients {
  readonly workflows: Client<typeof WorkflowService>;
  readonly workers: Client<typeof WorkerService>;
  readonly schedules: Client<typeof ScheduleService>;
  readonly namespaces: Client<typeof NamespaceService>;
}

/** The generated clients at a server. */
export function clientsOf({ transport }: CalledServer): Clients {
  return {
    workflows: createClient(WorkflowService, transport),
    workers: createClient(WorkerService, transport),
    schedules: createClient(ScheduleService, transport),
    namespaces: createClient(NamespaceService, transport),
  };
}

type ActivityInit = Parameters<typeof scheduleActivity>[1];

/** The scene of one case. */
export type Scene = Awaited<ReturnType<typeof openScene>>;

/** What workflow code with nothing else to do would be of type and queue. */
export const workflowType = "order";

/** Opens a scene in a namespace that nothing else uses. */
export async function openScene(house: ContractHouse) {
  const clients = clientsOf(house.main);
  const { workflows, workers } = clients;
  const namespace = await makeNamespace(clients);
  const wait = {};

  return {
    ...clients,
    house,
    namespace,
    /** Another namespace, with nothing in it. */
    makeNamespace: () => makeNamespace(clients),

    /** Starts a run of a workflow id. */
    async start(workflowId: string, spec: SpecInit = {}): Promise<string> {
      const { runId } = await workflows.startWorkflow({
        namespace,
        spec: { workflowId, workflowType, ...spec },
      });
      return runId;
    },
    /** Takes the workflow task that must be there. */
    async takeTask(rest: object = {}): Promise<WorkflowTask> {
      const { tasks } = await workers.pollWorkflowTasks({ namespace, wait, ...rest });
      return present(tasks[0], "no workflow task is ready");
    },
    /** Takes the activity that must be there. */
    async takeActivity(rest: object = {}): Promise<ActivityTask> {
      const { tasks } = await workers.pollActivityTasks({ namespace, wait, ...rest });
      return present(tasks[0], "no activity is ready");
    },
    /** Completes a workflow task; throws if that is refused. */
    async complete(task: WorkflowTask, commands: CommandInit[] = []): Promise<void> {
      const { outcomes } = await workers.completeWorkflowTasks({
        namespace,
        completions: [{ taskToken: tokenOf(task), commands }],
      });
      if (outcomes[0]?.outcome.case !== "accepted")
        throw new Error(JSON.stringify(outcomes[0]?.outcome.value));
    },
    /** Starts a run and lets it make its first commands. Answers its run id. */
    async startWith(workflowId: string, commands: CommandInit[], spec: SpecInit = {}): Promise<string> {
      const runId = await this.start(workflowId, spec);
      await this.complete(await this.takeTask(), commands);
      return runId;
    },
    /** Starts a run that ends at once. Answers its run id. */
    startClosed(workflowId: string, spec: SpecInit = {}): Promise<string> {
      return this.startWith(workflowId, [completeWorkflow("1")], spec);
    },
    /** Starts a run with an activity of type "charge" and seq 1, and takes that. */
    async holdActivity(workflowId: string, options: ActivityInit = {}): Promise<ActivityTask> {
      await this.startWith(workflowId, [scheduleActivity(1, options)]);
      return this.takeActivity();
    },
    /** The events of a run. */
    async events(workflowId: string, runId = ""): Promise<HistoryEvent[]> {
      const { events } = await workflows.getHistory({ namespace, workflowId, runId, pageSize: 1_000 });
      return events;
    },
    /** The kinds of a run's events, in order. */
    async history(workflowId: string, runId = ""): Promise<(string | undefined)[]> {
      return (await this.events(workflowId, runId)).map(({ kind }) => kind.case);
    },
    /** The run id of a workflow's current run. */
    async runIdOf(workflowId: string): Promise<string> {
      const { workflow } = await workflows.getWorkflow({ namespace, workflowId });
      return present(workflow, "there is no workflow").runId;
    },
    /** Waits until a run has an event of a kind. Answers the first one. */
    async eventOf<K extends EventCase>(kind: K, workflowId: string, runId = ""): Promise<EventOf<K>> {
      for (let afterEventId = 0; ; ) {
        const page = { namespace, workflowId, runId, afterEventId, pageSize: 1_000, wait: seconds(10) };
        const { events } = await workflows.getHistory(page);
        const found = events.find((event): event is EventOf<K> => event.kind.case === kind);
        if (found !== undefined) return found;
        afterEventId = present(events.at(-1), `workflow "${workflowId}" has no event ${kind}`).eventId;
      }
    },
    /** Lets time pass, and lets the server act on what has become due and deliver what is under way. */
    async pass(ms: number): Promise<void> {
      house.cluster.moveTime(ms);
      const { upkeep } = house.main.server;
      await upkeep.wakeDueRuns();
      await upkeep.wakeOverdueRuns();
      await firePast(house.cluster, house.main.server, 0);
    },
    /** Takes back what dead workers hold. */
    async releaseDead(): Promise<void> {
      const { upkeep } = house.main.server;
      while ((await upkeep.releaseDeadWorkers()) === 0);
    },
    /** Deletes the latest run of a workflow id, with all that hangs on it; closes it first if it is open. */
    async remove(workflowId: string): Promise<void> {
      const { outcome } = await workflows.getWorkflow({ namespace, workflowId });
      if (outcome === undefined) await workflows.terminateWorkflow({ namespace, workflowId });
      await workflows.deleteWorkflow({ namespace, workflowId });
      while ((await house.main.server.upkeep.clearDeletions()) === 0);
    },
    /** Waits until a query is open. */
    isAsked: () => until("a query is open", () => house.main.server.held().queries > 0),
    /** Waits until so many polls wait for tasks. */
    isPolled: (polls = 1) => until("polls wait", () => house.main.server.held().waitingPolls === polls),
    /** Calls at a server that is opened for it alone. */
    async atServer<T>(options: TestServerOptions, work: (own: OwnServer) => Promise<T>): Promise<T> {
      const called = await house.open(options);
      try {
        return await work({ ...clientsOf(called), called });
      } finally {
        await called.closePort();
        await called.server.stop();
        // Or the shared server asks after the one that has gone.
        await house.main.server.upkeep.beat();
      }
    },
  };
}

/** A server of a case's own. */
export interface OwnServer extends Clients {
  readonly called: CalledServer;
}

async function makeNamespace({ namespaces }: Clients): Promise<string> {
  const name = `ns-${crypto.randomUUID()}`;
  await namespaces.createNamespace({ name });
  return name;
}

/** What must be there. */
export function present<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new Error(otherwise);
  return value;
}

/** A payload of JSON. */
export const json = (value: string) => ({ body: { case: "json" as const, value } });
/** A duration of so many seconds. */
export const seconds = (count: number) => ({ seconds: BigInt(count) });
/** Ends the run with a result. */
export const completeWorkflow = (result: string): CommandInit => ({
  kind: { case: "completeWorkflow", value: { result: json(result) } },
});
