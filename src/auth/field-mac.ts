// An HMAC over several fields. Each field is preceded by its length, so that no two lists of fields look the same.

import { createHmac } from "node:crypto";

const lengthBytes = 4;

/** Returns the HMAC-SHA-256 of the fields, each behind its length in four bytes, the most significant first. */
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
