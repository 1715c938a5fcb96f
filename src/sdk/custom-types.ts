/** Types of values that JSON does not know. */

/** How values of a type are kept as JSON. */
export interface CustomType<T, J = unknown> {
  /** Whether a value is of the type, such as `value instanceof Money`. */
  is(value: unknown): value is T;
  /** Gives what JSON can hold, or other custom types. The same value must give the same. */
  encode(value: T): J;
  /** Makes the value of what `encode` gave. */
  decode(json: J): T;
}

const marker = "$pawlType";
const registry = Symbol.for("pawl.customTypes");

/** One for the process (or thread), so that all loaded copies of the package know the same types. */
function knownTypes(): Map<string, CustomType<unknown>> {
  const holder = globalThis as { [registry]?: Map<string, CustomType<unknown>> };
  holder[registry] ??= new Map();
  return holder[registry];
}

/**
 * Lets values of a type be given to workflows, activities, signals and all else that holds JSON, at any depth. Belongs beside the type itself, so that whoever uses that has
 * it defined. Servers keep `{ "$pawlType": name, "value": … }`, so the name must not change while there are such values. A name that is defined again
 * gets the newer definition. Throws a RangeError if the name is empty.
 */
export function defineType<T, J>(name: string, type: CustomType<T, J>): void {
  if (name === "") throw new RangeError("a type needs a name");
  knownTypes().set(name, type as CustomType<unknown>);
}

/** The JSON of a value, undefined if it has none. */
export function toJson(value: unknown): string | undefined {
  const types = knownTypes();
  if (types.size === 0) return JSON.stringify(value);
  return JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
    // By the holder, since what has a toJSON, such as a Date, is shown as what that gives.
    const held = this[key];
    for (const [name, type] of types) {
      if (type.is(held)) return { [marker]: name, value: type.encode(held) };
    }
    return shown;
  });
}

/** The value of a JSON. Throws a TypeError for a value of a type that nobody has defined here. */
export function fromJson(json: string): unknown {
  // A cheap look, since most values have none.
  if (!json.includes(marker)) return JSON.parse(json);
  const types = knownTypes();
  return JSON.parse(json, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, marker)) return value;
    const { [marker]: name, value: kept } = value as { readonly [marker]: string; readonly value: unknown };
    const type = types.get(name);
    if (type !== undefined) return type.decode(kept);
    throw new TypeError(
      `a value is of the type "${name}", which is not defined here: import what calls defineType`,
    );
  });
}
