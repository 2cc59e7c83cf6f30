// An instance's endpoints: its addresses as far as DNS can express them.

import { isIP } from "node:net";
import { canonicalAddress } from "../../transport/address-ranges.ts";
import type { Instance } from "../instance.ts";

const defaultPorts: Readonly<Record<string, number>> = { http: 80, ws: 80, https: 443, wss: 443 };
const weightDefault = 1;
const srvWeightMax = 65_535;

/** One address of an instance. */
interface Endpoint {
  /** Such as `tcp`, `ws`, `grpc`; in lower case. */
  readonly scheme: string;
  /** An IP address without brackets, or a name without the final dot, in lower case. */
  readonly host: string;
  readonly isAddress: boolean;
  /** 0 if the address has none. */
  readonly port: number;
}

/** Cached, because an instance is immutable. */
const known = new WeakMap<Instance, readonly Endpoint[]>();

/** Returns the addresses that are URLs with a host; others are ignored. */
export function endpointsOf(instance: Instance): readonly Endpoint[] {
  return known.getOrInsertComputed(instance, ({ addrs }) => addrs.flatMap(parseEndpoint));
}

/** Returns the distinct IP addresses of an instance that a protocol covers. */
export function addressesOf(instance: Instance, protocol?: string): string[] {
  const endpoints = endpointsOf(instance).filter(
    ({ isAddress, scheme }) => isAddress && coversScheme(protocol, scheme),
  );
  return [...new Set(endpoints.map(({ host }) => host))];
}

/** Reports whether `protocol`, the label of an SRV name, covers a scheme: itself; `tcp` all but udp; undefined all. */
export function coversScheme(protocol: string | undefined, scheme: string): boolean {
  return protocol === undefined || protocol === scheme || (protocol === "tcp" && scheme !== "udp");
}

/** Returns the SRV weight: metadata `weight` as a whole number from 0 to 65535; 1 if it is missing or not a number. */
export function weightOf(instance: Instance): number {
  const text = instance.metadata.get("weight");
  const weight = text === undefined || text.trim() === "" ? NaN : Number(text);
  return Number.isNaN(weight) ? weightDefault : Math.floor(Math.min(Math.max(weight, 0), srvWeightMax));
}

/** The form of most addresses: `scheme://IPv4:port`. */
const plain = /^([a-z][a-z0-9+.-]*):\/\/(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}):(\d{1,5})$/;

function parseEndpoint(text: string): Endpoint[] {
  const [, plainScheme, address = "", digits = ""] = plain.exec(text) ?? [];
  // Takes a tenth of the time of URL.parse; a large service has tens of thousands of addresses.
  if (plainScheme !== undefined && isIP(address) === 4 && Number(digits) <= 65_535)
    return [{ scheme: plainScheme, host: address, isAddress: true, port: Number(digits) }];
  const url = URL.parse(text);
  if (url === null || url.hostname === "") return [];
  const scheme = url.protocol.slice(0, -1);
  const name = url.hostname
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
  // IPv4 in IPv6 has a record of type A (RFC 4038, section 4.2).
  const host = canonicalAddress(name) ?? name;
  const port = url.port === "" ? (defaultPorts[scheme] ?? 0) : Number(url.port);
  return [{ scheme, host, isAddress: isIP(host) !== 0, port }];
}
