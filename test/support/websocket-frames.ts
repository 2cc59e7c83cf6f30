// WebSocket frames as a client writes them (RFC 6455, 5.2).

import { OpCode } from "../../src/wire/opcode.ts";

export interface ClientFrame {
  readonly opcode?: number;
  readonly payload: Buffer;
  readonly isFinal?: boolean;
}

/** A masked frame. */
export function clientFrame({ opcode = OpCode.Binary, payload, isFinal = true }: ClientFrame, key = 0): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8((isFinal ? 0x80 : 0) | opcode, 0);
  head.writeUInt8(0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127), 1);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE(key >>> 0);
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  return Buffer.concat([head, mask, masked]);
}
