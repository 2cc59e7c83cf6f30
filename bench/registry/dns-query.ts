// DNS queries of the load generator (RFC 1035, 4.1): made once, then sent with another id and, if it is to be so, with
// letters in another case each time, as resolvers do that guard against forged answers.

import type { Random } from "../../src/base/random.ts";

export const RecordType = { A: 1, SRV: 33 } as const;

const headerBytes = 12;
/** RD alone: what a stub resolver sends. */
const flags = 0x0100;
const truncatedBit = 0x0200;
const responseBit = 0x8000;
/** What `dig` declares. */
const udpBytesMax = 1232;
const caseBit = 0x20;

export class DnsQuery {
  readonly bytes: Buffer;
  private readonly questionEnd: number;
  /** Where the letters of the name are. */
  private readonly letters: readonly number[];

  constructor(name: string, type: number) {
    const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
    const question = Buffer.concat([...labels, Buffer.from([0, 0, type, 0, 1])]);
    const header = Buffer.alloc(headerBytes);
    header.writeUInt16BE(flags, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(1, 10);
    // RFC 6891, 6.1.2: the root, OPT, the payload that is taken, no flags, no data.
    const opt = Buffer.from([0, 0, 41, udpBytesMax >> 8, udpBytesMax & 0xff, 0, 0, 0, 0, 0, 0]);
    this.bytes = Buffer.concat([header, question, opt]);
    this.questionEnd = headerBytes + question.length;
    const letters: number[] = [];
    let at = headerBytes;
    for (const label of labels) {
      for (let offset = 1; offset < label.length; offset++)
        if (/[a-z]/i.test(String.fromCharCode(label[offset] ?? 0))) letters.push(at + offset);
      at += label.length;
    }
    this.letters = letters;
  }

  /** The query as a datagram of its own; `random` chooses the case of each letter, without it all are as given. */
  datagram(id: number, random: Random | undefined): Buffer {
    const datagram = Buffer.from(this.bytes);
    datagram.writeUInt16BE(id, 0);
    if (random === undefined) return datagram;
    let [bits, count] = [0, 0];
    for (const at of this.letters) {
      if (count === 0) [bits, count] = [random.uint32(), 32];
      if ((bits & 1) === 1) datagram[at] = (datagram[at] ?? 0) ^ caseBit;
      bits >>>= 1;
      count--;
    }
    return datagram;
  }

  /** What is wrong with an answer to `datagram` that must hold this many records; undefined if nothing is. */
  fault(datagram: Buffer, answer: Buffer, records: number): string | undefined {
    const { questionEnd } = this;
    if (answer.length < questionEnd) return "an answer is cut short";
    const word = answer.readUInt16BE(2);
    if ((word & responseBit) === 0) return "an answer is none";
    if ((word & truncatedBit) !== 0) return "an answer is truncated";
    if ((word & 0xf) !== 0) return `an answer has the code ${word & 0xf}`;
    if (answer.readUInt16BE(6) !== records) return `an answer has ${answer.readUInt16BE(6)} records, not ${records}`;
    const isEcho = answer.compare(datagram, headerBytes, questionEnd, headerBytes, questionEnd) === 0;
    return isEcho ? undefined : "an answer does not repeat its question";
  }
}
