// Encodes the body of a response to chat.offline.content, a MessageContentResp (proto/pkt.proto): sized first, so that
// megabytes of text are copied once.

import { lengthFieldBytes, varintBytes, writeUtf8, writeVarint } from "./proto-writer.ts";

export interface Content {
  readonly messageId: bigint;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
}

/** Tags of one byte: field number and wire type. */
const tag = { contents: 0x0a, messageId: 0x08, type: 0x10, body: 0x1a, extra: 0x22 } as const;
const low7 = 0x7fn;
const u64 = 64;

/** Encodes the body; the caller owns the buffer. */
export function encodeContents(contents: readonly Content[]): Uint8Array<ArrayBuffer> {
  const sizes: number[] = [];
  let total = 0;
  for (const { messageId, type, body, extra } of contents) {
    const [bodyBytes, extraBytes] = [Buffer.byteLength(body), Buffer.byteLength(extra)];
    const bytes = intBytes(messageId) + intBytes(BigInt(type)) + textBytes(bodyBytes) + textBytes(extraBytes);
    sizes.push(bytes, bodyBytes, extraBytes);
    total += lengthFieldBytes(bytes);
  }
  const encoded = new Uint8Array(total);
  const target = Buffer.from(encoded.buffer);
  let at = 0;
  for (const [index, { messageId, type, body, extra }] of contents.entries()) {
    const [bytes = 0, bodyBytes = 0, extraBytes = 0] = sizes.slice(3 * index, 3 * index + 3);
    target[at] = tag.contents;
    at = writeVarint(target, at + 1, bytes);
    at = writeInt(target, at, tag.messageId, messageId);
    at = writeInt(target, at, tag.type, BigInt(type));
    at = writeText(target, at, tag.body, body, bodyBytes);
    at = writeText(target, at, tag.extra, extra, extraBytes);
  }
  return encoded;
}

/** Returns the size of an integer field; protobuf omits default values. */
function intBytes(value: bigint): number {
  if (value === 0n) return 0;
  let bytes = 2;
  for (let rest = BigInt.asUintN(u64, value) >> 7n; rest > 0n; rest >>= 7n) bytes++;
  return bytes;
}

function textBytes(bytes: number): number {
  return bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes;
}

function writeInt(target: Buffer, at: number, field: number, value: bigint): number {
  if (value === 0n) return at;
  target[at++] = field;
  let rest = BigInt.asUintN(u64, value);
  for (; rest > low7; rest >>= 7n) target[at++] = Number(rest & low7) | 0x80;
  target[at++] = Number(rest);
  return at;
}

function writeText(target: Buffer, at: number, field: number, text: string, bytes: number): number {
  if (bytes === 0) return at;
  target[at] = field;
  return writeUtf8(target, writeVarint(target, at + 1, bytes), text, bytes);
}
