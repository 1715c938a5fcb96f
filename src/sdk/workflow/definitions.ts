/** Names of signals, queries and updates with what they carry, shared between workflow code and those who talk to it. */

declare const types: unique symbol;

/** A signal by its name, and what it carries. */
export interface SignalDefinition<T = unknown> {
  readonly kind: "signal";
  readonly name: string;
  /** Never there: it tells TypeScript what the signal carries. */
  readonly [types]?: (value: T) => T;
}

/** A query by its name, what it answers and what it is asked with. */
export interface QueryDefinition<R = unknown, A = unknown> {
  readonly kind: "query";
  readonly name: string;
  /** Never there: it tells TypeScript the types. */
  readonly [types]?: (input: A, result: R) => [A, R];
}

/** An update by its name, what it answers and what it carries. */
export interface UpdateDefinition<R = unknown, A = unknown> {
  readonly kind: "update";
  readonly name: string;
  /** Never there: it tells TypeScript the types. */
  readonly [types]?: (input: A, result: R) => [A, R];
}

/** Names a signal that carries a T, for `ctx.onSignal`, `ctx.signal` and `handle.signal`. Throws a RangeError if the name is empty. */
export function defineSignal<T = undefined>(name: string): SignalDefinition<T> {
  return { kind: "signal", name: nonEmpty("signal", name) };
}

/** Names a query that is asked with an A and answers an R, for `ctx.onQuery` and `handle.query`. Throws a RangeError if the name is empty. */
export function defineQuery<R, A = undefined>(name: string): QueryDefinition<R, A> {
  return { kind: "query", name: nonEmpty("query", name) };
}

/** Names an update that carries an A and answers an R, for `ctx.onUpdate` and `handle.update`. Throws a RangeError if the name is empty. */
export function defineUpdate<R = undefined, A = undefined>(name: string): UpdateDefinition<R, A> {
  return { kind: "update", name: nonEmpty("update", name) };
}

/** The name of something that is given by name or definition. */
export function nameOf(named: string | { readonly name: string }): string {
  return typeof named === "string" ? named : named.name;
}

function nonEmpty(what: string, name: string): string {
  if (name === "") throw new RangeError(`a ${what} needs a name`);
  return name;
}
