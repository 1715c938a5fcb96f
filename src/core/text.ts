/** Checks of ids and names. */
import { invalidField, sizeLimit } from "./refusals.js";

/** The longest id or name, in bytes of UTF-8. */
export const maxNameBytes = 256;

/** Refuses an id or name that Postgres can't keep as text, or that is too long. Empty is allowed. */
export function checkText(text: string, field: string): void {
  if (text.includes("\0")) throw invalidField(field, "must not contain the character U+0000");
  if (text.length * 3 <= maxNameBytes) return;
  const actual = new TextEncoder().encode(text).length;
  if (actual > maxNameBytes) throw sizeLimit(field, maxNameBytes, actual);
}

/** The same, and it must not be empty. */
export function checkName(name: string, field: string): void {
  if (name === "") throw invalidField(field, "must not be empty");
  checkText(name, field);
}

/** Refuses what is no run id. */
export function checkRunId(runId: string, field: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(runId))
    throw invalidField(field, "must be a UUID");
}
