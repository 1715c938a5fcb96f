/**
 * gRPC reflection, so that tools can call with no schema at hand. It serves an image of the schemas with their comments, which is read when somebody asks
 * for the first time.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescFile,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../../gen/grpc/reflection/v1/reflection_pb.js";

/** Both versions have the same messages. */
const serviceNames = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

type Answer = ServerReflectionResponse["messageResponse"];
type ReflectionCall = grpc.ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/** Adds the reflection services, v1 and v1alpha. */
export function addReflection(server: grpc.Server): void {
  let image: Promise<FileRegistry> | undefined;
  const readOnce = () => {
    image ??= readImage();
    return image;
  };
  for (const name of serviceNames) {
    server.addService(definitionOf(name), {
      serverReflectionInfo: (call: ReflectionCall) => serve(call, readOnce),
    });
  }
}

/** Answers in the order of the questions. Iterating over the call would destroy it with the last question, before it has its status. */
function serve(call: ReflectionCall, readOnce: () => Promise<FileRegistry>): void {
  let answered = Promise.resolve();
  call.on("data", (request: ServerReflectionRequest) => {
    answered = answered.then(async () => {
      const messageResponse = answer(await readOnce(), request);
      const { host: validHost } = request;
      const response = { validHost, originalRequest: request, messageResponse };
      call.write(create(ServerReflectionResponseSchema, response));
    });
    answered.catch((error: Error) => call.destroy(error));
  });
  call.on("end", () => {
    answered.then(
      () => call.end(),
      () => {},
    );
  });
}

function answer(image: FileRegistry, { messageRequest: asked }: ServerReflectionRequest): Answer {
  switch (asked.case) {
    case "listServices":
      return listServices(image);
    case "fileByFilename":
      return asFiles([...image.files].find(({ proto }) => proto.name === asked.value));
    case "fileContainingSymbol":
      return asFiles(fileOfSymbol(image, asked.value));
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = asked.value;
      return asFiles(
        extensionsOf(image, containingType).find(({ number }) => number === extensionNumber)?.file,
      );
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = extensionsOf(image, asked.value).map(({ number }) => number);
      return create(ServerReflectionResponseSchema, {
        messageResponse: {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: asked.value, extensionNumber },
        },
      }).messageResponse;
    }
    default:
      return asError(grpc.status.UNIMPLEMENTED, "this kind of question is not known");
  }
}

function listServices(image: FileRegistry): Answer {
  const services = [...image].filter(({ kind }) => kind === "service");
  const service = services.map(({ typeName: name }) => ({ name }));
  return create(ServerReflectionResponseSchema, {
    messageResponse: { case: "listServicesResponse", value: { service } },
  }).messageResponse;
}

/** A symbol may be a type or a part of one: a field, a method, or a value of an enum, which is named beside its enum and not within. */
function fileOfSymbol(image: FileRegistry, symbol: string): DescFile | undefined {
  const [scope, name] = splitAtLastDot(symbol);
  const owner = image.get(symbol) ?? image.get(scope) ?? enumWithValue(image, scope, name);
  return owner?.file;
}

function enumWithValue(image: FileRegistry, scope: string, name: string): DescEnum | undefined {
  for (const type of image) {
    if (type.kind !== "enum" || splitAtLastDot(type.typeName)[0] !== scope) continue;
    if (type.values.some((value) => value.name === name)) return type;
  }
  return undefined;
}

function splitAtLastDot(symbol: string): [scope: string, name: string] {
  const dot = symbol.lastIndexOf(".");
  return [symbol.slice(0, Math.max(0, dot)), symbol.slice(dot + 1)];
}

function extensionsOf(image: FileRegistry, typeName: string) {
  return [...image]
    .filter((type) => type.kind === "extension")
    .filter((type) => type.extendee.typeName === typeName);
}

function asFiles(file: DescFile | undefined): Answer {
  if (file === undefined) return asError(grpc.status.NOT_FOUND, "it is not part of what this server serves");
  const fileDescriptorProto = withDependencies(file).map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return create(ServerReflectionResponseSchema, {
    messageResponse: { case: "fileDescriptorResponse", value: { fileDescriptorProto } },
  }).messageResponse;
}

/** The file itself first, then all that it imports. */
function withDependencies(file: DescFile): DescFile[] {
  const files = new Set([file]);
  // A set goes on to what is added meanwhile.
  for (const { dependencies } of files) for (const dependency of dependencies) files.add(dependency);
  return [...files];
}

function asError(errorCode: grpc.status, errorMessage: string): Answer {
  return create(ServerReflectionResponseSchema, {
    messageResponse: { case: "errorResponse", value: { errorCode, errorMessage } },
  }).messageResponse;
}

async function readImage(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(imagePath())));
}

/** proto/ lies beside package.json, however deep this file was compiled to. */
function imagePath(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return join(folder, "proto", "image.binpb");
}

function definitionOf(name: string): grpc.ServiceDefinition {
  const definition: grpc.MethodDefinition<ServerReflectionRequest, ServerReflectionResponse> = {
    path: `/${name}/ServerReflectionInfo`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (message) => Buffer.from(toBinary(ServerReflectionRequestSchema, message)),
    requestDeserialize: (bytes) => fromBinary(ServerReflectionRequestSchema, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(ServerReflectionResponseSchema, message)),
    responseDeserialize: (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
  };
  return { serverReflectionInfo: definition };
}
