/**
 * The commands that a random worker may send: an entry each. One more kind of command is one more entry; `makes` is the kind of the event that
 * it must make, with its seq, behind the Completed of its task.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CommandSchema } from "../../gen/pawl/v1/command_pb.js";
import { ParentClosePolicy } from "../../gen/pawl/v1/workflow_pb.js";

/** A command as a test writes it. */
export type CommandInit = MessageInitShape<typeof CommandSchema>;
type Kind = NonNullable<CommandInit["kind"]>;

/** What a command may be chosen by. */
export interface CommandScene {
  /** The seq that it takes. */
  readonly seq: number;
  /** Two numbers that vary it. */
  readonly a: number;
  readonly b: number;
  /** A name that nothing else has. */
  readonly name: string;
  /** Some workflow id, of a run or not. */
  readonly workflowId: string;
  /** Seqs that may be pending. */
  readonly seqs: readonly number[];
}

interface CommandEntry {
  readonly make: (scene: CommandScene) => Kind;
  /** Unset: it takes no seq. */
  readonly makes?: string;
  /** It takes a seq, and yet may make no event. */
  readonly isOptional?: true;
}

const pick = (scene: CommandScene) => scene.seqs[scene.a % Math.max(1, scene.seqs.length)] ?? 1;
const json = (value: string) => ({ body: { case: "json" as const, value } });
const after = (seconds: number) => ({ seconds: BigInt(seconds), nanos: 0 });
const policies = [ParentClosePolicy.TERMINATE, ParentClosePolicy.ABANDON, ParentClosePolicy.REQUEST_CANCEL];

function activityOptions({ a, b }: CommandScene): object {
  const timeout = after([1, 5, 60][a % 3] ?? 1);
  return (
    [
      {},
      { scheduleToCloseTimeout: timeout },
      { scheduleToStartTimeout: timeout, startToCloseTimeout: timeout },
      { heartbeatTimeout: timeout, retryPolicy: { maximumAttempts: 3 } },
    ][b % 4] ?? {}
  );
}

/** The commands that leave the run open. */
export const commandTable: Record<string, CommandEntry> = {
  scheduleActivity: {
    make: (scene) => ({
      case: "scheduleActivity",
      value: { activityType: "charge", ...activityOptions(scene) },
    }),
    makes: "activityScheduled",
  },
  scheduleTimer: {
    make: ({ a }) => ({
      case: "scheduleTimer",
      value: { duration: after([1, 5, 60, 3_600][a % 4] ?? 1) },
    }),
    makes: "timerScheduled",
  },
  recordSideEffect: {
    make: () => ({ case: "recordSideEffect", value: { name: "random", value: json("4") } }),
    makes: "sideEffectRecorded",
  },
  recordVersion: {
    make: ({ a, name }) => ({ case: "recordVersion", value: { changeId: name, version: a } }),
    makes: "versionRecorded",
  },
  recordLocalActivity: {
    make: ({ b }) => ({
      case: "recordLocalActivity",
      value: { activityType: "add", attempts: b, outcome: { case: "result", value: json("5") } },
    }),
    makes: "localActivityRecorded",
  },
  upsertSearchAttributes: {
    make: ({ a, b }) => {
      const level = { value: { case: "integer" as const, value: BigInt(a) } };
      return {
        case: "upsertSearchAttributes",
        value: { searchAttributes: { level, gone: {}, [`a${b % 3}`]: level } },
      };
    },
    makes: "searchAttributesUpserted",
  },
  upsertMemo: {
    make: ({ a }) => ({ case: "upsertMemo", value: { memo: { note: a % 2 === 0 ? {} : json("1") } } }),
    makes: "memoUpserted",
  },
  recordSnapshot: {
    make: ({ a }) => ({ case: "recordSnapshot", value: { asOfEventId: a % 3, state: json("{}") } }),
    makes: "snapshotRecorded",
  },
  startChild: {
    make: ({ workflowId, a, b }) => ({
      case: "startChildWorkflow",
      value: {
        spec: { workflowId: b % 3 === 0 ? "" : workflowId, workflowType: "order" },
        namespace: a % 17 === 0 ? "nowhere" : "",
        parentClosePolicy: policies[a % 3] ?? ParentClosePolicy.TERMINATE,
      },
    }),
    makes: "childWorkflowInitiated",
  },
  signalExternal: {
    make: ({ workflowId, name }) => ({
      case: "signalExternalWorkflow",
      value: { target: { workflowId }, name },
    }),
    makes: "externalSignalInitiated",
  },
  cancelExternal: {
    make: ({ workflowId }) => ({ case: "cancelExternalWorkflow", value: { target: { workflowId } } }),
    makes: "externalCancelInitiated",
  },
  cancelChild: {
    make: (scene) => ({ case: "cancelChild", value: { childSeq: pick(scene) } }),
    makes: "externalCancelInitiated",
    isOptional: true,
  },
  cancelActivity: { make: (scene) => ({ case: "cancelActivity", value: { activitySeq: pick(scene) } }) },
  cancelTimer: { make: (scene) => ({ case: "cancelTimer", value: { timerSeq: pick(scene) } }) },
};

/** The commands that close the run. */
export const closingTable: Record<string, CommandEntry> = {
  complete: { make: () => ({ case: "completeWorkflow", value: { result: json("1") } }) },
  fail: { make: () => ({ case: "failWorkflow", value: { failure: { message: "no" } } }) },
  cancelled: { make: () => ({ case: "cancelWorkflow", value: {} }) },
  continueAsNew: { make: ({ a }) => ({ case: "continueAsNew", value: { keepChildren: a % 2 === 0 } }) },
};

/** Commands in a row, with what they must make, in order. */
export interface ChosenCommands {
  readonly commands: CommandInit[];
  readonly makes: string[];
  readonly isClosing: boolean;
}

/** Chooses up to three commands and, one time in nine, one that closes. */
export function chooseCommands(
  scene: Omit<CommandScene, "seq"> & { readonly lastSeq: number },
): ChosenCommands {
  const { a, b, lastSeq } = scene;
  const open = Object.values(commandTable);
  const commands: CommandInit[] = [];
  const makes: string[] = [];
  let seq = lastSeq;
  for (let i = 0; i < b % 4; i++) {
    const entry = open[(a * 7 + i * 5 + (b >> 2)) % open.length];
    if (entry === undefined) continue;
    const takesSeq = entry.makes !== undefined;
    if (takesSeq) seq += 1;
    commands.push({
      seq: takesSeq ? seq : 0,
      kind: entry.make({ ...scene, a: a + i, seq, name: `${scene.name}-${seq}` }),
    });
    if (entry.makes !== undefined) makes.push(`${entry.makes} ${seq}${entry.isOptional === true ? "?" : ""}`);
  }
  const isClosing = a % 9 === 0;
  if (isClosing) {
    const closing = Object.values(closingTable);
    const entry = closing[(b >> 3) % closing.length];
    if (entry !== undefined) commands.push({ kind: entry.make({ ...scene, seq }) });
  }
  return { commands, makes, isClosing };
}

/** Chooses the command of a direct operation, with what it must make. */
export function chooseDirect(scene: CommandScene): { readonly kind: Kind; readonly makes: string[] } {
  const open = Object.values(commandTable).filter(
    ({ makes, isOptional }) => makes !== undefined && !isOptional,
  );
  const isClosing = scene.a % 7 === 0;
  const chosen = isClosing ? Object.values(closingTable) : open;
  const entry = chosen[scene.b % chosen.length];
  if (entry === undefined) throw new Error("there is no command");
  return { kind: entry.make(scene), makes: isClosing ? [] : [`${entry.makes} ${scene.seq}`] };
}
