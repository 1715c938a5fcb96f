/** The books: an entry a key, however often and by however many workers it is booked. */
import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A folder with a file for each entry, a line of JSON named for its key. */
export interface Ledger {
  readonly folder: string;
}

/** A booking. */
export interface LedgerEntry {
  /** What makes a repeat harmless. */
  readonly key: string;
  readonly kind: "charge" | "refund";
  readonly id: string;
  readonly [field: string]: unknown;
}

/** Opens the books, new ones if there are none. */
export async function openLedger(folder: string): Promise<Ledger> {
  await mkdir(folder, { recursive: true });
  return { folder };
}

/** Books an entry, unless its key is booked; gives what is in the books. */
export async function book(ledger: Ledger, entry: LedgerEntry): Promise<LedgerEntry> {
  const file = join(ledger.folder, `${entry.key.replaceAll(/[^\w-]/g, "_")}.json`);
  const draft = join(ledger.folder, `.${randomUUID()}`);
  await writeFile(draft, `${JSON.stringify(entry)}\n`);
  try {
    // A link comes into being at once and whole, and only if the name is free: the file system's own "book this key once".
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return JSON.parse(await readFile(file, "utf8"));
}

/** Reads all entries. */
export async function readLedger({ folder }: Ledger): Promise<LedgerEntry[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  return texts
    .flatMap((text) => text.split("\n").filter((line) => line !== ""))
    .map((line) => JSON.parse(line));
}
