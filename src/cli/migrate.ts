import { Command } from "@commander-js/extra-typings";
import { readConfig } from "../server/config/read.js";
import { configOptions, givenFlags } from "./config-options.js";

/** `pawl migrate`: brings the database up to date, which a starting server does too. */
export function migrateCommand(): Command {
  const command = new Command("migrate").description(
    "Apply the migrations that the database lacks, and end.",
  );
  for (const option of configOptions(["databaseUrl", "dataDir"])) command.addOption(option);
  return command.action(async (options: Record<string, unknown>) => {
    const file = typeof options.config === "string" ? options.config : undefined;
    const config = readConfig({ flags: givenFlags(options), file });
    const { migrateDatabase } = await import("../server/migrate.js");
    const applied = await migrateDatabase(config);
    const summary = applied.length === 0 ? "The database is up to date." : `Applied ${applied.join(", ")}.`;
    process.stdout.write(`${summary}\n`);
  });
}
