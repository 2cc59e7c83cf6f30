// The token that opens a registry for writing: made from the cluster key under a label of its own, so that the key itself
// never travels, and what a link's handshake proves is no use here.

import { createHmac, timingSafeEqual } from "node:crypto";

/** `authorization: Bearer <this>`. */
export function registryToken(clusterKey: Uint8Array): string {
  return createHmac("sha256", clusterKey).update("roost registry 1").digest("base64url");
}

/** The scheme's name has no case, and blanks follow it (RFC 9110, 11.1 and 11.4). */
const scheme = /^bearer +/i;

/** Reports whether an `authorization` header shows one of the tokens; takes the same time however much of it is right. */
export function showsToken(authorization: string | null, tokens: readonly string[]): boolean {
  const shown = Buffer.from((authorization ?? "").replace(scheme, "Bearer "));
  let isShown = false;
  for (const token of tokens) {
    const right = Buffer.from(`Bearer ${token}`);
    if (shown.length === right.length && timingSafeEqual(shown, right)) isShown = true;
  }
  return isShown;
}
