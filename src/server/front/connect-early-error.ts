/** The errors that Connect's own code makes before a handler sees the request. */
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/** An error of a request that could not be taken in. */
export interface EarlyError {
  readonly isTooLarge: boolean;
  readonly message: string;
}

const endOfStreamFlag = 0b1000_0000;
const frameHeadBytes = 5;
const grpcCodes = { invalidArgument: "3", resourceExhausted: "8", internal: "13" };

/**
 * Reads whether a response refuses its request as unreadable or too large. Reading uses the response up, so that an equal one comes back with the answer.
 */
export async function earlyErrorOf(
  response: UniversalServerResponse,
): Promise<{ early: EarlyError | undefined; response: UniversalServerResponse }> {
  if (response.body === undefined) return { early: undefined, response };
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const isWeb = response.header?.get("content-type")?.startsWith("application/grpc-web") ?? false;
  const early = isWeb ? fromTrailer(body) : response.status === 200 ? undefined : fromJson(body);
  return { early, response: { ...response, body: once(body) } };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function fromJson(body: Buffer): EarlyError | undefined {
  let error: { code?: unknown; message?: unknown };
  try {
    error = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  const message = String(error.message ?? "");
  switch (error.code) {
    case "resource_exhausted":
      return { isTooLarge: true, message };
    case "invalid_argument":
    case "internal":
      return { isTooLarge: false, message };
    default:
      return undefined;
  }
}

/** A gRPC-Web body ends with a frame of trailers, written like headers of HTTP/1.1. */
function fromTrailer(body: Buffer): EarlyError | undefined {
  const trailer = trailerOf(body);
  const status = trailer.get("grpc-status");
  const message = decodeURIComponent(trailer.get("grpc-message") ?? "");
  switch (status) {
    case grpcCodes.resourceExhausted:
      return { isTooLarge: true, message };
    case grpcCodes.invalidArgument:
    case grpcCodes.internal:
      return { isTooLarge: false, message };
    default:
      return undefined;
  }
}

function trailerOf(body: Buffer): Map<string, string> {
  for (let at = 0; at + frameHeadBytes <= body.length; ) {
    const end = at + frameHeadBytes + body.readUInt32BE(at + 1);
    if ((body.readUInt8(at) & endOfStreamFlag) !== 0) {
      const lines = body.toString("utf8", at + frameHeadBytes, end).split("\r\n");
      return new Map(lines.map((line) => toHeader(line)));
    }
    at = end;
  }
  return new Map();
}

function toHeader(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
