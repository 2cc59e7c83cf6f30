// Fuzzes the wire layer: random and mutated headers against the generated decoder, valid frame streams cut anywhere,
// and garbage. Runs as a script, `bun test/fuzz/wire-fuzz.ts --seed 1 --seconds 600`, and a short while in the tests.
// A failure names the seed and the round; the same seed reaches the same round again.

import { deepStrictEqual, ok } from "node:assert";
import { parseArgs } from "node:util";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { PacketKind, PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { ProtocolFault } from "../../src/wire/protocol-fault.ts";
import { packetOf, randomHeader } from "../support/random-header.ts";
import { Random } from "../support/random.ts";
import { checkHeader } from "../support/scan-agreement.ts";

/** How often each outcome came: a fuzzer that reaches only one of them tests nothing. */
export interface FuzzCounts {
  rounds: number;
  logic: number;
  plain: number;
  malformed: number;
  frames: number;
  faults: number;
}

const frameBytesMax = 4096;

/**
 * Runs rounds while `goesOn(round)` is true. Throws on the first failure, with the seed and the round in its message.
 */
export function fuzzWire(seed: number, goesOn: (round: number) => boolean): FuzzCounts {
  const counts: FuzzCounts = { rounds: 0, logic: 0, plain: 0, malformed: 0, frames: 0, faults: 0 };
  for (let round = 0; goesOn(round); round++) {
    // A round depends on the seed and its number only.
    const random = new Random(Math.imul(seed, 0x9e3779b1) + round);
    try {
      fuzzHeader(random, counts);
      fuzzPacket(random);
      fuzzStream(random, counts);
      fuzzGarbage(random, counts);
    } catch (error) {
      throw new Error(`wire fuzz failed: seed ${seed}, round ${round}`, { cause: error });
    }
    counts.rounds++;
  }
  return counts;
}

function fuzzHeader(random: Random, counts: FuzzCounts): void {
  const header = randomHeader(random);
  const scan = checkHeader(header, random.bytes(random.below(20)));
  if (scan.kind === PacketKind.Logic) counts.logic++;
  else counts.malformed++;
  if (scan.isPlain) counts.plain++;
}

/** A packet with a broken byte anywhere: scanner and decoder say the same, and neither throws anything else. */
function fuzzPacket(random: Random): void {
  const packet = random.once(5) ? random.bytes(random.below(40)) : packetOf(randomHeader(random), random.bytes(4));
  if (packet.length > 0) packet[random.below(packet.length)] = random.u32();
  const scan = new PacketScan();
  scanPacket(packet, scan);
  let isRefused = false;
  try {
    decodePacket(packet);
  } catch (error) {
    ok(error instanceof ProtocolFault);
    isRefused = true;
  }
  ok(isRefused === (scan.kind === PacketKind.Malformed));
}

class Recorder implements FrameSink {
  readonly seen: string[] = [];

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    this.seen.push(`binary ${bytes.toString("hex", start, end)}`);
  }
  pingReceived(payload: Buffer): void {
    this.seen.push(`ping ${payload.toString("hex")}`);
  }
  pongReceived(): void {
    this.seen.push("pong");
  }
  closeReceived(payload: Buffer): void {
    this.seen.push(`close ${payload.toString("hex")}`);
  }
}

/** Feeds `bytes` in random pieces, each overwritten after its push; returns whether the reader found a fault. */
function feed(random: Random, reader: FrameReader, bytes: Buffer): boolean {
  const pieceMax = random.pick([1, 3, 7, 64, 1000, 100_000]);
  let at = 0;
  while (at < bytes.length) {
    const take = Math.min(1 + random.below(pieceMax), bytes.length - at);
    const chunk = Buffer.from(bytes.subarray(at, at + take));
    at += take;
    const fault = reader.push(chunk);
    chunk.fill(0xdb);
    ok(reader.bufferedBytes <= at, "no more is held than came");
    if (fault !== undefined) return true;
  }
  return false;
}

function fuzzStream(random: Random, counts: FuzzCounts): void {
  const expected: string[] = [];
  const parts: Buffer[] = [];
  for (let left = random.below(12); left > 0; left--) {
    const opcode = random.pick([OpCode.Binary, OpCode.Binary, OpCode.Binary, OpCode.Ping, OpCode.Pong]);
    const payload = random.bytes(random.below(opcode === OpCode.Binary && random.once(4) ? frameBytesMax + 1 : 126));
    const head = Buffer.alloc(frameHeaderBytes);
    writeFrameHeader(head, 0, opcode, payload.length);
    parts.push(head, payload);
    if (opcode === OpCode.Pong) expected.push("pong");
    else if (opcode === OpCode.Ping) expected.push(`ping ${payload.toString("hex")}`);
    else if (payload.length > 0) expected.push(`binary ${payload.toString("hex")}`);
  }
  const sink = new Recorder();
  const reader = new FrameReader(sink, frameBytesMax);
  ok(!feed(random, reader, Buffer.concat(parts)));
  deepStrictEqual(sink.seen, expected);
  deepStrictEqual(reader.bufferedBytes, 0);
  counts.frames += expected.length;
}

function fuzzGarbage(random: Random, counts: FuzzCounts): void {
  const bytes = random.bytes(random.below(64));
  if (bytes.length > 3 && random.once(2)) {
    bytes[0] = random.pick([2, 8, 9, 10]);
    bytes[1] = bytes[2] = 0;
  }
  if (feed(random, new FrameReader(new Recorder(), frameBytesMax), bytes)) counts.faults++;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } } });
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seed) || !(seconds > 0)) {
    console.error("usage: bun test/fuzz/wire-fuzz.ts [--seed <whole number>] [--seconds <number above 0>]");
    process.exit(2);
  }
  console.log(`seed ${seed}, ${seconds} s`);
  const end = performance.now() + seconds * 1000;
  const counts = fuzzWire(seed, (round) => round % 64 !== 0 || performance.now() < end);
  console.log(JSON.stringify({ seed, ...counts }));
}
