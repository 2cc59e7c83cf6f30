// Talks made once as bytes, in which only the sequence and a number are patched, and what comes out of them on the
// other side. A body begins with who says it and the how manieth it is:
//
//   6 digits sender · 9 digits number · padding

import { create, toBinary } from "@bufbuild/protobuf";
import type { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import type { PacketScan } from "../../src/wire/packet-scan.ts";
import { next, readTag, readU32, readVarint, skipField } from "../../src/wire/proto-reader.ts";
import type { Dialect } from "./dialect.ts";
import type { NumberedRequests } from "./load-client.ts";

/** Sequences of five varint bytes: they can be patched in place. */
export const sequenceFirst = 0x1000_0000;
const sequenceBytes = 5;
const senderDigits = 6;
const numberDigits = 9;
const stampDigits = senderDigits + numberDigits;
const zero = 0x30;
/** The last four letters of the commands that talk. */
const talkLetters = 0x74616c6b;
const bodyTag = 0x1a;

export interface TalkPlan {
  readonly command: typeof Command.UserTalk | typeof Command.GroupTalk;
  /** An account, or a group's id. */
  readonly dest: string;
  /** The number of who says it. */
  readonly sender: number;
  /** At least 15. */
  readonly bodyBytes: number;
}

/** The talks of one sender to one receiver. */
export class TalkTemplate implements NumberedRequests {
  readonly count = Infinity;
  readonly frame: Buffer;
  private readonly sequenceAt: number;
  private readonly numberAt: number;

  constructor(dialect: Dialect, { command, dest, sender, bodyBytes }: TalkPlan) {
    const stamp = String(sender).padStart(senderDigits, "0").padEnd(stampDigits, "0");
    const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: stamp.padEnd(bodyBytes, "x") }));
    this.frame = dialect.frame(encodeLogicPacket({ command, dest, sequence: sequenceFirst }, body));
    this.numberAt = this.frame.lastIndexOf(stamp) + senderDigits;
    this.sequenceAt = this.frame.indexOf(Buffer.from([0x18, 0x80, 0x80, 0x80, 0x80, 0x01])) + 1;
  }

  frameOf(): Buffer {
    return this.frame;
  }

  /** Makes a copy of the frame at `at` talk `number`. */
  patch(target: Buffer, at: number, number: number): void {
    let rest = sequenceFirst + number;
    for (let index = 0; index < sequenceBytes; index++, rest = Math.floor(rest / 128)) {
      target[at + this.sequenceAt + index] = (rest % 128) | (index < sequenceBytes - 1 ? 0x80 : 0);
    }
    let digits = number;
    for (let index = numberDigits - 1; index >= 0; index--, digits = Math.floor(digits / 10)) {
      target[at + this.numberAt + index] = zero + (digits % 10);
    }
  }
}

/** Where `readStamp` leaves what it read. */
export const stamp = { sender: 0, number: 0 };

/** Reads who said a push, and the how manieth it is, into `stamp`; false when it is no talk of this bench. */
export function readStamp(payload: Buffer, scan: PacketScan): boolean {
  const { commandEnd, commandStart, bodyStart, bodyEnd } = scan;
  if (commandEnd - commandStart < 4 || readU32(payload, commandEnd - 4) !== talkLetters) return false;
  for (let at = bodyStart; at >= 0 && at < bodyEnd;) {
    const tag = readTag(payload, at, bodyEnd);
    at = next;
    if (at < 0) return false;
    if (tag === bodyTag) {
      const length = readVarint(payload, at, bodyEnd);
      if (next < 0 || length < stampDigits) return false;
      stamp.sender = digitsAt(payload, next, senderDigits);
      stamp.number = digitsAt(payload, next + senderDigits, numberDigits);
      return stamp.sender >= 0 && stamp.number >= 0;
    }
    at = skipField(payload, at, bodyEnd, tag & 7);
  }
  return false;
}

/** -1 when there is something else than digits. */
function digitsAt(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index++) {
    const digit = (bytes[at + index] ?? 0) - zero;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
