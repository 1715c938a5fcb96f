/** Starting a thread that can load what its process can. */
import { createRequire } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { ThreadData } from "./messages.js";

/** How the thread is started. */
export interface ThreadOptions {
  /** Node's options for it. Default: those of the process. */
  readonly execArgv: readonly string[] | undefined;
}

/** The thread's file, which is TypeScript where this one is. */
const entry = new URL(`./replay-thread${extname(import.meta.url)}`, import.meta.url).href;

/** tsx registers itself in the main thread alone where Node has no synchronous hooks, so here it is told to. */
const bootstrap = `
const { workerData } = require("node:worker_threads");
const ready = workerData.tsx === undefined ? Promise.resolve() : import(workerData.tsx).then((api) => api.register());
ready.then(() => import(workerData.entry));
`;

/** Room for what a batch of tasks leaves behind: with Node's 16 MB the collector copies too much of it, at 3 % of a task's cost. */
const maxYoungGenerationSizeMb = 64;

/** Starts a thread. */
export function startThread(data: ThreadData, { execArgv }: ThreadOptions): Worker {
  const tsx = findTsx(execArgv ?? process.execArgv);
  return new Worker(bootstrap, {
    eval: true,
    name: "pawl workflows",
    workerData: { ...data, entry, tsx },
    resourceLimits: { maxYoungGenerationSizeMb },
    ...(execArgv && { execArgv: [...execArgv] }),
  });
}

/** Where tsx can be registered, if Node's options load it. */
function findTsx(options: readonly string[]): string | undefined {
  const loader = options.map(addressOfTsx).find((address) => address !== undefined);
  return loader && new URL("./esm/api/index.mjs", loader).href;
}

function addressOfTsx(option: string): string | undefined {
  const module = option.replace(/^--import=/, "");
  if (/^file:.*\/tsx\/dist\/loader\.mjs$/.test(module)) return module;
  // Node resolves what is preloaded from the working directory.
  return module === "tsx" ? pathToFileURL(createRequire(`${process.cwd()}/`).resolve("tsx")).href : undefined;
}
