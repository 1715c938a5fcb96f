import { Command } from "@commander-js/extra-typings";
import { readConfig } from "../server/config/read.js";
import { configOptions, givenFlags } from "./config-options.js";

/** `pawl serve`: runs a server until it is told to stop. */
export function serveCommand(): Command {
  const command = new Command("serve").description(
    "Run a server, with a Postgres of its own unless --database-url names one.",
  );
  for (const option of configOptions()) command.addOption(option);
  return command.action(async (options: Record<string, unknown>) => {
    const config = readConfig({ flags: givenFlags(options), file: readFile(options) });
    // Loaded only now: help and refusals shall not wait for what a server needs.
    const [{ startServer }, { explainStartFailure }, { letHeapGrow }] = await Promise.all([
      import("../server/main.js"),
      import("../server/explain-start-failure.js"),
      import("../server/heap.js"),
    ]);
    letHeapGrow();
    const stopAsked = listenForSignals();
    const server = await startServer(config).catch((error: unknown) => {
      throw explainStartFailure(error, config);
    });
    await Promise.race([stopAsked, server.closed]);
    await server.stop();
    process.exit(0);
  });
}

/** Resolves at the first SIGTERM or SIGINT. The second one ends the process at once, for whoever does not want to wait. */
function listenForSignals(): Promise<void> {
  return new Promise((resolve) => {
    let isAsked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (isAsked) process.exit(signal === "SIGINT" ? 130 : 143);
        isAsked = true;
        resolve();
      });
    }
  });
}

function readFile(options: Readonly<Record<string, unknown>>): string | undefined {
  return typeof options.config === "string" ? options.config : undefined;
}
