// The outgoing side of TCP frames. Headers are written directly to a connection's outbound buffer; constant frames are
// built once and must not be modified.
//
//   byte  0        opcode
//         1 .. 4   payload length, big-endian
//         5 ..     payload

import { type CloseReason, CloseCode, closeNormal } from "./close-reason.ts";
import { OpCode } from "./opcode.ts";

export const frameHeaderBytes = 5;
/** A control frame's payload (RFC 6455, 5.5). */
export const controlPayloadBytesMax = 125;

/** Writes the header of a payload of `payloadBytes` at `at`. */
export function writeFrameHeader(target: Buffer, at: number, opcode: number, payloadBytes: number): void {
  target[at] = opcode;
  target[at + 1] = payloadBytes >>> 24;
  target[at + 2] = payloadBytes >>> 16;
  target[at + 3] = payloadBytes >>> 8;
  target[at + 4] = payloadBytes;
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  writeFrameHeader(bytes, 0, opcode, payload.length);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

export const pingFrame: Buffer = frame(OpCode.Ping, new Uint8Array(0));
export const pongFrame: Buffer = frame(OpCode.Pong, new Uint8Array(0));

/** Encodes a close frame; its payload is `<code> <sentence>` in UTF-8, cut to 125 bytes between characters. */
export function closeFrame(reason: CloseReason): Buffer {
  const text = Buffer.from(`${reason.code} ${reason.text}`, "utf8");
  let end = Math.min(text.length, controlPayloadBytesMax);
  // Bytes 10xxxxxx continue a character: the cut precedes its first byte.
  while (end < text.length && end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
  return frame(OpCode.Close, text.subarray(0, end));
}

/**
 * Decodes a close frame's payload. Other implementations send any text, such as `bye`: without a close code at the
 * beginning (1000 to 4999, then a space or the end) it is a normal close with that text. Invalid UTF-8 is replaced.
 */
export function parseCloseText(payload: Uint8Array): CloseReason {
  if (payload.length === 0) return closeNormal;
  const text = new TextDecoder().decode(payload);
  const match = /^([1-4][0-9]{3})(?: ([^]*))?$/.exec(text);
  if (match === null) return { code: CloseCode.Normal, text };
  return { code: Number(match[1]), text: match[2] ?? "" };
}
