// The HTTP request by which a WebSocket begins (RFC 6455, section 4.2), and the answers to it. Pure: bytes in, bytes out.
//
// Only what the handshake needs is read. A request that is none is told what is spoken here (426), and its connection ends:
// no second request is read, so that nothing can hide in a first one.

/** A request's head may have so many bytes, the empty line included. */
export const headBytesMax = 16 * 1024;

/** What was asked for. */
export interface UpgradeRequest {
  /** `Sec-WebSocket-Key`. */
  readonly key: string;
  /** The first subprotocol that the client offers; undefined: none. */
  readonly protocol: string | undefined;
  /** By name in lower case; the values of a name that comes several times, in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** The answer to a request that is no upgrade. */
export interface Refusal {
  readonly status: number;
  readonly answer: Buffer;
}

const headEnd = Buffer.from("\r\n\r\n");
/** RFC 6455, section 1.3. */
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const upgradePattern = /(?:^|,)[ \t]*websocket[ \t]*(?:,|$)/i;
const requestPattern = /^([A-Z]{1,20}) \S+ HTTP\/1\.[01]$/;

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
};

/**
 * Finds the end of the head in `bytes`, of which the first `searchedBytes` have been looked at before.
 * @returns the offset behind the empty line; -1: it has not come yet.
 */
export function headEndOf(bytes: Buffer, searchedBytes: number): number {
  const at = bytes.indexOf(headEnd, Math.max(0, searchedBytes - headEnd.length + 1));
  return at === -1 ? -1 : at + headEnd.length;
}

/** Reads a whole head, the empty line included. */
export function parseUpgrade(head: Buffer): UpgradeRequest | Refusal {
  const [requestLine = "", ...lines] = head.toString("latin1", 0, head.length - headEnd.length).split("\r\n");
  const method = requestPattern.exec(requestLine)?.[1];
  const headers = headersOf(lines);
  if (method === undefined || headers === undefined) return refusal(400, "This is not an HTTP request.\n");
  const first = (name: string): string | undefined => headers.get(name)?.[0];
  const key = first("sec-websocket-key");
  const isUpgrade = method === "GET" && upgradePattern.test(headers.get("upgrade")?.join(",") ?? "");
  const version = first("sec-websocket-version") ?? "13";
  if (!isUpgrade || key === undefined || version !== "13") {
    return refusal(426, "This is a WebSocket server.\n", method === "HEAD");
  }
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64.\n");
  const protocol = first("sec-websocket-protocol")?.split(",")[0]?.trim();
  const isToken = protocol !== undefined && tokenPattern.test(protocol);
  return { key, protocol: isToken ? protocol : undefined, headers };
}

/** The answer to a head that does not end within headBytesMax. */
export const headTooLong = refusal(431, "The request's head is too long.\n");

/** The answer that makes a connection a WebSocket. */
export function upgradeAnswer({ key, protocol }: UpgradeRequest): Buffer {
  const accept = new Bun.CryptoHasher("sha1").update(key + acceptSuffix).digest("base64");
  const chosen = protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return Buffer.from(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`,
    "latin1",
  );
}

/** The headers of a head; undefined if a line is none. A line that continues another one is refused (RFC 9112, 5.2). */
function headersOf(lines: readonly string[]): Map<string, string[]> | undefined {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!tokenPattern.test(name) || /[\0\r\n]/.test(line)) return undefined;
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    if (known === undefined) headers.set(name, [value]);
    else known.push(value);
  }
  return headers;
}

function refusal(status: number, text: string, isHead = false): Refusal {
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ""}`,
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Connection: close",
    "Content-Type: text/plain;charset=utf-8",
    `Content-Length: ${text.length}`,
  ];
  const head = Buffer.from(lines.join("\r\n"), "latin1");
  return { status, answer: Buffer.concat([head, headEnd, Buffer.from(isHead ? "" : text, "latin1")]) };
}
