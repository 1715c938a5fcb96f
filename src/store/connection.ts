/** A connection that comes back by itself. */
import type pg from "pg";
import { ConnectionLostError, classifyError, DatabaseUnavailableError } from "./errors.js";
import { type ConnectionOptions, openConnection } from "./pool.js";
import { type Queryable, type Statement, send } from "./statement.js";

/** One connection at a time, opened again whenever it was lost. */
export interface Connection extends Queryable {
  close(): Promise<void>;
}

/** How to open it. */
export interface ReconnectOptions extends ConnectionOptions {
  pipeline?: boolean;
  /** A connection that has not answered for so long is taken for lost. Longer than the longest statement may run. */
  answerWithinMs?: number;
  /** Runs on each new connection before any statement of others. */
  onOpen?: (client: pg.Client) => Promise<void>;
}

/**
 * Opens a connection that is opened again when it is lost. While there is none, a statement fails with `DatabaseUnavailableError`: at once, or
 * when the attempt to connect that is under way has failed.
 */
export async function openReconnecting(options: ReconnectOptions): Promise<Connection> {
  const connection = new ReconnectingConnection(options);
  await connection.open();
  return connection;
}

const firstBackOffMs = 20;
const longestBackOffMs = 1_000;
const defaultAnswerWithinMs = 30_000;

class ReconnectingConnection implements Connection {
  private client: pg.Client | undefined;
  private opening: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private backOffMs = firstBackOffMs;
  private lastError: unknown;
  private isClosed = false;

  constructor(private readonly options: ReconnectOptions) {}

  async open(): Promise<void> {
    const client = await openConnection(this.options);
    try {
      await this.options.onOpen?.(client);
      if (this.isClosed) throw new DatabaseUnavailableError(new Error("closed"));
    } catch (error) {
      await client.end().catch(ignore);
      throw error;
    }
    client.once("error", (error) => this.lose(client, error));
    client.once("end", () => this.lose(client, new Error("The connection ended.")));
    this.client = client;
    this.backOffMs = firstBackOffMs;
  }

  async query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    if (this.client === undefined && this.opening !== undefined) await this.opening;
    const client = this.client;
    if (client === undefined) throw new DatabaseUnavailableError(this.lastError);
    const { answerWithinMs = defaultAnswerWithinMs } = this.options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const silence = new Error(`The database has not answered for ${answerWithinMs} ms.`);
        this.lose(client, silence);
        reject(new ConnectionLostError(silence));
      }, answerWithinMs);
      send<Row>(client, statement, values)
        .then(resolve, (error: unknown) => reject(classifyError(error, this.client !== client)))
        .finally(() => clearTimeout(timer));
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    this.lastError = new Error("The connection was closed.");
    await client?.end().catch(ignore);
    await this.opening;
  }

  private lose(client: pg.Client, error: unknown): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.lastError = error;
    client.end().catch(ignore);
    this.reconnect();
  }

  private reconnect(): void {
    if (this.isClosed) return;
    this.opening = this.open()
      .catch((error: unknown) => {
        this.lastError = error;
        if (this.isClosed) return;
        this.timer = setTimeout(() => this.reconnect(), this.backOffMs);
        this.backOffMs = Math.min(this.backOffMs * 2, longestBackOffMs);
      })
      .finally(() => {
        this.opening = undefined;
      });
  }
}

function ignore(): void {}
