// Where a node of the registry is reached, by the addresses that it registers: `http://host:port`, `https://host:port`,
// or both while its cluster changes to TLS. Whoever may write to the registry writes these addresses, so that they must
// not lead a client that asks over HTTPS to plain text.

/** Which addresses a client takes. */
export type Schemes =
  /** `https://` alone. */
  | "secure"
  /** `https://` if there is one: the client has the authorities of the cluster. */
  | "secure-first"
  /** `http://` if there is one. */
  | "plain-first";

/**
 * Returns the addresses that a client takes which was given the nodes `seeds`: one that knows no plain one learns none.
 * @param tls how it verifies nodes; undefined: by the authorities of the system.
 */
export function schemesFor(seeds: readonly string[], tls: { readonly isRequired: boolean } | undefined): Schemes {
  if (tls?.isRequired === true || seeds.every((seed) => seed.startsWith("https:"))) return "secure";
  return tls === undefined ? "plain-first" : "secure-first";
}

/** Returns the first origin that the client takes, in the order of `schemes`; undefined if there is none. */
export function originIn(addrs: readonly string[], schemes: Schemes): string | undefined {
  const origins = addrs.map(originOf).filter((origin) => origin !== undefined);
  const secure = origins.find((origin) => origin.startsWith("https:"));
  if (schemes === "secure") return secure;
  const plain = origins.find((origin) => origin.startsWith("http:"));
  return schemes === "secure-first" ? (secure ?? plain) : (plain ?? secure);
}

/** Returns the origin of an `http://host:port` or `https://host:port` address, or undefined for others. */
export function originOf(address: string): string | undefined {
  if (!/^https?:\/\//.test(address)) return undefined;
  const url = URL.parse(address);
  return url === null || url.hostname === "" || url.pathname !== "/" || url.search !== "" ? undefined : url.origin;
}
