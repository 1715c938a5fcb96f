/** Places in the user's code, found in stacks. */
import { fileURLToPath } from "node:url";

/** Where the SDK's own code is. */
const sdkFolder = fileURLToPath(new URL("../", import.meta.url));

/** The frames of the stack as it is now, without the given function and those above it. */
export function captureFrames(above: (...args: never[]) => unknown): string[] {
  const holder: { stack?: string } = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  Error.captureStackTrace(holder, above);
  Error.stackTraceLimit = stackTraceLimit;
  return framesOf(holder.stack);
}

/** The first place in the user's code, such as "charge (/app/order.ts:12:9)". Undefined: there is none. */
export function placeIn(frames: readonly string[]): string | undefined {
  return frames.find(isUserFrame);
}

/** A place in the form of a frame. */
export function showPlace(functionName: string, location: string): string {
  const where = location.replace("file://", "");
  return functionName === "" ? where : `${functionName} (${where})`;
}

/** Whether a frame is of the user's code: neither of the SDK, nor of Node, nor built in. */
export function isUserFrame(frame: string): boolean {
  return /:\d+:\d+\)?$/.test(frame) && !frame.includes(sdkFolder) && !frame.includes("node:");
}

function framesOf(stack = ""): string[] {
  const lines = stack.split("\n").filter((line) => /^ +at /.test(line));
  return lines.map((line) => line.replace(/^ +at /, "").replace("file://", ""));
}
