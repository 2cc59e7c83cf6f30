// Addresses of sockets as text: how operators write them, and how the platform reports them.

import { reasonOf } from "../base/reason-of.ts";
import { networkInterfaces } from "node:os";

/** Where to listen or dial. Port 0 lets the system pick one. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with IPv6 hosts in brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Returns a peer's plain IP address, given what the platform reports; undefined if the peer is gone. Bun's types
 * promise an address, but a socket whose peer reset the connection before it was accepted has none. A missing address
 * must never pass for an empty one, which would escape the quotas as loopback does.
 */
export function peerAddress(address: string | undefined): string | undefined {
  return address === undefined || address === "" ? undefined : plainAddress(address);
}

/** Returns an IP address without the prefix that a dual-stack socket puts before IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}

/** Returns the `host:port` that others dial: the advertised host and port if given, else the bound ones. */
export function advertisedAs(
  advertise: { readonly host: string; readonly port: number | undefined } | undefined,
  ownHost: (boundHost: string) => string,
): (bound: string) => string {
  return (bound) => {
    const colon = bound.lastIndexOf(":");
    const boundHost = bound.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    return formatAddress(advertise?.host ?? ownHost(boundHost), advertise?.port ?? Number(bound.slice(colon + 1)));
  };
}

/** The system does not report this machine's addresses: a confined process may not ask. */
export class OwnAddressUnknown extends Error {
  override readonly name = "OwnAddressUnknown";
}

/**
 * Returns the host at which others reach what is bound to `host`; for a wildcard, an address of this machine.
 * @throws OwnAddressUnknown
 */
export function reachableHost(host: string, interfacesOf = networkInterfaces): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  let interfaces: ReturnType<typeof networkInterfaces>;
  try {
    interfaces = interfacesOf();
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new OwnAddressUnknown(
      `cannot learn this machine's addresses: ${reason}; say with --advertise where others reach it`,
      { cause },
    );
  }
  const addresses = Object.values(interfaces).flatMap((list) => list ?? []);
  const outer = addresses.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "127.0.0.1";
}
