/** Activities as types. */

/** Activities as a worker has them: functions of an input and the activity's own context. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of unknown functions can be named in no other way.
export type ActivityImplementations = Readonly<Record<string, (input: any, context: any) => unknown>>;

/** Activities as workflow code calls them. */
export type ActivityCalls<A extends ActivityImplementations> = {
  readonly [K in keyof A]: Parameters<A[K]> extends []
    ? () => Promise<Awaited<ReturnType<A[K]>>>
    : (input: Parameters<A[K]>[0]) => Promise<Awaited<ReturnType<A[K]>>>;
};
