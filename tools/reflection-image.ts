/**
 * Writes proto/image.binpb: the schemas as reflection serves them, with the comments of proto/pawl, and nothing else of the source. With --check it compares
 * instead of writing and fails on a difference.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const target = join(import.meta.dirname, "..", "proto", "image.binpb");

const { stdout } = await promisify(execFile)(
  "npx",
  ["buf", "build", "--path", "proto/pawl", "--output", "-"],
  {
    cwd: join(import.meta.dirname, ".."),
    encoding: "buffer",
    maxBuffer: 64 * 1024 * 1024,
  },
);
const set = fromBinary(FileDescriptorSetSchema, stdout, { readUnknownFields: true });
for (const file of set.file) {
  // What buf adds about a file of its image.
  delete file.$unknown;
  keepComments(file);
}
const image = Buffer.from(toBinary(FileDescriptorSetSchema, set));

if (!process.argv.includes("--check")) {
  await writeFile(target, image);
  console.log("wrote proto/image.binpb");
} else if (!image.equals(await readFile(target).catch(() => Buffer.alloc(0)))) {
  console.error("proto/image.binpb is not current. Run npm run gen and commit the result.");
  process.exitCode = 1;
}

function keepComments(file: FileDescriptorProto): void {
  const { sourceCodeInfo } = file;
  if (sourceCodeInfo === undefined) return;
  const isOurs = file.name.startsWith("pawl/");
  const commented = sourceCodeInfo.location.filter((location) => location.leadingComments !== "");
  sourceCodeInfo.location = isOurs ? commented : [];
}
