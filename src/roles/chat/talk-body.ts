// The bodies of a talk, by hand: what each talk reads and writes costs the generated code more than all else that is
// done with it. They agree with the generated code to the byte.
//
//   MessageReq    08 type · 12 body · 1a extra · 22 clientId
//   MessageResp   08 messageId · 10 sendTime
//   MessagePush   08 messageId · 10 type · 1a body · 22 extra · 2a sender · 30 sendTime · 38 previousId
//
// What is empty or zero is left out. A View lies in memory of this file and is overwritten by the next one.

import { assert } from "../../base/assert.ts";
import { messageLimits } from "../../base/limits/message-limits.ts";
import { next, readTag, readVarint } from "../../wire/proto-reader.ts";
import { writeUtf8, writeVarint } from "../../wire/proto-writer.ts";
import { isUtf8 } from "../../wire/utf8.ts";

/** What a talk says. */
interface TalkBody {
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly clientId: string;
}

/** What a push says of its talk, and of how that was stored. */
interface PushedTalk {
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly sender: string;
}
interface PushedOutcome {
  readonly messageId: bigint;
  readonly sendTime: bigint;
  readonly previousId: bigint;
}

/** Of a push: its numbers, tags and lengths, and the sender's name. */
const restBytesMax = 1024;
/** Room for the largest bounds that an operator can set; what is not used of it takes no memory. */
const scratch = Buffer.allocUnsafeSlow(
  messageLimits.messageBodyBytes.max + messageLimits.messageExtraBytes.max + restBytesMax,
);
/** A number of 64 bits and its halves; the machine is little-endian. */
const whole = new BigInt64Array(1);
const halves = new Uint32Array(whole.buffer);

/**
 * A MessageReq as clients write it. Undefined for what is not one, and for what only the generated code shall judge:
 * unknown fields, foreign wire types, numbers beyond 32 bits.
 */
export function readTalk(packet: Buffer, start: number): TalkBody | undefined {
  const end = packet.length;
  let [type, body, extra, clientId] = [0, "", "", ""];
  for (let at = start; at < end;) {
    const tag = readTag(packet, at, end);
    if (next < 0) return undefined;
    const valueAt = next;
    const value = readVarint(packet, valueAt, end);
    if (next < 0 || next - valueAt > 4) return undefined;
    at = next;
    if (tag === 0x08) {
      type = value;
      continue;
    }
    if (value > end - at || !isUtf8(packet, at, at + value)) return undefined;
    const text = packet.toString("utf8", at, at + value);
    at += value;
    if (tag === 0x12) body = text;
    else if (tag === 0x1a) extra = text;
    else if (tag === 0x22) clientId = text;
    else return undefined;
  }
  return { type, body, extra, clientId };
}

/** A MessageResp, as a View. */
export function talkAnswerView(messageId: bigint, sendTime: bigint): Buffer {
  const at = writeNumber(0, 0x08, messageId);
  return scratch.subarray(0, writeNumber(at, 0x10, sendTime));
}

/** A MessagePush, as a View. Its body and extra are within their bounds. */
export function pushView(
  { type, body, extra, sender }: PushedTalk,
  { messageId, sendTime, previousId }: PushedOutcome,
): Buffer {
  let at = writeNumber(0, 0x08, messageId);
  if (type > 0) {
    scratch[at++] = 0x10;
    at = writeVarint(scratch, at, type);
  } else if (type < 0) at = writeNumber(at, 0x10, BigInt(type));
  at = writeText(at, 0x1a, body);
  at = writeText(at, 0x22, extra);
  at = writeText(at, 0x2a, sender);
  at = writeNumber(at, 0x30, sendTime);
  return scratch.subarray(0, writeNumber(at, 0x38, previousId));
}

/** tag · varint of 64 bits; the offset behind them. */
function writeNumber(at: number, tag: number, value: bigint): number {
  if (value === 0n) return at;
  scratch[at++] = tag;
  whole[0] = value;
  let low = halves[0] ?? 0;
  let high = halves[1] ?? 0;
  while (high > 0) {
    scratch[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  return writeVarint(scratch, at, low);
}

/** tag · length · text; the offset behind them. */
function writeText(at: number, tag: number, text: string): number {
  if (text === "") return at;
  const textBytes = Buffer.byteLength(text);
  assert(at + textBytes <= scratch.length - 64, "a talk's texts are bounded");
  scratch[at++] = tag;
  return writeUtf8(scratch, writeVarint(scratch, at, textBytes), text, textBytes);
}
