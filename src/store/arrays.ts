/**
 * Arrays as parameters, made cheaper than the driver makes them: of bytes and of JSON in Postgres's binary format, of others as text in which
 * only what needs it is escaped.
 */

/** A `bytea[]`. */
export function byteaArray(items: readonly (Uint8Array | undefined)[]): Buffer {
  return binaryArray(byteaOid, items);
}

/** A `json[]` of texts that are JSON. */
export function jsonArray(items: readonly (string | undefined)[]): Buffer {
  return binaryArray(
    jsonOid,
    items.map((item) => (item === undefined ? undefined : Buffer.from(item))),
  );
}

/** An array of numbers or booleans. */
export function plainArray(items: readonly (number | boolean | undefined)[]): string {
  return `{${items.map((item) => item ?? "NULL").join()}}`;
}

/** A `text[]`, or an array of anything else that is text. */
export function textArray(items: readonly (string | undefined)[]): string {
  if (items.length === 0) return "{}";
  return items.every(isPlain) ? `{"${items.join('","')}"}` : `{${items.map(quoted).join()}}`;
}

/** Whether it needs but quotes. */
function isPlain(item: string | undefined): boolean {
  return item !== undefined && !item.includes('"') && !item.includes("\\");
}

function quoted(item: string | undefined): string {
  return item === undefined ? "NULL" : `"${item.replaceAll(/["\\]/g, "\\$&")}"`;
}

const byteaOid = 17;
const jsonOid = 114;

/** One dimension from 1: dimensions, whether there are nulls, element type, length, lower bound, then each element behind its size. */
function binaryArray(elementOid: number, items: readonly (Uint8Array | undefined)[]): Buffer {
  if (items.length === 0) {
    const empty = Buffer.alloc(12);
    empty.writeInt32BE(elementOid, 8);
    return empty;
  }
  const size = items.reduce((sum, item) => sum + 4 + (item?.length ?? 0), 20);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(items.includes(undefined) ? 1 : 0, 4);
  bytes.writeInt32BE(elementOid, 8);
  bytes.writeInt32BE(items.length, 12);
  bytes.writeInt32BE(1, 16);
  let at = 20;
  for (const item of items) {
    at = bytes.writeInt32BE(item === undefined ? -1 : item.length, at);
    if (item === undefined) continue;
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}
