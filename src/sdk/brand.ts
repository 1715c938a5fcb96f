/** Classes whose objects are known by every loaded copy of this package, as with ESM beside CommonJS or a linked package. */

/**
 * Makes `instanceof` of the classes hold for objects of the same classes of another copy. They are named by their keys, since bundlers may shorten their own
 * names. Classes that others derive from them are left as they are.
 */
export function brandClasses(classes: Readonly<Record<string, { readonly prototype: object }>>): void {
  for (const [name, branded] of Object.entries(classes)) {
    const brand = Symbol.for(`pawl.${name}`);
    Object.defineProperty(branded.prototype, brand, { value: true });
    Object.defineProperty(branded, Symbol.hasInstance, {
      value(this: unknown, value: unknown): boolean {
        if (this !== branded) return Function.prototype[Symbol.hasInstance].call(this as never, value);
        return typeof value === "object" && value !== null && brand in value;
      },
    });
  }
}
