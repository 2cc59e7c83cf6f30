// The outgoing side of a WebSocket (RFC 6455), as a server writes it: unmasked, each message in one frame.
//
//   byte  0        FIN (1 bit, set), RSV (3, zero), opcode (4)
//         1        payload length: below 126, or 126 or 127
//         2 .. 3   payload length, if the byte before says 126; big-endian, as the next one
//         2 .. 9   payload length, if it says 127

import { type CloseReason, CloseCode, closeNormal } from "./close-reason.ts";
import { closeFrame, frameHeaderBytes } from "./frame-writer.ts";
import { OpCode } from "./opcode.ts";

const fin = 0x80;
/** The code that opens the text of a TCP close frame, and the space behind it. */
const codeTextBytes = 5;

/** How many bytes stand before a payload of this length. */
export function webSocketHeadBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the head of a payload of `payloadBytes` (below 2^32) at `at`. */
export function writeWebSocketHead(target: Buffer, at: number, opcode: number, payloadBytes: number): void {
  target[at] = fin | opcode;
  if (payloadBytes < 126) {
    target[at + 1] = payloadBytes;
  } else if (payloadBytes < 65_536) {
    target[at + 1] = 126;
    target[at + 2] = payloadBytes >>> 8;
    target[at + 3] = payloadBytes;
  } else {
    target[at + 1] = 127;
    target.writeUInt32BE(0, at + 2);
    target.writeUInt32BE(payloadBytes, at + 6);
  }
}

/** A close frame: the code in two bytes, then the sentence, cut between characters to the length it has on TCP. */
export function webSocketCloseFrame(reason: CloseReason): Buffer {
  const text = closeFrame(reason).subarray(frameHeaderBytes + codeTextBytes);
  const frame = Buffer.alloc(4 + text.length);
  writeWebSocketHead(frame, 0, OpCode.Close, 2 + text.length);
  frame.writeUInt16BE(reason.code, 2);
  frame.set(text, 4);
  return frame;
}

/** True for a code that may stand in a close frame (RFC 6455, section 7.4). */
function isSent(code: number): boolean {
  if (code === 1004 || code === 1005 || code === CloseCode.Abnormal) return false;
  return (code >= 1000 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** What the payload of a close frame says; undefined if it is malformed. Bad UTF-8 is replaced, never refused. */
export function parseWebSocketClose(payload: Uint8Array): CloseReason | undefined {
  if (payload.length === 0) return closeNormal;
  const code = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  if (payload.length === 1 || !isSent(code)) return undefined;
  return { code, text: new TextDecoder().decode(payload.subarray(2)) };
}
