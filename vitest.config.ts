import { defineConfig } from "vitest/config";
import { closingLineReporter } from "./tools/closing-line-reporter.js";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default", closingLineReporter()],
    coverage: {
      provider: "v8",
      include: ["src/core/**"],
      reporter: ["text", "html"],
      thresholds: { lines: 100, branches: 100 },
    },
  },
});
