import { expect, test } from "vitest";
import { completeLockfile, type Lockfile } from "../../tools/complete-lockfile.js";

test("adds the binaries of other platforms that a package may want", () => {
  const lockfile: Lockfile = {
    packages: {
      "node_modules/tool": {
        version: "1.2.3",
        dev: true,
        optionalDependencies: { "@tool/linux-x64": "1.2.3", "@tool/darwin-arm64": "1.2.3" },
      },
      "node_modules/@tool/linux-x64": { version: "1.2.3", os: ["linux"], cpu: ["x64"] },
    },
  };
  expect(completeLockfile(lockfile)).toEqual([
    "@tool/darwin-arm64@1.2.3, wanted by node_modules/tool, has no entry",
  ]);
  const added = { version: "1.2.3", dev: true, optional: true, os: ["darwin"], cpu: ["arm64"] };
  expect(lockfile.packages["node_modules/@tool/darwin-arm64"]).toEqual(added);
  expect(completeLockfile(lockfile)).toEqual([]);
});

test("finds a binary that is locked inside the package that wants it", () => {
  const nested = "node_modules/a/node_modules/b";
  const packages = {
    [nested]: { optionalDependencies: { "c-linux-x64": "1.0.0" } },
    "node_modules/a/node_modules/c-linux-x64": { version: "1.0.0" },
  };
  expect(completeLockfile({ packages })).toEqual([]);
});

test("removes download addresses", () => {
  const lockfile: Lockfile = {
    packages: { "node_modules/a": { version: "1.0.0", resolved: "https://registry.example/a.tgz" } },
  };
  expect(completeLockfile(lockfile)).toEqual(["node_modules/a has a download address"]);
  expect(lockfile.packages).toEqual({ "node_modules/a": { version: "1.0.0" } });
});
