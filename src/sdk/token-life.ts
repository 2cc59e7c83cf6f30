// When to renew a token: read from the token itself, and so that a client whose clock is wrong neither renews without end
// nor too late. Pure.

/** Of a token's life, what has passed when it is renewed. */
const renewedAt = 0.8;
/** No renewal comes sooner, and none later than this: a platform's timers go no further than 24 days. */
const delayMsMin = 5_000;
const delayMsMax = 24 * 60 * 60_000;

/**
 * Milliseconds from now until a token that was just got should be renewed; undefined: what it says is no reason to. The
 * length of its life (`exp` less `iat`) needs no clock; the client's counts only where it agrees that the token is alive.
 */
export function renewDelayMs(token: string, nowMs: number): number | undefined {
  const { iat, exp } = claimsOf(token);
  if (exp === undefined) return undefined;
  const lifeMs = iat === undefined ? Infinity : (exp - iat) * 1000;
  const leftMs = exp * 1000 - nowMs;
  const delayMs = (leftMs > 0 ? Math.min(leftMs, lifeMs) : lifeMs) * renewedAt;
  return delayMs > 0 && delayMs < Infinity ? Math.min(Math.max(delayMs, delayMsMin), delayMsMax) : undefined;
}

function claimsOf(token: string): { readonly iat?: number | undefined; readonly exp?: number | undefined } {
  try {
    const [, payload = ""] = token.split(".");
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    if (typeof claims !== "object" || claims === null) return {};
    const number = (name: string): number | undefined => {
      const value: unknown = Reflect.get(claims, name);
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    };
    return { iat: number("iat"), exp: number("exp") };
  } catch {
    // No token of a kind that the client can read: the server's word, 4003, says when it is over.
    return {};
  }
}
