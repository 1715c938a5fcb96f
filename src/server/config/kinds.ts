/** One setting: how it is read, what it is when nobody sets it, and the sentence that explains it. */
export interface Definition<T> {
  readonly kind: "text" | "choice" | "whole" | "bytes" | "switch";
  readonly default: T;
  /** What stands for the value in help and documents. */
  readonly placeholder: string;
  readonly about: string;
  /** Reads what a flag, a variable or the file holds. Undefined is the answer to a bad value. */
  read(value: unknown): T | undefined;
  /** What a good value is, to finish the sentence "must be ...". */
  readonly rule: string;
}

/** A text that is not empty. Without a default it may be absent. */
export function text<T extends string | undefined>(options: {
  default: T;
  placeholder: string;
  about: string;
}): Definition<T | string> {
  const read = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return { kind: "text", ...options, read, rule: "a text that is not empty" };
}

/** One of several words. */
export function choice<T extends string>(options: {
  default: NoInfer<T>;
  of: readonly T[];
  about: string;
}): Definition<T> {
  return {
    kind: "choice",
    default: options.default,
    about: options.about,
    placeholder: options.of.join("|"),
    read: (value) => options.of.find((word) => word === value),
    rule: `one of ${options.of.join(", ")}`,
  };
}

interface WholeOptions {
  default: number;
  min: number;
  max?: number;
  about: string;
}

/** A whole number in a range. */
export function whole(options: WholeOptions & { placeholder?: string }): Definition<number> {
  const { min, max } = options;
  return {
    kind: "whole",
    default: options.default,
    about: options.about,
    placeholder: options.placeholder ?? "number",
    read: (value) => inRange(options, typeof value === "string" ? parseDigits(value) : value),
    rule: max === undefined ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`,
  };
}

/** A duration in milliseconds. */
export function milliseconds(options: WholeOptions): Definition<number> {
  return whole({ ...options, max: options.max ?? 2_147_483_647, placeholder: "ms" });
}

/** A size: a number of bytes, or a text such as "2MiB". */
export function bytes(options: WholeOptions): Definition<number> {
  return {
    kind: "bytes",
    default: options.default,
    about: options.about,
    placeholder: "bytes",
    read: (value) => inRange(options, typeof value === "string" ? parseSize(value) : value),
    rule: `a number of bytes, or of KiB, MiB or GiB such as 2MiB, from ${options.min}${options.max === undefined ? "" : ` to ${options.max}`}`,
  };
}

/** On or off, and off unless set. */
export function onOff(options: { about: string }): Definition<boolean> {
  const words = new Map<unknown, boolean>([
    [true, true],
    ["true", true],
    ["1", true],
    [false, false],
    ["false", false],
    ["0", false],
  ]);
  return {
    kind: "switch",
    default: false,
    about: options.about,
    placeholder: "true|false",
    read: (value) => words.get(value),
    rule: "true or false",
  };
}

function inRange(range: { min: number; max?: number }, value: unknown): number | undefined {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return undefined;
  return value >= range.min && value <= (range.max ?? Number.MAX_SAFE_INTEGER) ? value : undefined;
}

function parseDigits(value: string): number | undefined {
  return /^-?\d+$/.test(value) ? Number(value) : undefined;
}

function parseSize(value: string): number | undefined {
  const [, digits, unit] = /^(\d+) ?(B|KiB|MiB|GiB)?$/i.exec(value) ?? [];
  if (digits === undefined) return undefined;
  const power = ["b", "kib", "mib", "gib"].indexOf(unit?.toLowerCase() ?? "b");
  return Number(digits) * 1024 ** power;
}
