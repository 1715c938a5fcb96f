/**
 * Where the rows of a queue begin: below that, an index holds only entries of rows that were deleted, and a scan from the start would read them
 * all until vacuum has been there.
 */
import type { Micros } from "../core/run-state.js";

/** Where a claim looks: heads of types that are known, and gaps between them where other types may have appeared. */
export interface ClaimScope {
  /** The types that the claim is about. Empty: all. */
  readonly types: readonly string[];
  readonly heads: readonly { readonly type: string; readonly priority: number; readonly position: Micros }[];
  /** Types strictly between the two are looked for. */
  readonly gaps: readonly { readonly after: string; readonly before: string }[];
  /** Types that are read from their very start this time. */
  readonly fromStart: ReadonlySet<string>;
}

/** What a claim found. */
export interface ClaimFinding {
  readonly scope: ClaimScope;
  readonly tasks: readonly { readonly type: string; readonly priority: number; readonly position: Micros }[];
  /** Whether it got fewer than it wanted, so that nothing is left in its scope. */
  readonly isDrained: boolean;
  /** When, by the database's clock. */
  readonly now: Micros;
}

/** The marks of one queue, one a type and priority. In memory alone: it is only about what need not be read. */
export interface LowWater {
  scope(types: readonly string[]): ClaimScope;
  learn(finding: ClaimFinding): void;
  /** Reads everything from its start the next time: after tasks were given back. */
  forget(): void;
}

/** How marks are kept. */
export interface LowWaterOptions {
  /** After so long a type is read from its start again, for rows that became visible, or free, behind the mark. Default 3 s. */
  readonly rereadMs?: number;
  /** When the oldest batch began that is still being written: what it makes may lie behind. */
  readonly oldestBatchAt?: () => Micros | undefined;
  /** A steady clock in milliseconds. */
  readonly steadyNow?: () => number;
}

/** Opens marks for a queue. */
export function openLowWater(options: LowWaterOptions = {}): LowWater {
  const { rereadMs = 3_000, oldestBatchAt = () => undefined, steadyNow = () => performance.now() } = options;
  const known = new Map<string, TypeMarks>();

  function scope(types: readonly string[]): ClaimScope {
    const now = steadyNow();
    const asked = types.length > 0 ? types : [...known.keys()].sort(byBytes);
    const fromStart = new Set(asked.filter((type) => isStale(known.get(type), now, rereadMs)));
    const heads = asked.flatMap((type) => {
      const from = fromStart.has(type) ? undefined : known.get(type)?.positions;
      return priorities.map((priority) => ({ type, priority, position: from?.get(priority) ?? 0 }));
    });
    return { types, heads, gaps: types.length > 0 ? [] : gapsBetween(asked), fromStart };
  }

  function learn({ scope: its, tasks, isDrained, now }: ClaimFinding): void {
    const bound = Math.min(now - settledAfterMicros, oldestBatchAt() ?? now);
    const firsts = firstPositions(tasks);
    const readAt = steadyNow();
    for (const type of new Set([...its.heads.map((head) => head.type), ...firsts.keys()])) {
      const found = firsts.get(type);
      const isReread = its.fromStart.has(type) || !known.has(type);
      const marks = isReread ? { readAt, positions: new Map<number, Micros>() } : known.get(type);
      if (marks === undefined) continue;
      known.set(type, marks);
      for (const priority of priorities) {
        const first = found?.get(priority) ?? (isDrained ? bound : undefined);
        if (first === undefined) continue;
        marks.positions.set(priority, Math.max(marks.positions.get(priority) ?? 0, Math.min(first, bound)));
      }
    }
    if (known.size > mostTypes) known.clear();
  }

  function forget(): void {
    for (const [type, marks] of known) known.set(type, { ...marks, readAt: Number.NEGATIVE_INFINITY });
  }

  return { scope, learn, forget };
}

/** The scope of a claim that knows nothing. */
export function scopeFromStart(types: readonly string[]): ClaimScope {
  const heads = types.flatMap((type) => priorities.map((priority) => ({ type, priority, position: 0 })));
  return { types, heads, gaps: types.length > 0 ? [] : gapsBetween([]), fromStart: new Set(types) };
}

interface TypeMarks {
  /** When it was last read from its start, by the steady clock. */
  readonly readAt: number;
  /** By priority: no row that counts is below. */
  readonly positions: Map<number, Micros>;
}

const priorities = [1, 2, 3, 4, 5] as const;

/** A row becomes visible when its batch commits, a little after the time that is its position. */
const settledAfterMicros = 2_000_000;

const mostTypes = 10_000;

/** After every type that anybody would use. */
const lastType = "\u{10ffff}".repeat(4);

function isStale(marks: TypeMarks | undefined, now: number, rereadMs: number): boolean {
  return marks === undefined || now - marks.readAt >= rereadMs;
}

function gapsBetween(types: readonly string[]): { after: string; before: string }[] {
  return ["", ...types].map((after, index) => ({ after, before: types[index] ?? lastType }));
}

function firstPositions(tasks: ClaimFinding["tasks"]): Map<string, Map<number, Micros>> {
  const firsts = new Map<string, Map<number, Micros>>();
  for (const { type, priority, position } of tasks) {
    const its = firsts.get(type) ?? new Map<number, Micros>();
    its.set(priority, Math.min(its.get(priority) ?? position, position));
    firsts.set(type, its);
  }
  return firsts;
}

/** As the collation "C" orders texts. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
