// From a query's bytes to an answer's, without IO. Answers are kept while the table does not change, under what they
// depend on: the question's bytes, the requester's flags and the room there is. Of each a few are kept that begin with
// different records, and they take turns, so that clients which just take the first one spread.

import type { Random } from "../../base/random.ts";
import type { NamedDirectory } from "../directory.ts";
import { headerBytes, labelsOf, nameBytesMax, parseQuery, type QueryView, Rcode } from "./query.ts";
import { messageBytesMax, refusalOf, ResponseWriter, udpBytesMax } from "./response-writer.ts";
import type { DnsZone, Finding } from "./zone.ts";

/** What every requester takes over UDP, whatever it declares (RFC 6891, 6.2.3). */
const udpBytesMin = 512;
/** Room over UDP is rounded down to this, so that few sizes have to be told apart. */
const udpBytesStep = 16;

/** Kept answers of all questions; when there are more, all are dropped. */
const keptBytesMax = 16 * 1024 * 1024;
/** About what a kept answer costs beyond its bytes. */
const keptOverheadBytes = 200;
/** Kept answers to one question that begin with different records, in number and in bytes. */
const turnsMax = 32;
const turnBytesMax = 64 * 1024;
/** How often a kept answer is given before another one is made in its place. */
const servingsMax = 16;

/** Who counts; the methods are called for every message. */
export interface DnsMetrics {
  /** A query was answered with this code (RFC 1035, 4.1.1). */
  dnsAnswered(rcode: number): void;
  /** Something came that gets no answer, or an answer could not be sent. */
  dnsDropped(): void;
}

export type DnsTransport = "udp" | "tcp";

interface Kept {
  readonly finding: Finding;
  /** Answers that begin at `first`, `first + 1`, ...; filled as they are asked for. */
  turns: Buffer[];
  turnCount: number;
  first: number;
  servings: number;
}

export class Responder {
  private readonly zone: DnsZone;
  private readonly directory: NamedDirectory;
  private readonly metrics: DnsMetrics | undefined;
  private readonly random: Random;
  private readonly writer: ResponseWriter;
  /** What is kept was made of this version of the table. */
  private version = -1;
  private readonly kept = new Map<string, Kept>();
  private keptBytes = 0;

  constructor(parts: { zone: DnsZone; directory: NamedDirectory; metrics?: DnsMetrics | undefined; random: Random }) {
    this.zone = parts.zone;
    this.directory = parts.directory;
    this.metrics = parts.metrics;
    this.random = parts.random;
    this.writer = new ResponseWriter(parts.zone);
  }

  /**
   * The answer to a query, or undefined for what must stay without one. It may be read until the next call, and not be
   * written to: it is handed out again.
   */
  respond(bytes: Buffer, transport: DnsTransport): Buffer | undefined {
    const query = parseQuery(bytes);
    if (query === undefined) {
      this.metrics?.dnsDropped();
      return undefined;
    }
    if (typeof query === "number") {
      this.metrics?.dnsAnswered(query);
      return refusalOf(bytes, query);
    }
    const { response, rcode } = this.answer(query, transport);
    bytes.copy(response, 0, 0, 2);
    bytes.copy(response, headerBytes, headerBytes, query.questionEnd);
    this.metrics?.dnsAnswered(rcode);
    return response;
  }

  private answer(query: QueryView, transport: DnsTransport): { response: Buffer; rcode: Rcode } {
    const bytesMax = transport === "tcp" ? messageBytesMax : udpRoom(query);
    if (!this.directory.isReadable) {
      const finding = this.find(query);
      return { response: this.writer.write(query, finding, 0, bytesMax), rcode: finding.rcode };
    }
    this.refresh();
    const key = keyOf(query, bytesMax);
    let kept = this.kept.get(key);
    if (kept === undefined) {
      kept = { finding: this.find(query), turns: [], turnCount: turnsMax, first: 0, servings: 0 };
      this.keep(key.length);
      this.kept.set(key, kept);
    }
    return { response: this.nextTurn(kept, query, bytesMax), rcode: kept.finding.rcode };
  }

  private find(query: QueryView): Finding {
    const rcode = query.edns !== undefined && query.edns.version > 0 ? Rcode.BadVers : Rcode.Refused;
    if (rcode === Rcode.BadVers || !query.isInternet) return { rcode, answers: [], authorities: [] };
    return this.zone.find(labelsOf(query), query.type);
  }

  private nextTurn(kept: Kept, query: QueryView, bytesMax: number): Buffer {
    const { answers } = kept.finding;
    if (answers.length > 1 && kept.servings === kept.turnCount * servingsMax) {
      for (const turn of kept.turns) this.keptBytes -= turn.length + keptOverheadBytes;
      kept.turns = [];
      kept.servings = 0;
    }
    if (kept.servings === 0 && answers.length > 1) kept.first = this.random.uint32() % answers.length;
    const turn = answers.length > 1 ? kept.servings % kept.turnCount : 0;
    kept.servings++;
    const known = kept.turns[turn];
    if (known !== undefined) return known;
    const response = this.writer.write(
      query,
      kept.finding,
      (kept.first + turn) % Math.max(1, answers.length),
      bytesMax,
    );
    const turnsInRoom = Math.max(1, Math.floor(turnBytesMax / response.length));
    if (turn === 0) kept.turnCount = Math.min(answers.length, turnsMax, turnsInRoom);
    this.keep(response.length);
    kept.turns.push(response);
    return response;
  }

  private refresh(): void {
    const { version } = this.directory;
    if (version !== this.version) this.clear();
    this.version = version;
  }

  /** Accounts for what is about to be kept. */
  private keep(bytes: number): void {
    this.keptBytes += bytes + keptOverheadBytes;
    if (this.keptBytes > keptBytesMax) this.clear();
  }

  private clear(): void {
    this.kept.clear();
    this.keptBytes = 0;
  }
}

/** How much a requester takes over UDP: 512 bytes without EDNS, else what it declares, between 512 and 1232. */
function udpRoom({ edns }: QueryView): number {
  if (edns === undefined) return udpBytesMin;
  const room = Math.min(Math.max(edns.udpBytesMax, udpBytesMin), udpBytesMax);
  return room - (room % udpBytesStep);
}

/** All that an answer depends on besides the table, and its id. */
function keyOf({ bytes, questionEnd, edns, isRecursionDesired }: QueryView, bytesMax: number): string {
  // Both are below 256: a key of one-byte characters is a cheaper one.
  const room = bytesMax === messageBytesMax ? 0 : bytesMax / udpBytesStep;
  const flags =
    (isRecursionDesired ? 1 : 0) |
    (edns === undefined ? 0 : 2) |
    (edns?.isDnssecOk === true ? 4 : 0) |
    ((edns?.version ?? 0) > 0 ? 8 : 0);
  let at = 0;
  const typeAt = questionEnd - 4;
  for (let from = headerBytes; from < questionEnd; from++) {
    const byte = bytes[from] ?? 0;
    // A label's length is below the letters.
    folded[at++] = from < typeAt && byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return String.fromCharCode(room, flags) + folded.toString("latin1", 0, at);
}

/** A question with its name in lower case. */
const folded = Buffer.alloc(nameBytesMax + 16);
