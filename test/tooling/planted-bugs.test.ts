import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { plantedBugs } from "../model/planted-bugs.js";

describe("the bugs that are planted to try the model tests", () => {
  it.each(plantedBugs)("have their place in the code: $name", ({ file, find, replace }) => {
    const text = readFileSync(file, "utf8");
    expect(text.split(find).length - 1, `how often ${file} has what "find" says`).toBe(1);
    expect(replace).not.toBe(find);
  });

  it("are each named once", () => {
    const names = plantedBugs.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
