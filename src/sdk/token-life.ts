// Computes when to renew a token, from the token itself. A client with a wrong clock neither renews in a loop nor too
// late. Pure.

/** The part of a token's life after which it is renewed. */
const renewedAt = 0.8;
/** Bounds on the delay; timers of some platforms are limited to 24 days. */
const delayMsMin = 5_000;
const delayMsMax = 24 * 60 * 60_000;

/**
 * Returns the milliseconds until a token that was just issued should be renewed, or undefined if it does not say. Its
 * lifetime (`exp` less `iat`) needs no clock; the client's clock counts only if the token is valid by it.
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
    // Not a token that the client can read: the server closes with 4003 when it expires.
    return {};
  }
}
