/** Seeds of the random tests. The first of each is the usual one; a seed that once failed is added and stays. */
export const coreSeeds: readonly number[] = [20_261];

/** Those of the tests over the engine. */
export const engineSeeds: readonly number[] = [20_262];

/** Those of the tests of schedules. */
export const scheduleSeeds: readonly number[] = [20_263, 103, 106];
