import { randomUUID } from "node:crypto";
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { StartError } from "../start-error.js";
import { type Account, canEnter, chooseAccount } from "./account.js";
import { clusterUrl } from "./cluster.js";

/** Where the parts of an embedded Postgres are. It is settled once and kept in the folder, where `psql` users find it too. */
export interface Layout {
  /** Holds the data and copied programs: the configured folder, or one that Postgres's user can enter. */
  readonly home: string;
  readonly dataDir: string;
  readonly socketDir: string;
  /** Connects `psql` to it. */
  readonly url: string;
}

/** The file in the configured folder that tells where everything is. */
export const layoutFile = "postgres.json";

/** The database of an embedded Postgres that Pawl uses. */
export const databaseName = "pawl";

/** Reads the folder's layout, or settles it. Of two servers that do so at once the first one's counts. */
export async function settleLayout(options: { dir: string; shelters: readonly string[] }): Promise<Layout> {
  const { dir } = options;
  await mkdir(dir, { recursive: true }).catch((cause) => refuseFolder(dir, cause));
  const settled = await readLayout(dir);
  if (settled !== undefined) return settled;
  const proposal = await proposeLayout(options);
  if (await publish(dir, proposal)) return proposal;
  if (proposal.home !== dir) await rm(proposal.home, { recursive: true, force: true });
  if (dirname(proposal.socketDir) !== proposal.home)
    await rm(proposal.socketDir, { recursive: true, force: true });
  const winner = await readLayout(dir);
  if (winner === undefined)
    throw new StartError(`${join(dir, layoutFile)} vanished while pawl started: start again.`);
  return winner;
}

/** Makes the socket's folder, which only Postgres's user may enter since whoever can enter it may connect. */
export async function ensureSocketDir(layout: Layout, account: Account): Promise<void> {
  await mkdir(layout.socketDir, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const owner = (await stat(layout.socketDir)).uid;
  if (owner !== process.getuid?.() && owner !== account.uid) {
    throw new StartError(
      `The socket folder ${layout.socketDir} belongs to another user: remove it and start again.`,
    );
  }
  if (account.uid !== undefined && account.gid !== undefined)
    await chown(layout.socketDir, account.uid, account.gid);
  await chmod(layout.socketDir, 0o700);
}

async function readLayout(dir: string): Promise<Layout | undefined> {
  const file = join(dir, layoutFile);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    return refuseFolder(dir, error);
  });
  if (text === undefined) return undefined;
  const layout = parseLayout(dir, text);
  if (layout === undefined) {
    throw new StartError(
      `${file} is not what pawl wrote there: restore it, or start with another --data-dir.`,
    );
  }
  if ((await stat(layout.home).catch(() => undefined)) === undefined) {
    throw new StartError(
      `${file} says that the data is in ${layout.home}, which is gone: restore that folder, or remove ${file} to start with an empty database.`,
    );
  }
  const current = printLayout(dir, layout);
  if (current !== text) await replaceLayout(file, current).catch((cause) => refuseFolder(dir, cause));
  return layout;
}

/** Paths inside the folder are kept relative, so that it may be moved, and a copy of it is a database of its own. */
function printLayout(dir: string, layout: Layout): string {
  const inside = (folder: string, path: string) =>
    path.startsWith(`${folder}/`) ? relative(folder, path) : path;
  const stored = {
    home: layout.home === dir ? "." : layout.home,
    dataDir: inside(layout.home, layout.dataDir),
    socketDir: inside(layout.home, layout.socketDir),
    url: layout.url,
  };
  return `${JSON.stringify(stored, undefined, 2)}\n`;
}

function parseLayout(dir: string, text: string): Layout | undefined {
  try {
    const value: Record<string, unknown> = JSON.parse(text);
    const [home, data, socket] = [value.home, value.dataDir, value.socketDir];
    if (typeof home !== "string" || typeof data !== "string" || typeof socket !== "string") return undefined;
    const place = resolve(dir, home);
    const socketDir = resolve(place, socket);
    return {
      home: place,
      dataDir: resolve(place, data),
      socketDir,
      url: clusterUrl(socketDir, databaseName),
    };
  } catch {
    return undefined;
  }
}

/** A moved folder has another connection string. */
async function replaceLayout(file: string, text: string): Promise<void> {
  const scratch = `${file}-${randomUUID()}`;
  await writeFile(scratch, text);
  await rename(scratch, file);
}

async function proposeLayout(options: { dir: string; shelters: readonly string[] }): Promise<Layout> {
  const account = await chooseAccount(undefined);
  const home = (await canEnter(account, options.dir)) ? options.dir : await makeShelter(options, account);
  const nearby = join(home, "socket");
  const socketDir = isShortEnough(nearby) ? nearby : await mkdtemp(join(tmpdir(), "pawl-"));
  return { home, dataDir: join(home, "data"), socketDir, url: clusterUrl(socketDir, databaseName) };
}

/** Paths of sockets are bounded by the kernel: 108 bytes on Linux, 104 on macOS, with a zero at the end. */
function isShortEnough(socketDir: string): boolean {
  return Buffer.byteLength(join(socketDir, ".s.PGSQL.5432")) <= 103;
}

/** Makes a folder for a configured one that Postgres's user cannot enter, in the first place where that works. */
async function makeShelter(
  options: { dir: string; shelters: readonly string[] },
  account: Account,
): Promise<string> {
  for (const shelter of options.shelters) {
    try {
      await mkdir(shelter, { recursive: true, mode: 0o755 });
      if ((await stat(shelter)).uid !== process.getuid?.() || !(await canEnter(account, shelter))) continue;
      const home = await mkdtemp(join(shelter, `${basename(dirname(options.dir))}-`));
      await chmod(home, 0o755);
      return home;
    } catch {
      // The next one may do.
    }
  }
  throw new StartError(
    `Postgres does not run as root, and user ${account.uid} can enter neither ${options.dir} nor ${options.shelters.join(", ")}: start pawl as another user, or give another --data-dir or a --database-url.`,
  );
}

/** Links a finished file into place, which fails where there is one: whoever comes second learns it. */
async function publish(dir: string, layout: Layout): Promise<boolean> {
  const scratch = join(dir, `${layoutFile}-${randomUUID()}`);
  try {
    const file = await open(scratch, "wx", 0o644);
    try {
      await file.writeFile(printLayout(dir, layout));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(scratch, join(dir, layoutFile));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    return refuseFolder(dir, error);
  } finally {
    await rm(scratch, { force: true });
  }
}

function refuseFolder(dir: string, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new StartError(
    `The data folder ${dir} cannot be used (${reason}): make it writable, choose another with --data-dir, or give --database-url.`,
    { cause },
  );
}
