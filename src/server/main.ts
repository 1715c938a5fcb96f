/** The process of `pawl serve`: builds everything, in order, and takes it down in reverse. */
import { openEngine } from "../engine/open-engine.js";
import { startLoops } from "../loops/start-loops.js";
import { createService } from "../service/service.js";
import { openDatabase } from "../store/database.js";
import { migrate } from "../store/migrate.js";
import type { Config } from "./config/definitions.js";
import { describeExposure } from "./config/read.js";
import { openFront } from "./front/front.js";
import { createLogger } from "./logger.js";
import { createMetrics } from "./metrics.js";
import { openEmbeddedPostgres } from "./postgres/open.js";

/** A running server. */
export interface RunningServer {
  /** Where it answers, such as `http://127.0.0.1:7295`. */
  readonly url: string;
  /** Stops it: nothing that was acknowledged is lost. May be called again. */
  stop(): Promise<void>;
  /** Resolves when it has stopped. */
  readonly closed: Promise<void>;
}

/** Starts a server. Throws what `explainStartFailure` can tell; nothing is left behind then. */
export async function startServer(config: Config): Promise<RunningServer> {
  const undo: (() => Promise<void>)[] = [];
  let ended: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    ended = resolve;
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= undoAll(undo).finally(ended);
    return stopping;
  };
  try {
    const url = await build(config, undo);
    return { url, stop, closed };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(config: Config, undo: (() => Promise<void>)[]): Promise<string> {
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const metrics = createMetrics();
  const exposure = describeExposure(config);
  if (exposure !== undefined) logger.warn(exposure);

  const databaseUrl = config.databaseUrl ?? (await startPostgres(config, logger.pino, undo));
  await migrate({ url: databaseUrl });
  const database = await openDatabase({
    url: databaseUrl,
    writeConnections: Math.min(config.batchesInFlight, config.writeConnections),
    allowUnsafeFsync: config.allowUnsafeFsync,
  });
  undo.push(() => database.close());

  const { maxRequestBytes } = config.limits;
  const engine = await openEngine({
    database,
    limits: config.limits,
    maxRequestBytes,
    maxWaitingOperations: config.maxWaitingOperations,
    maxBatchOperations: config.maxBatchOperations,
    cacheBytes: config.cacheBytes,
    metrics: metrics.engine,
    logger,
  });
  undo.push(() => engine.stop());
  undo.push(startLoops(engine.upkeep, config, logger));

  const service = createService({
    engine: engine.operations,
    logger,
    metrics: metrics.calls,
    maxRequestBytes,
  });
  const front = await openFront({
    host: config.host,
    port: config.port,
    service,
    logger,
    metrics,
    isReady: () => engine.operations.isReady(),
  });
  undo.push(() => front.stop(config.shutdownGraceMs));
  logger.info("Pawl serves", { address: front.address });
  return `http://${front.address}`;
}

async function startPostgres(
  config: Config,
  logger: Parameters<typeof openEmbeddedPostgres>[0]["logger"],
  undo: (() => Promise<void>)[],
): Promise<string> {
  const embedded = await openEmbeddedPostgres({ dir: config.dataDir, logger });
  undo.push(() => embedded.stop());
  return embedded.url;
}

async function undoAll(undo: (() => Promise<void>)[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}
