/** Where the code is that holds a thread, asked of Node's inspector: the thread itself can't be. */
import { Session } from "node:inspector";
import { SourceMap } from "node:module";
import type { Worker } from "node:worker_threads";
import { isUserFrame, showPlace } from "../../replay/code-place.js";
import { isOverWithin } from "../../wait.js";

const patienceMs = 2_000;

/**
 * Stops the code of a thread, tells where it was, in the user's own code if it was there, and leaves it stopped until the returned function is called.
 */
export async function findHeldPlace(
  thread: Worker,
): Promise<{ readonly place: string | undefined; release(): void }> {
  const session = new Session();
  const release = () => session.disconnect();
  try {
    session.connect();
    const looking = lookInto(session, thread.threadId);
    const place = (await isOverWithin(looking, patienceMs)) ? await looking : undefined;
    return { place, release };
  } catch {
    return { place: undefined, release }; // A process without an inspector, or a worker that is itself in a thread.
  }
}

interface Frame {
  readonly functionName: string;
  /** From 0, as the column. */
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

/** A file of code. */
interface Script {
  readonly url: string;
  readonly sourceMapURL: string;
}

/** What the inspector of the thread says; only what is used of it. */
interface Said {
  readonly method?: string;
  readonly params?: {
    readonly scriptId?: string;
    readonly url?: string;
    readonly sourceMapURL?: string;
    readonly callFrames?: readonly Frame[];
  };
}

function lookInto(session: Session, threadId: number): Promise<string | undefined> {
  const scripts = new Map<string, Script>();
  let attached: string | undefined;
  return new Promise((resolve) => {
    session.on("NodeWorker.attachedToWorker", ({ params: { sessionId, workerInfo } }) => {
      // The worker id of the inspector is one of its own; the thread's is in the title.
      if (!workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
      attached = sessionId;
      for (const [id, method] of ["Debugger.enable", "Debugger.pause"].entries()) {
        session.post("NodeWorker.sendMessageToWorker", {
          sessionId,
          message: JSON.stringify({ id, method }),
        });
      }
    });
    session.on("NodeWorker.receivedMessageFromWorker", ({ params: { sessionId, message } }) => {
      if (sessionId !== attached) return;
      const { method, params = {} }: Said = JSON.parse(message);
      const { scriptId, url = "", sourceMapURL = "", callFrames } = params;
      if (method === "Debugger.scriptParsed" && scriptId) scripts.set(scriptId, { url, sourceMapURL });
      if (method === "Debugger.paused" && callFrames) resolve(placeOf(callFrames, scripts));
    });
    session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  });
}

function placeOf(frames: readonly Frame[], scripts: ReadonlyMap<string, Script>): string | undefined {
  return frames.map((frame) => showFrame(frame, scripts.get(frame.location.scriptId))).find(isUserFrame);
}

function showFrame({ functionName, location }: Frame, script: Script | undefined): string {
  const { lineNumber, columnNumber } = location;
  const original = originalPlace(script?.sourceMapURL, lineNumber, columnNumber);
  const { line, column } = original ?? { line: lineNumber, column: columnNumber };
  return showPlace(functionName, `${script?.url || "node:internal"}:${line + 1}:${column + 1}`);
}

/** By the map that a loader has put into the code itself. */
function originalPlace(sourceMapURL: string | undefined, line: number, column: number) {
  const [, base64] = sourceMapURL?.match(/^data:application\/json[^,]*;base64,(.*)$/) ?? [];
  if (base64 === undefined) return undefined;
  const map = new SourceMap(JSON.parse(Buffer.from(base64, "base64").toString("utf8")));
  const entry = map.findEntry(line, column);
  return "originalLine" in entry ? { line: entry.originalLine, column: entry.originalColumn } : undefined;
}
