/** Calls over the Connect protocol on HTTP/1.1, with messages in binary form. */
import { Agent } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport as createNodeTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { errorOfRefusal, type PawlError, serverUnreachable, unanswered } from "./errors.js";
import { maxAnswerBytes, type Transport } from "./transport.js";

/** Makes a transport; nothing is sent yet. A connection carries one call at a time, so there are as many as calls at once. */
export function createConnectTransport(address: string): Transport {
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: 15_000 });
  const transport = createNodeTransport({
    baseUrl: `http://${address}`,
    httpVersion: "1.1",
    useBinaryFormat: true,
    nodeOptions: { agent },
    acceptCompression: [],
    readMaxBytes: maxAnswerBytes,
  });
  return {
    async send({ method, request, timeoutMs, signal }) {
      try {
        return (await transport.unary(method, signal, timeoutMs, undefined, request)).message;
      } catch (error) {
        throw errorFromCall(ConnectError.from(error), address, timeoutMs);
      }
    },
    close: () => agent.destroy(),
  };
}

function errorFromCall(error: ConnectError, address: string, timeoutMs: number): PawlError {
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info === undefined && isOfConnection(error)) {
    return serverUnreachable(address, error.rawMessage, { cause: error });
  }
  if (info === undefined && error.code === Code.DeadlineExceeded) {
    return unanswered(address, timeoutMs, { cause: error });
  }
  const fields = { code: error.code, reason: info?.reason ?? "", metadata: info?.metadata ?? {} };
  return errorOfRefusal(error.rawMessage, fields, { cause: error });
}

/** Whether a call failed on its way: the library gives some errors of the network other codes than Unavailable, and what Node said as the cause. */
function isOfConnection({ code, cause }: ConnectError): boolean {
  if (code === Code.Unavailable || code === Code.Aborted) return true;
  return cause instanceof Error && "code" in cause && /^(E[A-Z]+$|HPE_)/.test(String(cause.code));
}
