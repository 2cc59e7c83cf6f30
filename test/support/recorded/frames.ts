// Splits what a connection received into its frames, so that a recording shows them one by one.

import { frameHeaderBytes } from "../../../src/wire/frame-writer.ts";

/** The end of an HTTP answer's header. */
const headerEnd = "\r\n\r\n";

/** The frames of a part of a TCP stream; what is left at its end is the last one. */
export function tcpFrames(bytes: Buffer): Buffer[] {
  return split(bytes, (rest) => (rest.length < frameHeaderBytes ? undefined : frameHeaderBytes + rest.readUInt32BE(1)));
}

/** The same of a server's WebSocket; the answer to the handshake counts as a frame. */
export function webSocketFrames(bytes: Buffer): Buffer[] {
  return split(bytes, (rest) => {
    if (rest.toString("latin1", 0, 5) === "HTTP/") {
      const end = rest.indexOf(headerEnd);
      return end < 0 ? undefined : end + headerEnd.length;
    }
    const length = (rest[1] ?? 0) & 0x7f;
    const headBytes = length < 126 ? 2 : length === 126 ? 4 : 10;
    if (rest.length < headBytes) return undefined;
    if (length < 126) return headBytes + length;
    return headBytes + (length === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2)));
  });
}

/** The payload of a server's frame. */
export function payloadOf(frame: Buffer, transport: "tcp" | "ws"): Buffer {
  if (transport === "tcp") return frame.subarray(frameHeaderBytes);
  const length = (frame[1] ?? 0) & 0x7f;
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10);
}

function split(bytes: Buffer, lengthOf: (rest: Buffer) => number | undefined): Buffer[] {
  const frames: Buffer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const length = Math.min(lengthOf(rest) ?? rest.length, rest.length);
    frames.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return frames;
}
