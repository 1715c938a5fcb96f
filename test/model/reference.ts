/**
 * The reference model: what the acknowledged calls alone promise. It knows no code of the product; it folds calls and their answers into what
 * must be found in histories, and compares.
 */
import type { HistoryEvent } from "../../gen/pawl/v1/event_pb.js";
import { WorkflowTaskFailureCause } from "../../gen/pawl/v1/workflow_pb.js";
import type { Folded } from "./read-history.js";
import { rule } from "./rule.js";

/** What is found of one run. */
export interface FoundRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly isClosed: boolean;
  readonly folded: Folded;
  /** Names of signals that wait in a buffer. */
  readonly bufferedSignals: readonly string[];
}

/** The promises that are out. */
export class Reference {
  /** Acknowledged signals by name: where they went. */
  private readonly signals = new Map<string, { readonly workflowId: string; readonly runIds: Set<string> }>();
  private readonly commands = new Map<
    string,
    { readonly completedAfter: number; readonly makes: readonly string[] }[]
  >();
  private readonly starts = new Map<string, string>();
  /** Who holds what: the newest epoch of a task, and the leases whose holders have ended it. */
  private readonly leases = new Map<string, number>();
  private readonly used = new Set<string>();

  /** A signal was acknowledged. A repeat that reaches another run, since the first has closed, is a signal of its own. */
  signalled(name: string, workflowId: string, runId: string): void {
    const { runIds = new Set<string>() } = this.signals.get(name) ?? {};
    this.signals.set(name, { workflowId, runIds: runIds.add(runId) });
  }

  /** A start was acknowledged: the same request always gets the same run. */
  started(requestId: string, runId: string): void {
    const known = this.starts.get(requestId);
    rule(known === undefined || known === runId, `request ${requestId} started ${runId} after ${known}`);
    this.starts.set(requestId, runId);
  }

  /** A task was handed out: nobody else has it any more. */
  leased(task: string, epoch: number): void {
    const known = this.leases.get(task);
    rule(known === undefined || epoch > known, `${task} was handed out twice under lease ${epoch}`);
    this.leases.set(task, epoch);
  }

  /** Its holder has ended it; the same transition may have handed it out anew. */
  released(task: string, epoch: number): void {
    rule(!this.used.has(`${task} ${epoch}`), `${task}: two answers under lease ${epoch} were taken`);
    this.used.add(`${task} ${epoch}`);
  }

  /** Whether a holder may still answer, as far as calls tell. */
  mayHold(task: string, epoch: number): boolean {
    const known = this.leases.get(task);
    return known === epoch && !this.used.has(`${task} ${epoch}`);
  }

  /** A workflow task was completed with these commands. */
  completed(runId: string, startedEventId: number, makes: readonly string[]): void {
    const all = this.commands.get(runId) ?? [];
    all.push({ completedAfter: startedEventId, makes });
    this.commands.set(runId, all);
  }

  /** Compares the commands of a run with its history. */
  checkCommands(runId: string, folded: Folded): void {
    for (const { completedAfter, makes } of this.commands.get(runId) ?? []) {
      const made = folded.made.get(completedAfter + 1) ?? [];
      const found = made.map((one) => (makes.includes(`${one}?`) ? `${one}?` : one));
      const must = makes.filter((one) => !one.endsWith("?") || found.includes(one));
      rule(
        found.length === must.length && found.every((one, index) => one === must[index]),
        `the commands behind ${completedAfter + 1} of ${runId} made ${found} instead of ${must}`,
      );
    }
    this.commands.delete(runId);
  }

  /** Compares signals: each that was acknowledged is there once, and none twice. */
  checkSignals(runs: readonly FoundRun[]): void {
    const found = new Map<string, FoundRun[]>();
    const brought = new Map(runs.map(({ runId, folded }) => [runId, folded.broughtSignals]));
    for (const run of runs)
      for (const name of [...run.folded.signals, ...run.bufferedSignals]) {
        const known = found.get(name) ?? [];
        rule(!known.includes(run), `signal ${name} is there twice`);
        found.set(name, [...known, run]);
      }
    for (const [name, { workflowId, runIds }] of this.signals) {
      const got = found.get(name) ?? [];
      rule(
        got.every((run) => run.workflowId === workflowId),
        `signal ${name} went to another workflow`,
      );
      rule(got.length <= runIds.size, `signal ${name} is there ${got.length} times`);
      for (const runId of runIds)
        rule(
          got.some((run) => run.runId === runId) || brought.get(runId)?.has(name) === true,
          `acknowledged signal ${name} of ${runId} is lost`,
        );
    }
  }
}

/** What must hold between runs once no message is under way and nothing is due. */
export function checkBetweenRuns(
  runs: readonly (FoundRun & { readonly history: readonly HistoryEvent[] })[],
): void {
  const open = new Set<string>();
  const openChains = new Set<string>();
  const resetChains = new Set<string>();
  for (const { workflowId, isClosed, history } of runs) {
    rule(isClosed || !open.has(workflowId), `${workflowId} has two open runs`);
    if (isReset(history)) resetChains.add(firstRunOf(history));
    if (isClosed) continue;
    open.add(workflowId);
    openChains.add(firstRunOf(history));
  }
  const byId = new Map(runs.map((run) => [run.runId, run]));
  const names = new Map<string, number>();
  for (const { folded, bufferedSignals } of runs)
    for (const name of [...folded.signals, ...bufferedSignals]) names.set(name, (names.get(name) ?? 0) + 1);
  const told = new Set<string>();
  for (const { runId, isClosed, history, folded } of runs) {
    // What the run that was left had heard stands in the new one's history, too.
    const heard = isReset(history) ? new Set<string>() : told;
    for (const { kind, eventId } of history) {
      const ended = endedChild(kind, history);
      if (ended !== undefined) {
        rule(!heard.has(ended), `event ${eventId} of ${runId} tells once more that ${ended} has ended`);
        rule(
          !openChains.has(ended) || resetChains.has(ended),
          `event ${eventId} of ${runId} tells the end of ${ended}, which goes on`,
        );
        heard.add(ended);
      }
      if (kind.case === "childWorkflowStarted")
        rule(byId.has(kind.value.child?.runId ?? ""), `child of event ${eventId} in ${runId} is nowhere`);
      if (kind.case === "externalSignalDelivered") {
        const initiated = history[kind.value.initiatedEventId - 1]?.kind;
        const name = initiated?.case === "externalSignalInitiated" ? initiated.value.name : "";
        rule(names.get(name) === 1, `signal ${name} of ${runId} is there ${names.get(name) ?? 0} times`);
      }
    }
    if (isClosed) continue;
    rule(folded.requests.size === 0, `a request of ${runId} is not answered`);
    for (const [seq, { initiated, started }] of folded.children) {
      rule(started > 0, `child ${seq} of ${runId} is neither started nor failed`);
      const kind = history[started - 1]?.kind;
      const childId = kind?.case === "childWorkflowStarted" ? (kind.value.child?.runId ?? "") : "";
      rule(
        openChains.has(childId),
        `${runId} has not heard that child ${seq} of event ${initiated} has ended`,
      );
    }
  }
}

/** The first run of the child whose end an event tells. */
function endedChild(kind: HistoryEvent["kind"], history: readonly HistoryEvent[]): string | undefined {
  switch (kind.case) {
    case "childWorkflowCompleted":
    case "childWorkflowFailed":
    case "childWorkflowCancelled":
    case "childWorkflowTimedOut":
    case "childWorkflowTerminated": {
      const started = history[kind.value.startedEventId - 1]?.kind;
      return started?.case === "childWorkflowStarted" ? started.value.child?.runId : undefined;
    }
    default:
      return undefined;
  }
}

/** The first run of a run's chain, which goes on by retries, continue-as-new and resets, those of closed runs among them. */
export function firstRunOf([started]: readonly HistoryEvent[]): string {
  return started?.kind.case === "workflowStarted" ? started.kind.value.firstRunId : "";
}

/** Whether a run begins with the history of another that was left. */
export function isReset(history: readonly HistoryEvent[]): boolean {
  return history.some(
    ({ kind }) => kind.case === "workflowTaskFailed" && kind.value.cause === WorkflowTaskFailureCause.RESET,
  );
}
