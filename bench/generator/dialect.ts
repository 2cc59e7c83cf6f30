// How packets are framed on a TCP socket: by the TCP framing of the wire protocol, or as WebSocket messages. A client
// of Bun's writes each WebSocket message by itself, which is too slow for a generator; here they are bytes like any
// others.

import type { CloseReason } from "../../src/wire/close-reason.ts";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import type { Endpoint } from "../server/target.ts";
import { WebSocketReader } from "./web-socket-reader.ts";

/** No server answers with more than this in one frame. */
const frameBytesMax = 16 * 1024 * 1024;
/** A mask of zeroes leaves the payload as it is, and is a mask all the same. */
const maskBytes = 4;

export interface Dialect {
  /** What is sent before the first frame. */
  readonly greeting: Buffer | undefined;
  /** A whole frame, in memory of its own. */
  frame(payload: Uint8Array, opcode?: number): Buffer;
  /** A connection's incoming side. `ready`: frames may be sent. */
  reader(sink: FrameSink, ready: () => void): { push(chunk: Buffer): CloseReason | undefined };
}

export function dialectOf(endpoint: Endpoint): Dialect {
  const { transport } = endpoint;
  return transport === "tcp" || transport === "tls" ? tcpDialect : webSocketDialect(endpoint);
}

const tcpDialect: Dialect = {
  greeting: undefined,
  frame(payload, opcode = OpCode.Binary) {
    const frame = Buffer.allocUnsafeSlow(frameHeaderBytes + payload.length);
    writeFrameHeader(frame, 0, opcode, payload.length);
    frame.set(payload, frameHeaderBytes);
    return frame;
  },
  reader: (sink) => new FrameReader(sink, frameBytesMax),
};

function webSocketDialect({ host, port, path }: Endpoint): Dialect {
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const name = host.includes(":") ? `[${host}]` : host;
  const head = [
    `GET ${path} HTTP/1.1`,
    `Host: ${name}:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
  ];
  return {
    greeting: Buffer.from(`${head.join("\r\n")}\r\n\r\n`),
    frame: webSocketFrame,
    reader: (sink, ready) => new WebSocketReader(sink, frameBytesMax, ready),
  };
}

function webSocketFrame(payload: Uint8Array, opcode: number = OpCode.Binary): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + maskBytes + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + lengthBytes + maskBytes);
  return frame;
}
