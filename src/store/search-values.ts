/** Search attributes as rows: every value a text that sorts, byte by byte, as the values of its type do. */
import type { SearchAttributeValue } from "../../gen/pawl/v1/search_attribute_pb.js";
import type { Micros, RunAttributes, RunState } from "../core/run-state.js";

/** An attribute of a run, to find the run by. */
export interface SearchAttributeRow {
  readonly namespaceId: string;
  readonly name: string;
  readonly value: string;
  readonly startedAt: Micros;
  readonly runId: string;
}

/** From this text (included) to that one (excluded). */
export interface TextRange {
  readonly from: string;
  readonly to: string;
}

/** The rows of a run's attributes, by name and value. */
export function searchRows(
  { namespaceId, startedAt, runId }: Pick<RunState, "namespaceId" | "startedAt" | "runId">,
  attributes: RunAttributes | undefined,
): ReadonlyMap<string, SearchAttributeRow> {
  const rows = new Map<string, SearchAttributeRow>();
  for (const [name, attribute] of Object.entries(attributes?.searchAttributes ?? {})) {
    const value = sortableText(attribute);
    rows.set(`${name}\0${value}`, { namespaceId, name, value, startedAt, runId });
  }
  return rows;
}

/** The texts that are equal to a value: its own alone, since nothing sorts between a text and the same with U+0001 behind it. */
export function equalTo(value: SearchAttributeValue): TextRange {
  const text = sortableText(value);
  return { from: text, to: `${text}\u0001` };
}

/** The texts of the values of one type from `from` (included) to `to` (excluded); an open end is that of the type. */
export function between(
  from: SearchAttributeValue | undefined,
  to: SearchAttributeValue | undefined,
): TextRange {
  const letter = letters[(from ?? to)?.value.case ?? "keyword"];
  return {
    from: from === undefined ? letter : sortableText(from),
    to: to === undefined ? `${letter}g` : sortableText(to),
  };
}

/** By type; each is a lower-case letter, behind which numbers have hexadecimal digits, all below "g". */
const letters = { keyword: "k", integer: "i", number: "n", boolean: "b", time: "t" } as const;

const half = 1n << 63n;

function sortableText({ value }: SearchAttributeValue): string {
  switch (value.case) {
    case "keyword":
      return `${letters.keyword}${value.value}`;
    case "integer":
      return `${letters.integer}${hex(value.value + half)}`;
    case "number":
      return `${letters.number}${hex(doubleBits(value.value))}`;
    case "boolean":
      return `${letters.boolean}${value.value ? 1 : 0}`;
    case "time": {
      const { seconds, nanos } = value.value;
      return `${letters.time}${hex(seconds * 1_000_000n + BigInt(Math.floor(nanos / 1_000)) + half)}`;
    }
    default:
      throw new Error("a search attribute without a value has no row");
  }
}

function hex(bits: bigint): string {
  return bits.toString(16).padStart(16, "0");
}

/** The bits of a double, changed so that they sort as the numbers do: IEEE 754 has sign and magnitude. */
function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  // Negative zero is zero.
  view.setFloat64(0, value + 0);
  const bits = view.getBigUint64(0);
  return bits >= half ? ~bits & ((1n << 64n) - 1n) : bits + half;
}
