// Signatures of Standard Webhooks (https://www.standardwebhooks.com, "Verifying webhook authenticity"): HMAC-SHA256
// over id.timestamp.body, by a secret that is `whsec_` and base64.

import { createHmac } from "node:crypto";
import type { Random } from "../base/random.ts";

const prefix = "whsec_";
const secretBytes = 32;
/** As the specification bounds them. */
const secretBytesMin = 24;
const secretBytesMax = 64;

/** What is wrong with a secret. */
export const secretRule = `whsec_ and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes`;

export function newSecret(random: Pick<Random, "bytes">): string {
  return prefix + Buffer.from(random.bytes(secretBytes)).toString("base64");
}

/** The key of a secret; undefined for what is none (`secretRule`). */
export function keyOfSecret(secret: string): Buffer | undefined {
  if (!/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret)) return undefined;
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  return key.length >= secretBytesMin && key.length <= secretBytesMax ? key : undefined;
}

/** The headers of a signed request. `atMs`: milliseconds since 1970; `body`: the bytes that are sent. */
export function signedHeaders(
  key: Buffer,
  webhookId: string,
  atMs: number,
  body: Uint8Array,
): Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>> {
  const timestamp = `${Math.floor(atMs / 1_000)}`;
  const signature = createHmac("sha256", key).update(`${webhookId}.${timestamp}.`).update(body).digest("base64");
  return { "webhook-id": webhookId, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
