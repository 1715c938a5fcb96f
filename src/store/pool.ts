import pg from "pg";

declare module "pg" {
  interface ClientConfig {
    /** Sends statements without waiting for the answers to earlier ones. The driver's types do not have it yet. */
    pipeline?: boolean;
  }
}

/** What every connection of Pawl sets: its tables live in a schema of their own, beside whatever else the database holds. */
const baseSettings: Settings = { search_path: "pawl", timezone: "UTC" };

/** Run-time settings of a connection, given when it is opened. */
export type Settings = Readonly<Record<string, string | number>>;

/** How to open connections. */
export interface ConnectionOptions {
  url: string;
  /** Shown to operators in pg_stat_activity. */
  name?: string;
  /** Added to those that all connections have. */
  settings?: Settings;
  /** How long opening one may take. */
  connectTimeoutMs?: number;
}

/** Opens one connection. The caller ends it; its `error` event tells that it was lost. */
export async function openConnection(
  options: ConnectionOptions & { pipeline?: boolean },
): Promise<pg.Client> {
  const client = new pg.Client({ ...clientConfig(options), pipeline: options.pipeline ?? false });
  client.on("error", ignoreLoss);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Opens a pool, which connects when it is first used and again after connections were lost. */
export function openPool(options: ConnectionOptions & { max: number }): pg.Pool {
  const pool = new pg.Pool({ ...clientConfig(options), max: options.max });
  pool.on("error", ignoreLoss);
  return pool;
}

/** The connection string with settings in its `options`, before those that the operator gave, which therefore win. */
export function withSettings(url: string, settings: Settings): string {
  const [address = "", query = ""] = url.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const own = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${String(value).replaceAll(/[\\ ]/g, "\\$&")}`,
  );
  const given = parameters.get("options");
  parameters.set("options", [...own, ...(given === null ? [] : [given])].join(" "));
  return `${address}?${parameters.toString().replaceAll("+", "%20")}`;
}

function clientConfig(options: ConnectionOptions): pg.ClientConfig {
  return {
    connectionString: withSettings(options.url, { ...baseSettings, ...options.settings }),
    application_name: options.name ?? "pawl",
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
  };
}

/** A lost idle connection is noticed by its next user; without a listener the event would end the process. */
function ignoreLoss(): void {}
