import { describe, expect, test } from "bun:test";
import { looksLikeProxyHeader, proxyHeaderBytesMax, readProxyHeader } from "../../src/transport/proxy-header.ts";
import { binaryProxyHeader } from "../support/proxy-protocol.ts";
import { Random, testSeed } from "../support/random.ts";

const text = (line: string): Buffer => Buffer.from(line, "latin1");
const ipv4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb]);
const ipv6 = Buffer.concat([
  Buffer.from("20010db8000000000000000000000007", "hex"),
  Buffer.from("20010db8000000000000000000000001", "hex"),
  Buffer.from([0xdc, 0x04, 0x01, 0xbb]),
]);
const mapped = Buffer.concat([Buffer.from("00000000000000000000ffffc0000201", "hex"), ipv6.subarray(16)]);

const headers: { name: string; bytes: Buffer; source: string | undefined }[] = [
  { name: "TCP4", bytes: text("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), source: "192.0.2.1" },
  {
    name: "TCP4 with the smallest ports",
    bytes: text("PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n"),
    source: "192.0.2.1",
  },
  { name: "TCP6", bytes: text("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"), source: "2001:db8::7" },
  {
    name: "the longest TCP6",
    bytes: text(
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
    ),
    source: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  },
  { name: "TCP6 of IPv4", bytes: text("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 1\r\n"), source: "192.0.2.1" },
  { name: "UNKNOWN", bytes: text("PROXY UNKNOWN\r\n"), source: undefined },
  {
    name: "the longest UNKNOWN",
    bytes: text(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`),
    source: undefined,
  },
  { name: "version 2, IPv4", bytes: binaryProxyHeader(0x21, 0x11, ipv4), source: "192.0.2.1" },
  { name: "version 2, IPv6", bytes: binaryProxyHeader(0x21, 0x21, ipv6), source: "2001:db8::7" },
  { name: "version 2, IPv4 inside of IPv6", bytes: binaryProxyHeader(0x21, 0x21, mapped), source: "192.0.2.1" },
  {
    name: "version 2, IPv4 with TLVs up to the bound",
    bytes: binaryProxyHeader(0x21, 0x11, Buffer.concat([ipv4, Buffer.alloc(proxyHeaderBytesMax - 28, 0x20)])),
    source: "192.0.2.1",
  },
  { name: "version 2, LOCAL", bytes: binaryProxyHeader(0x20, 0x00, Buffer.alloc(0)), source: undefined },
  { name: "version 2, LOCAL with addresses", bytes: binaryProxyHeader(0x20, 0x11, ipv4), source: undefined },
  { name: "version 2, LOCAL of any family", bytes: binaryProxyHeader(0x20, 0xff, ipv4), source: undefined },
  { name: "version 2, unspecified", bytes: binaryProxyHeader(0x21, 0x00, Buffer.alloc(3)), source: undefined },
  { name: "version 2, datagrams", bytes: binaryProxyHeader(0x21, 0x12, ipv4), source: undefined },
  { name: "version 2, Unix", bytes: binaryProxyHeader(0x21, 0x31, Buffer.alloc(216, "a")), source: undefined },
];

describe("a PROXY protocol header", () => {
  test.each(headers)("is read: $name", ({ bytes, source }) => {
    expect(readProxyHeader(bytes)).toEqual({ bytes: bytes.length, source });
  });

  test.each(headers)("is waited for when it is cut anywhere: $name", ({ bytes }) => {
    for (let cut = 0; cut < bytes.length; cut++) expect(readProxyHeader(bytes.subarray(0, cut))).toBeUndefined();
  });

  test.each(headers)("ends where frames begin, whatever they are: $name", ({ bytes, source }) => {
    for (const next of ["\r\n", "PROXY TCP4 6.6.6.6 6.6.6.6 1 1\r\n", "\0\0\0\0\0", "\x02"]) {
      const both = Buffer.concat([bytes, text(next)]);
      expect(readProxyHeader(both)).toEqual({ bytes: bytes.length, source });
    }
  });

  const binary = binaryProxyHeader(0x21, 0x11, ipv4);
  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(binary);
    bytes[at] = byte;
    return bytes;
  };
  test.each([
    ["a frame", Buffer.from([2, 0, 0, 0, 1, 65])],
    ["an HTTP request", text("GET / HTTP/1.1\r\n\r\n")],
    ["TLS", Buffer.from([0x16, 3, 1, 0, 5])],
    ["another first letter", text("proxy TCP4 192.0.2.1 198.51.100.1 1 1\r\n")],
    ["no blank behind PROXY", text("PROXYTCP4 192.0.2.1 198.51.100.1 1 1\r\n")],
    ["nothing else", text("PROXY \r\n")],
    ["an unknown family", text("PROXY TCP5 192.0.2.1 198.51.100.1 1 1\r\n")],
    ["UNKNOWN with more letters", text("PROXY UNKNOWNS\r\n")],
    ["TCP4 with IPv6", text("PROXY TCP4 2001:db8::7 2001:db8::1 1 1\r\n")],
    ["TCP6 with IPv4", text("PROXY TCP6 192.0.2.1 198.51.100.1 1 1\r\n")],
    ["an address that is none", text("PROXY TCP4 192.0.2.256 198.51.100.1 1 1\r\n")],
    ["an interface's address", text("PROXY TCP6 fe80::1%eth0 fe80::2 1 1\r\n")],
    ["leading zeros", text("PROXY TCP4 192.0.2.01 198.51.100.1 1 1\r\n")],
    ["no destination", text("PROXY TCP4 192.0.2.1\r\n")],
    ["one port", text("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n")],
    ["three ports", text("PROXY TCP4 192.0.2.1 198.51.100.1 1 1 1\r\n")],
    ["a port too large", text("PROXY TCP4 192.0.2.1 198.51.100.1 65536 1\r\n")],
    ["a port with a zero before it", text("PROXY TCP4 192.0.2.1 198.51.100.1 01 1\r\n")],
    ["a port that is negative", text("PROXY TCP4 192.0.2.1 198.51.100.1 -1 1\r\n")],
    ["two blanks", text("PROXY TCP4  192.0.2.1 198.51.100.1 1 1\r\n")],
    ["a blank at the end", text("PROXY TCP4 192.0.2.1 198.51.100.1 1 1 \r\n")],
    ["a line that ends in \\n", text("PROXY TCP4 192.0.2.1 198.51.100.1 1 1\n".padEnd(107))],
    ["a line that ends in \\r", text("PROXY TCP4 192.0.2.1 198.51.100.1 1 1\rX")],
    ["one byte too many", text(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`)],
    ["no end at all", text(`PROXY ${"f".repeat(101)}`)],
    ["version 1 in binary", changed(12, 0x11)],
    ["version 3", changed(12, 0x31)],
    ["an unknown command", changed(12, 0x22)],
    ["an unknown binary family", changed(13, 0x41)],
    ["an unknown transport", changed(13, 0x13)],
    ["a signature with one byte changed", changed(11, 0x0b)],
    ["IPv4 without a port", binaryProxyHeader(0x21, 0x11, ipv4.subarray(0, 10))],
    ["IPv6 with IPv4's addresses", binaryProxyHeader(0x21, 0x21, ipv4)],
    ["binary addresses of no length", binaryProxyHeader(0x21, 0x11, Buffer.alloc(0))],
    ["a length above the bound", binaryProxyHeader(0x21, 0x11, Buffer.alloc(proxyHeaderBytesMax - 15))],
    ["a length of 65,535", Buffer.concat([binary.subarray(0, 14), Buffer.from([0xff, 0xff])])],
  ])("is not %s", (_, bytes) => {
    expect(readProxyHeader(bytes)).toHaveProperty("fault");
    // Once it is known, it stays known.
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.alloc(300)]))).toHaveProperty("fault");
  });

  test("never takes more bytes than came, is known within its bound, and is the same in pieces as whole", () => {
    const random = new Random(testSeed("PROXY header"));
    for (let turn = 0; turn < 20_000; turn++) {
      const { bytes } = random.pick([headers[0]!, ...headers]);
      const noisy = Buffer.concat([bytes, random.bytes(random.below(40))]);
      for (let flips = random.below(4); flips > 0; flips--) noisy[random.below(noisy.length)] = random.u32();
      const whole = readProxyHeader(noisy);
      if (whole !== undefined && "bytes" in whole) expect(whole.bytes).toBeLessThanOrEqual(noisy.length);
      const cut = random.below(noisy.length);
      const piece = readProxyHeader(noisy.subarray(0, cut));
      if (piece !== undefined && !Bun.deepEquals(piece, whole))
        throw new Error(`${noisy.toString("hex")} at ${cut}: ${JSON.stringify([piece, whole])}`);
      const filled = readProxyHeader(Buffer.concat([noisy, Buffer.alloc(proxyHeaderBytesMax)]));
      if (filled === undefined) throw new Error(`unknown beyond the bound: ${noisy.toString("hex")}`);
    }
  });

  test("is recognised by its first bytes, and nothing else is", () => {
    for (const { bytes } of headers) expect(looksLikeProxyHeader(bytes)).toBe(true);
    for (const other of ["", "PROXY", "\r\n\r\n", "proxy TCP4", "GET / HTTP/1.1"])
      expect(looksLikeProxyHeader(text(other))).toBe(false);
  });
});
