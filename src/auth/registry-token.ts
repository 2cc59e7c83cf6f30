// The token that opens a registry for writing: made from the cluster key under a label of its own, so that the key itself
// never travels, and what a link's handshake proves is no use here.

import { createHmac, timingSafeEqual } from "node:crypto";

/** `authorization: Bearer <this>`. */
export function registryToken(clusterKey: Uint8Array): string {
  return createHmac("sha256", clusterKey).update("roost registry 1").digest("base64url");
}

/** True when an `authorization` header shows the token; takes the same time however much of it is right. */
export function showsToken(authorization: string | null, token: string): boolean {
  const shown = Buffer.from(authorization ?? "");
  const right = Buffer.from(`Bearer ${token}`);
  return shown.length === right.length && timingSafeEqual(shown, right);
}
