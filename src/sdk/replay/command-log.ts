/** The commands that code makes, numbered in order and held against what is recorded. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import {
  type Command,
  CommandSchema,
  type RejectUpdateCommandSchema,
} from "../../../gen/pawl/v1/command_pb.js";
import type { HistoryEvent } from "../../../gen/pawl/v1/event_pb.js";
import { captureFrames, placeIn } from "./code-place.js";
import { ForeignPromiseError } from "./foreign-promise.js";
import { NonDeterminismError } from "./non-determinism-error.js";
import { refuseRestricted } from "./restrictions.js";
import { isSameStep, stepOfCommand, stepOfEvent } from "./step.js";
import type { Turn } from "./turns.js";

/** What a command of workflow code does. */
export type CommandKind = NonNullable<MessageInitShape<typeof CommandSchema>["kind"]>;

/** A command that was made. */
export interface MadeCommand {
  /** Its place among the commands of the run, from 1. */
  readonly seq: number;
  /** The event that it left. Undefined while nothing is recorded yet, and for a cancellation that came too late. */
  readonly event: HistoryEvent | undefined;
}

/** The commands of a run. */
export interface CommandLog {
  /** What went wrong first, if anything did; no command is taken after it. */
  readonly fault: unknown;
  /** The event that is recorded for the next command. Undefined: none is, or nothing is recorded yet. */
  readonly next: HistoryEvent | undefined;
  /** The turn in hand. */
  readonly turn: Turn;
  beginTurn(turn: Turn): void;
  /** Takes a command. Throws a NonDeterminismError when another is recorded in its place. */
  add(kind: CommandKind): MadeCommand;
  /** Rejects an update. History has nothing of that, so it has no number, and replay never asks. */
  reject(value: MessageInitShape<typeof RejectUpdateCommandSchema>): void;
  /** Takes the last command; code that still runs can make no more. */
  close(kind: CommandKind): void;
  readonly isClosed: boolean;
  /** Notes that the code went wrong. The first fault stays. */
  fail(fault: unknown): void;
  /** Ends the turn and gives its commands, none if they are recorded. `waits` says what the code waits for, in words. */
  finishTurn(waits: readonly string[]): Command[];
}

/** Code that goes on after the end of its run: nothing can be done any more. */
export class RunEndedError extends Error {
  override readonly name = "RunEndedError";
}

/** Makes the log of a run that begins. Numbers up to `usedSeq` belong to what the run before has left to it. */
export function createCommandLog(first: Turn, usedSeq = 0): CommandLog {
  let turn = first;
  let commands: Command[] = [];
  let rejections: Command[] = [];
  const endedSeqs = new Set<number>();
  let cursor = 0;
  let lastSeq = usedSeq;
  let isClosed = false;
  let isInTurn = true;
  let fault: unknown;

  const fail = (error: unknown) => {
    fault ??= error ?? new Error("workflow code threw nothing");
  };
  const add = (kind: CommandKind): MadeCommand => {
    if (fault !== undefined) throw fault;
    refuseRestricted(wordsOf(kind));
    if (isClosed) throw new RunEndedError("the run has ended; code that is left over can do nothing more");
    if (!isInTurn) {
      fail(wentOn(placeIn(captureFrames(add))));
      throw fault;
    }
    const command = create(CommandSchema, { seq: ++lastSeq, kind });
    if (turn.recorded === undefined) {
      commands.push(command);
      return { seq: command.seq, event: undefined };
    }
    const event = turn.recorded[cursor];
    const step = stepOfCommand(command);
    if (event !== undefined && isSameStep(step, stepOfEvent(event))) {
      cursor++;
      return { seq: command.seq, event };
    }
    if (endedSeqs.has(cancelledSeq(command))) return { seq: command.seq, event: undefined };
    fail(new NonDeterminismError({ event, step, place: placeIn(captureFrames(add)) }));
    throw fault;
  };

  return {
    get fault() {
      return fault;
    },
    get next() {
      return turn.recorded?.[cursor];
    },
    get turn() {
      return turn;
    },
    get isClosed() {
      return isClosed;
    },
    beginTurn(next) {
      turn = next;
      isInTurn = true;
      commands = [];
      rejections = [];
      cursor = 0;
      for (const seq of next.endedSeqs) endedSeqs.add(seq);
    },
    add,
    reject(value) {
      rejections.push(create(CommandSchema, { kind: { case: "rejectUpdate", value } }));
    },
    close(kind) {
      add(kind);
      isClosed = true;
    },
    fail,
    finishTurn(waits) {
      const event = turn.recorded?.[cursor];
      if (event !== undefined) fail(new NonDeterminismError({ event, step: undefined, waits }));
      isInTurn = false;
      return [...rejections, ...commands];
    },
  };
}

/** The time of the turn in hand, which is the run's. */
export function timeOf({ turn: { time } }: Pick<CommandLog, "turn">): Date {
  return time === undefined ? new Date(0) : timestampDate(time);
}

function wentOn(place: string | undefined): ForeignPromiseError {
  return new ForeignPromiseError(
    `the workflow went on${place ? ` at ${place}` : ""} by a promise that Pawl did not make`,
  );
}

/** What a cancel command is about; 0 for other commands. */
function cancelledSeq({ kind }: Command): number {
  switch (kind.case) {
    case "cancelActivity":
      return kind.value.activitySeq;
    case "cancelTimer":
      return kind.value.timerSeq;
    case "cancelChild":
      return kind.value.childSeq;
    default:
      return 0;
  }
}

/** The name of a command in words, such as "schedule activity". */
function wordsOf(kind: CommandKind): string {
  return (kind.case ?? "nothing").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
