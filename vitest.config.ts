import { defineConfig } from "vitest/config";
import { closingLineReporter } from "./tools/closing-line-reporter.js";

/** Tests of pure code, which cover every line and branch of src/core by themselves. */
const pure = ["test/core/**/*.test.ts", "test/model/core/*.test.ts", "test/model/schedules/*.test.ts"];

/** Tests that change nothing but databases of their own, so that files may share what they load. */
const integration = ["engine", "store", "service", "loops", "contract"].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);
const globalSetup = "test/support/global-setup.ts";

export default defineConfig({
  // The programs of docs/comparison import "pawl", as those of its users do.
  resolve: { tsconfigPaths: true },
  test: {
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default", closingLineReporter()],
    projects: [
      { extends: true, test: { name: "core", include: pure, isolate: false } },
      {
        extends: true,
        test: { name: "integration", include: integration, isolate: false, globalSetup },
      },
      {
        extends: true,
        test: {
          name: "all else",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts", "docs/**/*.test.ts"],
          exclude: [...pure, ...integration],
          globalSetup,
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/core/**"],
      reporter: ["text-summary", "html"],
      thresholds: { lines: 100, branches: 100 },
    },
  },
});
