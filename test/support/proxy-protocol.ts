// What load balancers write: headers of the PROXY protocol, and requests for a WebSocket with X-Forwarded-For.

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** Version 1 of IPv4. */
export function textProxyHeader(source: string): Buffer {
  return Buffer.from(`PROXY TCP4 ${source} 198.51.100.1 56324 8100\r\n`);
}

/** Version 2: what its 13th and 14th byte are, and what follows the length. */
export function binaryProxyHeader(versionAndCommand: number, kind: number, rest: Uint8Array): Buffer {
  const fixed = Buffer.from([versionAndCommand, kind, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([signature, fixed, rest]);
}

/** Version 2 of IPv4, with a TLV behind the addresses. */
export function binaryProxyHeaderOf(source: string): Buffer {
  const addresses = [...source.split(".").map(Number), 198, 51, 100, 1, 0xdc, 0x04, 0x1f, 0xa4];
  return binaryProxyHeader(0x21, 0x11, Buffer.from([...addresses, 0x04, 0, 2, 0, 0]));
}

/** A request for a WebSocket, with these further lines in its head. */
export function upgradeRequest(...lines: readonly string[]): Buffer {
  const head = [
    "GET /chat HTTP/1.1",
    "Host: chat.example.org",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...lines,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n`);
}
