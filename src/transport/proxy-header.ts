// The header of the PROXY protocol, versions 1 and 2, with which a proxy begins a connection to name its client
// (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt). No IO: the caller passes the bytes received.
//
//   version 1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n     at most 107 bytes; also TCP6, and UNKNOWN
//
//   version 2   0 .. 11    signature
//               12         version (2) and command: 0 LOCAL, the proxy itself, 1 PROXY
//               13         family: 0 unspecified, 1 IPv4, 2 IPv6, 3 Unix; transport: 1 stream, 2 datagram
//               14 .. 15   length of what follows, big-endian
//               16 ..      source address, destination address, source port, destination port; then TLVs (skipped)

import { isIPv4, isIPv6 } from "node:net";
import { canonicalAddress } from "./address-ranges.ts";

/** A whole header of version 1 with its line end (section 2.1). */
const textBytesMax = 107;
/** A whole header of version 2: room for the TLVs that load balancers send, but not for a certificate. */
export const proxyHeaderBytesMax = 2_048;

const textStart = Buffer.from("PROXY ");
const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const fixedBytes = 16;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const Command = { Local: 0, Proxy: 1 } as const;
const [familyMax, transportMax] = [3, 2];
/** Bytes of the addresses and ports, by family. */
const addressBytes = [0, 12, 36, 216] as const;
const [streamIpv4, streamIpv6] = [0x11, 0x21];

/** A header. */
interface ProxyHeader {
  /** Its length in bytes; frames follow. */
  readonly bytes: number;
  /** The client's address; undefined if the proxy speaks for itself or does not know: the socket's address counts. */
  readonly source: string | undefined;
}

/** Why a header is malformed, as the end of a sentence. */
interface ProxyHeaderFault {
  readonly fault: string;
}

const notOne: ProxyHeaderFault = { fault: "the connection does not begin with a PROXY protocol header" };
const badText: ProxyHeaderFault = { fault: "the PROXY protocol header (version 1) is malformed" };
const longText: ProxyHeaderFault = { fault: `the PROXY protocol header has no end within ${textBytesMax} bytes` };
const badBinary: ProxyHeaderFault = { fault: "the PROXY protocol header (version 2) is malformed" };
const longBinary: ProxyHeaderFault = {
  fault: `the PROXY protocol header is longer than ${proxyHeaderBytesMax} bytes`,
};

/** Parses the header at the start of `bytes`, all received so far; undefined if more bytes are needed. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | ProxyHeaderFault | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === signature[0]) return readBinary(bytes);
  return beginsAs(bytes, textStart) ? readText(bytes) : notOne;
}

/** True if `bytes` begin like a whole header of either version, so the sender is probably a proxy. */
export function looksLikeProxyHeader(bytes: Buffer): boolean {
  return [textStart, signature].some((start) => bytes.length >= start.length && beginsAs(bytes, start));
}

/** True if `bytes` and `start` are equal up to the end of the shorter one. */
function beginsAs(bytes: Buffer, start: Buffer): boolean {
  const shared = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, shared, 0, shared) === 0;
}

function readText(bytes: Buffer): ProxyHeader | ProxyHeaderFault | undefined {
  const head = bytes.subarray(0, textBytesMax);
  const end = head.indexOf(carriageReturn);
  if (end === -1) return head.length === textBytesMax ? longText : undefined;
  // The line end may be cut in two; beyond the bound the header would be too long.
  if (end + 1 === head.length) return head.length === textBytesMax ? longText : undefined;
  if (head[end + 1] !== lineFeed) return badText;
  const read = end + 2;
  const [, family, ...rest] = head.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { bytes: read, source: undefined };
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : undefined;
  const [source = "", destination = "", ...ports] = rest;
  if (isAddress === undefined || !isAddress(source) || !isAddress(destination)) return badText;
  if (ports.length !== 2 || !ports.every(isPort)) return badText;
  const address = canonicalAddress(source);
  return address === undefined ? badText : { bytes: read, source: address };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Buffer): ProxyHeader | ProxyHeaderFault | undefined {
  if (!beginsAs(bytes, signature)) return notOne;
  if (bytes.length < fixedBytes) return undefined;
  const [versionAndCommand, kind] = [bytes.readUInt8(12), bytes.readUInt8(13)];
  const command = versionAndCommand & 0xf;
  const family = kind >> 4;
  if (versionAndCommand >> 4 !== 2 || command > Command.Proxy) return badBinary;
  // The family of LOCAL is ignored (section 2.2).
  if (command === Command.Proxy && (family > familyMax || (kind & 0xf) > transportMax)) return badBinary;
  const read = fixedBytes + bytes.readUInt16BE(14);
  if (read > proxyHeaderBytesMax) return longBinary;
  const isNamed = command === Command.Proxy && (kind === streamIpv4 || kind === streamIpv6);
  if (isNamed && read < fixedBytes + (addressBytes[family] ?? 0)) return badBinary;
  if (bytes.length < read) return undefined;
  if (!isNamed) return { bytes: read, source: undefined };
  if (kind === streamIpv4) return { bytes: read, source: bytes.subarray(16, 20).join(".") };
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(fixedBytes + 2 * group).toString(16));
  return { bytes: read, source: canonicalAddress(groups.join(":")) };
}
