import { describe, expect, it } from "vitest";
import { findBrokenPromises, readPromises } from "../../tools/promises.js";

const table = (proof: string) => `
<!-- promises: begin -->
| promise | proof |
|---|---|
| Nothing is lost. | ${proof} |
<!-- promises: end -->
`;
const proof = "`test/a.test.ts › keeps what it said`";

function problems(markdown: string, file: string | undefined): string[] {
  return findBrokenPromises(readPromises(markdown), (path) => (path === "test/a.test.ts" ? file : undefined));
}

describe("the check of promises", () => {
  it("accepts a promise whose test is there", () => {
    expect(problems(table(proof), 'it("keeps what it said", () => {});')).toEqual([]);
    expect(problems(table(proof), 'it.each([1, 2])("keeps what it said", () => {});')).toEqual([]);
    expect(problems(table(proof), 'it.each([\n  { how: "so" },\n])(\n  "keeps what it said",\n')).toEqual([]);
  });

  it("names a promise whose test is missing", () => {
    expect(problems(table(proof), 'it("keeps nothing", () => {});')).toEqual([
      '"Nothing is lost.": test/a.test.ts › keeps what it said is missing',
    ]);
    expect(problems(table(proof), undefined)).toEqual([
      '"Nothing is lost.": test/a.test.ts › keeps what it said has no such file',
    ]);
  });

  it.each(["it.skip(", "it.todo(", "test.skip(", "it.skipIf(true)("])(
    "names a promise whose test is skipped by %s",
    (call) => {
      expect(problems(table(proof), `${call}"keeps what it said", () => {});`)).toEqual([
        '"Nothing is lost.": test/a.test.ts › keeps what it said is skipped',
      ]);
    },
  );

  it("names a promise without a test, and refuses an empty table", () => {
    expect(problems(table("trust us"), "")).toEqual(['"Nothing is lost." names no test']);
    expect(() => readPromises("nothing")).toThrow("no table");
  });
});
