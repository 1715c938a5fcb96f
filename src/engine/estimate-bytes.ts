/** How large a message is, roughly: enough to bound a batch, at a fraction of what encoding it costs. */

const fieldBytes = 4;

/** Estimates the bytes of a message, a list or a value: at least its texts and bytes. */
export function estimateBytes(value: unknown): number {
  if (typeof value === "string") return value.length + fieldBytes;
  if (value instanceof Uint8Array) return value.length + fieldBytes;
  if (typeof value !== "object" || value === null) return fieldBytes;
  let bytes = fieldBytes;
  for (const part of Object.values(value)) bytes += estimateBytes(part);
  return bytes;
}
