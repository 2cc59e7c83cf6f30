// IP addresses and ranges of them (CIDR, RFC 4632 and RFC 4291), as operators and proxies write them.

import { BlockList, isIP } from "node:net";
import { plainAddress } from "./address.ts";

/** One range: all addresses whose first `prefix` bits are those of `address`. */
export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** Reads `10.0.0.0/8` or `fd00::/8`; undefined if the text is no CIDR. Bits beyond the prefix may be set. */
export function parseRange(text: string): AddressRange | undefined {
  const [, address = "", digits = ""] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  const prefix = Number(digits);
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return undefined;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

/** True if the address has a bit set beyond the prefix, so the range does not begin there. */
export function hasHostBits({ address, prefix, family }: AddressRange): boolean {
  const bits = bitsOf(address);
  const hostBits = BigInt((family === "ipv4" ? 32 : 128) - prefix);
  return bits !== (bits >> hostBits) << hostBits;
}

/** Returns the ranges as one list; a lookup takes 0.2 µs. */
export function listOfRanges(ranges: Iterable<AddressRange>): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges) list.addSubnet(address, prefix, family);
  return list;
}

/** True if an address of either family is in one of the ranges. IPv4-mapped IPv6 counts as IPv4. */
export function holdsAddress(ranges: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && ranges.check(address, version === 4 ? "ipv4" : "ipv6");
}

/**
 * Returns the canonical spelling of an address: IPv6 by RFC 5952, IPv4-mapped IPv6 as IPv4, so that counts by address
 * treat two spellings as one. Returns undefined if the text is not an address, or has a zone (`fe80::1%eth0`).
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 0 || text.includes("%")) return undefined;
  if (version === 4) return text;
  const address = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [bits >>> 24, (bits >>> 16) & 0xff, (bits >>> 8) & 0xff, bits & 0xff].join(".");
}

/** The 4 or 16 bytes of an address; a zone (`fe80::1%eth0`) is ignored. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  return Buffer.from(bitsOf(address.replace(/%.*$/, "")).toString(16).padStart(32, "0"), "hex");
}

/** The bits of an address as a number, with IPv4 mapped to IPv6. */
function bitsOf(address: string): bigint {
  if (isIP(address) === 4) return address.split(".").reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): string[] => (part === undefined || part === "" ? [] : part.split(":"));
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** True for 127.0.0.0/8 and ::1, also for IPv4-mapped IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

/**
 * True if only this machine can reach a listener on `host`: `localhost`, or a loopback address in any spelling that the
 * system accepts (`127.1`, `0x7f.1`, `0:0:0:0:0:0:0:1`). Names are not resolved.
 */
export function isLoopbackHost(host: string): boolean {
  const url = URL.parse(`http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}`);
  const name = (url?.hostname ?? "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isLoopbackAddress(canonicalAddress(name) ?? "");
}
