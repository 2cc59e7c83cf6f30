// The bodies of a talk, by hand: what each talk reads and writes costs the generated code more than all else that is
// done with it. They agree with the generated code to the byte.
//
//   MessageReq    08 type · 12 body · 1a extra · 22 clientId · [2a mentions · 30 replyTo · 3a media]
//   MessageResp   08 messageId · 10 sendTime
//   MessagePush   08 messageId · 10 type · 1a body · 22 extra · 2a sender · 30 sendTime · 38 previousId
//                 only with the feature conversations, and therefore last:
//                 40 previousEntryId · 4a mentions · 50 replyTo · 5a media: (0a id · 12 name · 1a type · 20 size)
//
// What is empty or zero is left out. Requests with mentions, replyTo or media are for the generated code to read. A
// View lies in memory of this file and is overwritten by the next one.

import { assert } from "../../base/assert.ts";
import {
  mediaIdCharacters,
  mediaMax,
  mediaNameBytesMax,
  mediaTypeBytesMax,
  mentionsMax,
  nameCharactersMax,
} from "../../base/limits/fixed.ts";
import { messageLimits } from "../../base/limits/message-limits.ts";
import type { MediaItem } from "../../store/media.ts";
import { next, readTag, readVarint, skipField } from "../../wire/proto-reader.ts";
import { writeUtf8, writeVarint } from "../../wire/proto-writer.ts";
import { isUtf8 } from "../../wire/utf8.ts";

/** What a talk says. */
export interface TalkBody {
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly clientId: string;
  /** As the generated code reads them; absent where `readTalk` did. */
  readonly mentions?: readonly string[];
  readonly replyTo?: bigint;
  readonly media?: readonly string[];
}

/** What a push says of its talk, and of how that was stored. */
interface PushedTalk {
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly sender: string;
  readonly mentions?: readonly string[];
  readonly replyTo?: bigint;
  readonly media?: readonly MediaItem[];
}
interface PushedOutcome {
  readonly messageId: bigint;
  readonly sendTime: bigint;
  readonly previousId: bigint;
  readonly previousEntryId: bigint;
}

/** A name in UTF-8, with its tag and length. */
export const nameBytesMax = 4 * nameCharactersMax + 3;
/** A file as a push shows it, with tags and lengths. */
export const mediaItemBytesMax = mediaIdCharacters + mediaNameBytesMax + mediaTypeBytesMax + 32;
/** Of a push: its numbers, tags and lengths, the sender's name, those that it mentions, and its files. */
const restBytesMax = 1024 + mentionsMax * nameBytesMax + mediaMax * mediaItemBytesMax;
/** Room for the largest bounds that an operator can set; what is not used of it takes no memory. */
const scratch = Buffer.allocUnsafeSlow(
  messageLimits.messageBodyBytes.max + messageLimits.messageExtraBytes.max + restBytesMax,
);
/** A number of 64 bits and its halves; the machine is little-endian. */
const whole = new BigInt64Array(1);
const halves = new Uint32Array(whole.buffer);

/** Reports whether a field of a MessageReq, mentions and what follows, is only for the feature conversations. */
const isOfConversations = (field: number): boolean => field >= 5 && field <= 7;

/**
 * A MessageReq as clients write it. Undefined for what is not one, and for what only the generated code shall judge:
 * mentions, replies, unknown fields, foreign wire types, numbers beyond 32 bits. `isPlain`: of a client without the
 * feature conversations, whose mentions and replies are unknown fields, and ignored like all of these.
 */
export function readTalk(packet: Buffer, start: number, isPlain: boolean): TalkBody | undefined {
  const end = packet.length;
  let [type, body, extra, clientId] = [0, "", "", ""];
  for (let at = start; at < end;) {
    const tag = readTag(packet, at, end);
    if (next < 0) return undefined;
    const valueAt = next;
    if (isPlain && isOfConversations(tag >>> 3)) {
      at = skipField(packet, valueAt, end, tag & 7);
      if (at < 0) return undefined;
      continue;
    }
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

/** How many bytes of the last `pushView` are for connections without the feature conversations. */
export let plainPushBytes = 0;

/** A MessagePush, as a View; sets `plainPushBytes`. Its body and extra are within their bounds. */
export function pushView(
  { type, body, extra, sender, mentions, replyTo = 0n, media }: PushedTalk,
  { messageId, sendTime, previousId, previousEntryId }: PushedOutcome,
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
  at = writeNumber(at, 0x38, previousId);
  plainPushBytes = at;
  at = writeNumber(at, 0x40, previousEntryId);
  if (mentions !== undefined) for (const mention of mentions) at = writeText(at, 0x4a, mention);
  at = writeNumber(at, 0x50, replyTo);
  if (media !== undefined) for (const item of media) at = writeMedia(at, item);
  return scratch.subarray(0, at);
}

/** A Media with its tag and length, which takes two bytes where it is above 127; the offset behind it. */
function writeMedia(at: number, { id, name, type, size }: MediaItem): number {
  const start = at + 3;
  let end = writeText(writeText(writeText(start, 0x0a, id), 0x12, name), 0x1a, type);
  end = writeNumber(end, 0x20, BigInt(size));
  scratch[at] = 0x5a;
  const contentAt = writeVarint(scratch, at + 1, end - start);
  scratch.copyWithin(contentAt, start, end);
  return contentAt + end - start;
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
