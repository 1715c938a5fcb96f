import { openEmbeddedPostgres } from "../../src/server/postgres/open.js";

/** A process that uses the embedded Postgres in a folder until its input ends, as a server does. */
const dir = process.argv[2];
if (dir === undefined) throw new Error("usage: embedded-server <folder>");
const logger = { info: ignore, warn: ignore, error: ignore };
const embedded = await openEmbeddedPostgres({ dir, logger });
process.stdout.write(`${JSON.stringify({ url: embedded.url, dataDir: embedded.dataDir })}\n`);
process.stdin.on("end", () => void embedded.stop().then(() => process.exit(0)));
process.stdin.resume();

function ignore(): void {}
