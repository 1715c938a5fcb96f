import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "@commander-js/extra-typings";
import { migrateCommand } from "./migrate.js";
import { serveCommand } from "./serve.js";

/** How the process ends: well, for something that failed, or for something that was asked wrongly. */
export type ExitCode = 0 | 1 | 2;

/** Runs one command line. A failure is said on the error output, in one line. */
export async function runProgram(args: readonly string[]): Promise<ExitCode> {
  const program = new Command("pawl")
    .description("Durable workflows served over gRPC, on Postgres.")
    .version(readVersion(), "--version", "Show the version.")
    .helpOption("-h, --help", "Show what can be given.")
    .addCommand(serveCommand())
    .addCommand(migrateCommand());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Without a command commander has shown the help, which says it all.
    if (error.code !== "commander.help")
      complain(`${error.message.replace(/^error: |\.$/g, "")}: see pawl --help.`);
    return 2;
  }
  complain(error instanceof Error ? error.message : String(error));
  return error instanceof Error && "exitCode" in error && error.exitCode === 2 ? 2 : 1;
}

function complain(message: string): void {
  process.stderr.write(`pawl: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
}

/** package.json is found upwards, since the compiled file lies deeper than this one. */
function readVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      const manifest: { version?: string } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return manifest.version ?? "unknown";
    } catch {
      if (dirname(folder) === folder) return "unknown";
      folder = dirname(folder);
    }
  }
}
