import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { clearField, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "vitest";

const run = promisify(execFile);

test("the printed validate.proto compiles to the descriptor that the validator itself uses", async () => {
  const { stdout } = await run(
    "npx",
    ["buf", "build", "third_party", "--path", "third_party/buf", "-o", "-#format=binpb"],
    {
      encoding: "buffer",
    },
  );
  const compiled = fromBinary(FileDescriptorSetSchema, stdout).file.find(
    ({ name }) => name === "buf/validate/validate.proto",
  );
  if (compiled === undefined) throw new Error("buf did not compile validate.proto");
  expect(comparable(compiled)).toEqual(comparable(file_buf_validate_validate.proto));
});

/** Leaves out what only the source has: comments and positions, and the name's suffix, which generated code does not keep. */
function comparable(file: FileDescriptorProto) {
  const copy = { ...file, name: "buf/validate/validate.proto" };
  clearField(copy, FileDescriptorProtoSchema.field.sourceCodeInfo);
  clearField(copy, FileDescriptorProtoSchema.field.syntax);
  return toJson(FileDescriptorProtoSchema, copy);
}
