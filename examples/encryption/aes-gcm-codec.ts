/** A codec that encrypts payloads with AES-256-GCM, so that the server and its database hold nothing readable. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import {
  type Payload,
  type PayloadCodec,
  type PayloadInit,
  payloadFromBytes,
  payloadToBytes,
} from "../../src/sdk/index.js";

/** Keys by their ids. To rotate, give all workers and clients the new key, then make it current, and keep old ones for as long as runs use them. */
export interface EncryptionKeys {
  /** The key that is encrypted with. */
  readonly currentKeyId: string;
  /** 32 bytes each, such as from a key service. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

const encoding = "binary/encrypted";
const nonceBytes = 12;
const tagBytes = 16;

/** Makes a codec. Throws a RangeError if the current key is not among the keys, or a key is not 32 bytes long. */
export function createAesGcmCodec({ currentKeyId, keys }: EncryptionKeys): PayloadCodec {
  const ciphers = new Map(Object.entries(keys).map(([id, key]) => [id, createKeyCipher(id, key)]));
  const current = ciphers.get(currentKeyId);
  if (current === undefined) throw new RangeError(`there is no key "${currentKeyId}"`);

  function decrypt(payload: Payload): PayloadInit {
    // What was there before encryption was turned on stays readable.
    if (textOf(payload.metadata.encoding) !== encoding || payload.body.case !== "data") return payload;
    const keyId = textOf(payload.metadata["key-id"]);
    const cipher = ciphers.get(keyId);
    if (cipher === undefined) throw new Error(`it is encrypted with the key "${keyId}", which is not here`);
    return payloadFromBytes(cipher.decrypt(payload.body.value));
  }

  return {
    encode: (payloads) => payloads.map((payload) => current.encrypt(payloadToBytes(payload))),
    decode: (payloads) => payloads.map(decrypt),
  };
}

function createKeyCipher(id: string, key: Uint8Array) {
  if (key.length !== 32) throw new RangeError(`the key "${id}" has ${key.length} bytes, but 32 are needed`);
  const secret = Buffer.from(hkdfSync("sha256", key, "", "pawl encryption", 32));
  const nonceSecret = Buffer.from(hkdfSync("sha256", key, "", "pawl nonces", 32));
  const metadata = { encoding: Buffer.from(encoding), "key-id": Buffer.from(id) };
  return {
    encrypt(plain: Uint8Array): PayloadInit {
      // Made of the text, so that the same text is encrypted the same and a repeated update is known as a repeat. It shows which texts are equal, nothing else.
      const nonce = createHmac("sha256", nonceSecret).update(plain).digest().subarray(0, nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", secret, nonce);
      const value = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { body: { case: "data", value }, metadata };
    },
    decrypt(bytes: Uint8Array): Uint8Array {
      const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, nonceBytes));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      } catch (error) {
        const message = `the key "${id}" is not the one it was encrypted with, or the payload was altered`;
        throw new Error(message, { cause: error });
      }
    },
  };
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
