// The token that grants write access to a registry: derived from the cluster key under a label of its own, so that the
// key itself is never sent and a proof of the link handshake is useless here.

import { createHmac, timingSafeEqual } from "node:crypto";

/** Returns the token for `authorization: Bearer <token>`. */
export function registryToken(clusterKey: Uint8Array): string {
  return createHmac("sha256", clusterKey).update("roost registry 1").digest("base64url");
}

/** The scheme name is case-insensitive and followed by blanks (RFC 9110, 11.1 and 11.4). */
const scheme = /^bearer +/i;

/** Reports whether an `authorization` header carries one of the tokens; compares in constant time. */
export function showsToken(authorization: string | null, tokens: readonly string[]): boolean {
  const shown = Buffer.from((authorization ?? "").replace(scheme, "Bearer "));
  let isShown = false;
  for (const token of tokens) {
    const right = Buffer.from(`Bearer ${token}`);
    if (shown.length === right.length && timingSafeEqual(shown, right)) isShown = true;
  }
  return isShown;
}
