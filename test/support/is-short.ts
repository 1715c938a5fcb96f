/** Whether long tests have their short form, as they have in `make test`; `make test-long` runs them whole, and so does `npx vitest run` with their path. */
export const isShort = process.env.PAWL_TEST_SHORT === "1";
