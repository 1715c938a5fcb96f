/** Calls of generated methods over gRPC with nothing around them, so that what is measured is the server. */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";

/** Calls a method. */
export type Call = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
) => Promise<MessageShape<O>>;

const timeoutMs = 60_000;

/** Opens a connection of its own. */
export function openCalls(address: string): { call: Call; close(): void } {
  const channel = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const metadata = new Metadata();
  const call: Call = (method, request) =>
    new Promise((resolve, reject) => {
      channel.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
        (answer: Buffer) => fromBinary(method.output, answer),
        create(method.input, request),
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error(`${method.name} answered with nothing`));
          else resolve(response);
        },
      );
    });
  return { call, close: () => channel.close() };
}
