// Where attackers come from: an address of their own, which a proxy names. Loopback is exempt from limits by address.

import type { Place } from "./attack.ts";

/** They share it, as those in one house do. */
export const attackerAddress = "203.0.113.66";
const endOfHead = "\r\n\r\n";

/** An HTTP request as a proxy passes it on for a client at that address. */
export function forwarded({ isBehindProxy }: Place, request: Buffer, address = attackerAddress): Buffer {
  const end = request.indexOf(endOfHead);
  if (!isBehindProxy || end === -1) return request;
  const field = Buffer.from(`\r\nX-Forwarded-For: ${address}`);
  return Buffer.concat([request.subarray(0, end), field, request.subarray(end)]);
}
