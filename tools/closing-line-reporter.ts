import type { Reporter, TestModule } from "vitest/node";
import { type Counts, closingLine } from "./closing-line.js";

/**
 * Ends a test run with its closing line. It counts tests; a file that fails to load and an error outside of any test, which have no test
 * to show for it, count as one failed test each, and so does a run in which nothing was found.
 */
export function closingLineReporter(print: (line: string) => void = console.log): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors, reason) {
      const counts = countTests(modules);
      const failed = counts.failed + unhandledErrors.length;
      const isFailedUnseen = reason !== "passed" && failed === 0;
      print(closingLine({ ...counts, failed: isFailedUnseen ? 1 : failed }));
    },
  };
}

function countTests(modules: readonly TestModule[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    const states = [...module.children.allTests()].map((test) => test.result().state);
    counts.passed += states.filter((state) => state === "passed").length;
    counts.failed += states.filter((state) => state === "failed").length;
    // A test that is still pending when the run is over was never run: its file broke off.
    counts.skipped += states.filter((state) => state === "skipped" || state === "pending").length;
    const isFailedOutsideTests = module.state() === "failed" && !states.includes("failed");
    if (isFailedOutsideTests) counts.failed += 1;
  }
  return counts;
}
