import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { openTestFront } from "../support/test-front.js";

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function ask(...questions: Question[]): Promise<ServerReflectionResponse["messageResponse"][]> {
  const { address } = await openTestFront({});
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  onTestFinished(() => client.close());
  const stream = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    (message) => Buffer.from(toBinary(ServerReflectionRequestSchema, message)),
    (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
    new grpc.Metadata(),
  );
  const answers = stream.toArray();
  for (const messageRequest of questions)
    stream.write(create(ServerReflectionRequestSchema, { messageRequest }));
  stream.end();
  return (await answers).map((response: ServerReflectionResponse) => response.messageResponse);
}

function filesOf(answer: ServerReflectionResponse["messageResponse"] | undefined) {
  if (answer?.case !== "fileDescriptorResponse") throw new Error(`no files but ${answer?.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

test("serves the schemas with their comments and all that they import", async () => {
  const [answer] = await ask({
    case: "fileContainingSymbol",
    value: "pawl.v1.WorkflowService.StartWorkflow",
  });
  const files = filesOf(answer);
  expect(files[0]?.name).toBe("pawl/v1/workflow_service.proto");
  const comments = files[0]?.sourceCodeInfo?.location.map(({ leadingComments }) => leadingComments);
  expect(comments).toContainEqual(expect.stringContaining("Starts a workflow. Its first event"));
  const names = files.map(({ name }) => name);
  for (const { dependency } of files) for (const name of dependency) expect(names).toContain(name);
});

test("finds types, parts of types, files and extensions, in the order of the questions", async () => {
  const answers = await ask(
    { case: "fileContainingSymbol", value: "pawl.v1.Payload" },
    { case: "fileContainingSymbol", value: "pawl.v1.Payload.json" },
    { case: "fileContainingSymbol", value: "pawl.v1.ERROR_REASON_DEADLINE" },
    { case: "fileByFilename", value: "pawl/v1/payload.proto" },
    {
      case: "fileContainingExtension",
      value: { containingType: "google.protobuf.FieldOptions", extensionNumber: 1159 },
    },
  );
  expect(answers.map((answer) => filesOf(answer)[0]?.name)).toEqual([
    "pawl/v1/payload.proto",
    "pawl/v1/payload.proto",
    "pawl/v1/error.proto",
    "pawl/v1/payload.proto",
    "buf/validate/validate.proto",
  ]);
});

test("says what it does not know", async () => {
  const answers = await ask(
    { case: "fileContainingSymbol", value: "pawl.v1.Nothing" },
    { case: "fileByFilename", value: "nothing.proto" },
    { case: "allExtensionNumbersOfType", value: "google.protobuf.FieldOptions" },
  );
  expect(answers).toMatchObject([
    { case: "errorResponse", value: { errorCode: grpc.status.NOT_FOUND } },
    { case: "errorResponse", value: { errorCode: grpc.status.NOT_FOUND } },
    { case: "allExtensionNumbersResponse", value: { extensionNumber: expect.arrayContaining([1159]) } },
  ]);
});
