/** How far local time is from UTC. */

/** A time zone. */
export interface Zone {
  /** What local time is ahead of UTC at a point in time; both in milliseconds. */
  offsetAt(at: number): number;
}

/** Opens a zone by its IANA name. Undefined: there is none of that name. */
export function openZone(name: string): Zone | undefined {
  if (name === "UTC") return { offsetAt: () => 0 };
  try {
    const format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
    return { offsetAt: (at) => readOffset(format.format(at)) };
  } catch {
    return undefined;
  }
}

/** The offset at the end of a text such as "9/22/2026, GMT+10:30"; at Greenwich it may be "GMT" alone. */
function readOffset(text: string): number {
  const offset = text.slice(text.indexOf("GMT") + "GMT".length);
  const parts = offset.replace(/[+-]/, "").split(":");
  const hours = parts.reduce((sum, part, index) => sum + Number(part) / 60 ** index, 0);
  return Math.round(hours * 3_600_000) * (offset.startsWith("-") ? -1 : 1);
}
