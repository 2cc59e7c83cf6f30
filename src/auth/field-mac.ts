// An HMAC over several fields. A length precedes each field, so that different lists of fields never encode alike.

import { createHmac } from "node:crypto";

const lengthBytes = 4;

/** Returns the HMAC-SHA-256 of the fields, each preceded by its length as four bytes in big-endian order. */
export function fieldMac(key: Uint8Array, fields: Iterable<string | Uint8Array>): Buffer<ArrayBuffer> {
  const hmac = createHmac("sha256", key);
  for (const field of fields) {
    const bytes = typeof field === "string" ? Buffer.from(field) : field;
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}
