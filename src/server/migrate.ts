import { migrate } from "../store/migrate.js";
import type { Config } from "./config/definitions.js";
import { explainStartFailure } from "./explain-start-failure.js";
import { openEmbeddedPostgres } from "./postgres/open.js";

/** Applies the migrations alone, on the embedded Postgres where no other is configured, and returns their names. */
export async function migrateDatabase(config: Pick<Config, "databaseUrl" | "dataDir">): Promise<string[]> {
  try {
    if (config.databaseUrl !== undefined) return await migrate({ url: config.databaseUrl });
    const embedded = await openEmbeddedPostgres({ dir: config.dataDir, logger: silent });
    return await migrate({ url: embedded.url }).finally(() => embedded.stop());
  } catch (error) {
    throw explainStartFailure(error, config);
  }
}

const silent = { info: ignore, warn: ignore, error: ignore };

function ignore(): void {}
