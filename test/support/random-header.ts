// Random packet headers, as bytes and not through an encoder: fields in any order and number, overlong varints, wrong
// wire types, bad UTF-8, reserved and other metas. Most are well-formed, some nearly.

import type { Random } from "./random.ts";

const texts = [
  "",
  "a",
  "chat.user.talk",
  "login.signin",
  "bob",
  "小明",
  "🙂 é",
  "\u{feff}x",
  "g1_a,g1_b",
  "\0",
] as const;
const keys = [
  "dest.server",
  "dest.channels",
  "dest.plain",
  "app",
  "account",
  "trace",
  "",
  "dest.serves",
  "apq",
] as const;

function varint(random: Random, value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n);
  // Sometimes longer than needed, sometimes longer than allowed.
  if (random.once(80)) for (let more = random.below(9); more > 0; more--) bytes.push(0x80);
  const last = bytes.length - 1;
  if (!random.once(300)) bytes[last] = (bytes[last] ?? 0) & 0x7f;
  return Buffer.from(bytes);
}

function number(random: Random): bigint {
  return random.pick([
    0n,
    1n,
    127n,
    300n,
    BigInt(random.u32()),
    0xffff_ffffn,
    0x1_0000_0005n,
    0xffff_ffff_ffff_ffffn, // -1 as an enum
    0x7_ffff_fff0n,
  ]);
}

function text(random: Random): Buffer {
  if (random.once(100)) return random.bytes(random.below(6));
  return Buffer.from(random.pick(texts));
}

function delimited(random: Random, tag: number, value: Buffer): Buffer {
  const declared = random.once(150) ? random.below(200) : value.length;
  return Buffer.concat([varint(random, BigInt(tag)), varint(random, BigInt(declared)), value]);
}

function meta(random: Random): Buffer {
  const parts: Buffer[] = [];
  const shape = random.once(10) ? random.below(64) : 7;
  if ((shape & 1) !== 0)
    parts.push(delimited(random, 0x0a, random.once(60) ? text(random) : Buffer.from(random.pick(keys))));
  if ((shape & 2) !== 0) parts.push(delimited(random, 0x12, text(random)));
  if ((shape & 4) !== 0) parts.push(varint(random, 0x18n), varint(random, number(random)));
  if ((shape & 8) !== 0) parts.push(field(random));
  if ((shape & 16) !== 0) parts.push(delimited(random, 0x0a, Buffer.from(random.pick(keys))));
  return Buffer.concat(parts);
}

/** Any field, also of a number or a wire type that the header does not have. */
function field(random: Random): Buffer {
  const fieldNumber = random.pick([1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 16, 31, 33, 1000, 0x1fff_ffff, 0x2000_0001, 0]);
  const wireType = random.below(random.once(4) ? 8 : 3);
  const tag = varint(random, BigInt(fieldNumber) * 8n + BigInt(wireType));
  switch (wireType) {
    case 0:
      return Buffer.concat([tag, varint(random, number(random))]);
    case 1:
      return Buffer.concat([tag, random.bytes(8)]);
    case 2: {
      const value = text(random);
      return Buffer.concat([tag, varint(random, BigInt(value.length)), value]);
    }
    case 5:
      return Buffer.concat([tag, random.bytes(4)]);
    default:
      return tag;
  }
}

/** The bytes of one header. */
export function randomHeader(random: Random): Buffer {
  const fields: Buffer[] = [];
  const isClean = random.once(3);
  const order = [0x0a, 0x18, 0x20, 0x28, 0x32, 0x3a, 0x12, 0x7d];
  for (const tag of order) {
    const copies = random.once(2) ? 1 : isClean ? 0 : random.below(3);
    for (let copy = 0; copy < copies; copy++) {
      if (tag === 0x3a) fields.push(delimited(random, tag, meta(random)));
      else if (tag === 0x7d)
        fields.push(isClean && random.once(2) ? Buffer.alloc(0) : Buffer.concat([Buffer.of(tag), random.bytes(4)]));
      else if (tag === 0x18 || tag === 0x20 || tag === 0x28)
        fields.push(varint(random, BigInt(tag)), varint(random, number(random)));
      else if (tag !== 0x12 || !isClean) fields.push(delimited(random, tag, text(random)));
    }
  }
  if (random.once(5)) fields.push(field(random));
  if (random.once(3)) fields.reverse();
  const header = Buffer.concat(fields);
  if (random.once(6) && header.length > 0) header[random.below(header.length)] = random.u32();
  return random.once(20) ? header.subarray(0, random.below(header.length + 1)) : header;
}

/** A logic packet around a header and a body. */
export function packetOf(header: Uint8Array, body: Uint8Array): Buffer {
  const packet = Buffer.alloc(12 + header.length + body.length);
  packet.writeUInt32BE(0xc311a365, 0);
  packet.writeUInt32BE(header.length, 4);
  packet.set(header, 8);
  packet.writeUInt32BE(body.length, 8 + header.length);
  packet.set(body, 12 + header.length);
  return packet;
}
