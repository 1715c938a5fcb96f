/** Promises that reject with nobody listening, traced to the user's code that made them. */
import { AsyncLocalStorage } from "node:async_hooks";

type Report = (reason: unknown) => void;

const reports = new AsyncLocalStorage<Report>();
let watchers = 0;

/** Runs user's code so that what it leaves rejected with nobody listening is reported, while rejections are watched. */
export function withRejectionsReported<T>(report: Report, run: () => T): T {
  return reports.run(report, run);
}

/** Watches rejections until the returned function is called, so that no piece of user's code can end the process. */
export function watchRejections(): () => void {
  if (watchers++ === 0) process.on("unhandledRejection", passOn);
  let isWatching = true;
  return () => {
    if (isWatching && --watchers === 0) process.off("unhandledRejection", passOn);
    isWatching = false;
  };
}

function passOn(reason: unknown): void {
  // Node calls this in the asynchronous context of the promise, so the store is that of the code that made it.
  const report = reports.getStore();
  if (report !== undefined) report(reason);
  // A rejection of other code ends the process as if nobody watched, unless somebody else does.
  else if (process.listenerCount("unhandledRejection") === 1) throw reason;
}
