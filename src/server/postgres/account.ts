import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { StartError } from "../start-error.js";

/** The user that Postgres runs as; absent ids mean "the one this process runs as". */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Chooses the user for Postgres, which refuses to run as root: the owner of the data where there is some, else `nobody`.
 * `initdb` looks its user up by id, so an id without an entry in /etc/passwd would not do.
 */
export async function chooseAccount(dataDir: string | undefined): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const owner = dataDir === undefined ? undefined : await stat(dataDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const entry = (await readFile("/etc/passwd", "utf8"))
    .split("\n")
    .find((line) => line.startsWith("nobody:"));
  const [, , uid, gid] = entry?.split(":") ?? [];
  if (uid === undefined || gid === undefined) {
    throw new StartError(
      "Postgres does not run as root and there is no user `nobody` to run it as: start pawl as another user, or give --database-url.",
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** Whether the account can enter the folder, found by trying: modes alone say nothing of access lists and mounts. */
export async function canEnter(account: Account, folder: string): Promise<boolean> {
  const probe = await run({ account, file: "/bin/sh", args: ["-c", 'cd -- "$1"', "sh", folder] });
  return probe.code === 0;
}

/** What became of a program that ran to its end. `code` is absent where it could not be started or was killed. */
export interface Outcome {
  readonly code: number | undefined;
  readonly output: string;
}

/** Runs a program to its end as the account, in an environment free of `PG*` and locale variables. */
export function run(options: { account: Account; file: string; args: readonly string[] }): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const child = spawn(options.file, options.args, {
      ...options.account,
      cwd: "/",
      env: bareEnvironment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ code: undefined, output: error.message }));
    child.on("close", (code) =>
      resolve({ code: code ?? undefined, output: Buffer.concat(chunks).toString("utf8") }),
    );
  });
}

/** The environment of all Postgres programs. They take settings from `PG*` and `LC_*`, which are not ours. */
export const bareEnvironment: NodeJS.ProcessEnv = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
};
