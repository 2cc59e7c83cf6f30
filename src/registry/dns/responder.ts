// Turns a query's bytes into an answer's, without IO. Answers are cached by what they depend on (the question's bytes,
// the requester's flags and the available room) while the zone's finding is the same. For each key, several answers
// that start with different records take turns, so that clients which use the first record spread. Negative answers are
// not cached: anybody can ask for any number of names that do not exist.

import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { NamedDirectory } from "../directory.ts";
import type { Finding } from "./finding.ts";
import { headerBytes, labelsOf, nameBytesMax, parseQuery, type QueryView, Rcode, RecordType } from "./query.ts";
import { messageBytesMax, refusalOf, ResponseWriter, udpBytesMax } from "./response-writer.ts";
import { WeightedCache } from "./weighted-cache.ts";
import type { DnsZone } from "./zone.ts";

/** Every requester accepts this over UDP, whatever it declares (RFC 6891, 6.2.3). */
const udpBytesMin = 512;
/** Room over UDP is rounded down to a multiple, so that few sizes differ. */
const udpBytesStep = 16;

/** All cached answers. */
const keptBytesMax = 16 * 1024 * 1024;
/** The approximate memory of a cached answer beyond its bytes. */
const keptOverheadBytes = 200;
/** Cached answers to one question that start with different records, in number and in bytes. */
const turnsMax = 32;
const turnBytesMax = 64 * 1024;
/** How often a cached answer is sent before another one replaces it. */
const servingsMax = 16;

/** Counters, called for every message. */
export interface DnsMetrics {
  /** A query was answered with this code (RFC 1035, 4.1.1). */
  dnsAnswered(rcode: number): void;
  /** A message got no answer, or an answer could not be sent. */
  dnsDropped(): void;
}

export type DnsTransport = "udp" | "tcp";

interface Kept {
  readonly finding: Finding;
  /** The table's version of the last look-up in the zone, and until when that is valid. */
  version: number;
  untilMs: number;
  /** The same for the moment when the first of the turns was created: they hold addresses beside the finding. */
  turnsVersion: number;
  turnsAtMs: number;
  /** Answers that start at record `first`, `first + 1`, …; created on demand. */
  turns: Buffer[];
  turnCount: number;
  first: number;
  servings: number;
}

interface ResponderParts {
  readonly zone: DnsZone;
  readonly directory: NamedDirectory;
  readonly metrics?: DnsMetrics | undefined;
  readonly random: Random;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export class Responder {
  private readonly writer: ResponseWriter;
  private readonly kept = new WeightedCache<Kept>(keptBytesMax);
  private readonly parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.parts = parts;
    this.writer = new ResponseWriter(parts.zone);
  }

  /**
   * Returns the answer to a query, or undefined if it must have none. It is valid until the next call, and must not be
   * modified: it is reused.
   */
  respond(bytes: Buffer, transport: DnsTransport): Buffer | undefined {
    const query = parseQuery(bytes);
    if (query === undefined) {
      this.parts.metrics?.dnsDropped();
      return undefined;
    }
    if (typeof query === "number") {
      this.parts.metrics?.dnsAnswered(query);
      return refusalOf(bytes, query);
    }
    // ANY serves attackers who want a large answer sent over UDP to somebody else (RFC 8482, 4.4).
    if (query.type === RecordType.ANY && transport === "udp") return this.cut(query);
    const { response, rcode } = this.answer(query, transport);
    bytes.copy(response, 0, 0, 2);
    bytes.copy(response, headerBytes, headerBytes, query.questionEnd);
    this.parts.metrics?.dnsAnswered(rcode);
    return response;
  }

  /** Returns the answer that redirects a requester to TCP, no longer than its query; undefined for what is no query. */
  respondCut(bytes: Buffer): Buffer | undefined {
    const query = parseQuery(bytes);
    if (typeof query === "object") return this.cut(query);
    this.parts.metrics?.dnsDropped();
    return undefined;
  }

  private cut(query: QueryView): Buffer {
    this.parts.metrics?.dnsAnswered(Rcode.NoError);
    return this.writer.writeCut(query);
  }

  private answer(query: QueryView, transport: DnsTransport): { response: Buffer; rcode: Rcode } {
    const bytesMax = transport === "tcp" ? messageBytesMax : udpRoom(query);
    const key = this.parts.directory.isReadable ? keyOf(query, bytesMax) : "";
    const known = key === "" ? undefined : this.kept.get(key);
    const kept = known !== undefined && this.isCurrent(known) ? known : this.asked(key, query, known);
    if ("rcode" in kept) return { response: this.writer.write(query, kept, 0, bytesMax), rcode: kept.rcode };
    return { response: this.nextTurn(key, kept, query, bytesMax), rcode: kept.finding.rcode };
  }

  private isCurrent({ version, untilMs }: Kept): boolean {
    return version === this.parts.directory.version && this.parts.clock.monotonicMs() < untilMs;
  }

  /** Looks the question up in the zone; returns its cache entry, or the finding alone if it is not cached. */
  private asked(key: string, query: QueryView, known: Kept | undefined): Kept | Finding {
    const finding = this.find(query);
    if (key === "" || finding.answers.length === 0) {
      if (known !== undefined) this.kept.delete(key);
      return finding;
    }
    const { version } = this.parts.directory;
    const nowMs = this.parts.clock.monotonicMs();
    const { restMs } = this.parts.zone;
    if (known?.finding === finding) {
      known.version = version;
      known.untilMs = nowMs + restMs;
      const isOld = known.turnsVersion !== version && nowMs - known.turnsAtMs >= restMs;
      if (isOld) this.dropTurns(key, known);
      return known;
    }
    const kept: Kept = {
      finding,
      version,
      untilMs: nowMs + restMs,
      turnsVersion: version,
      turnsAtMs: nowMs,
      turns: [],
      turnCount: turnsMax,
      first: 0,
      servings: 0,
    };
    this.kept.set(key, kept, key.length + keptOverheadBytes);
    return kept;
  }

  private find(query: QueryView): Finding {
    const rcode = query.edns !== undefined && query.edns.version > 0 ? Rcode.BadVers : Rcode.Refused;
    if (rcode === Rcode.BadVers || !query.isInternet) return { rcode, answers: [], authorities: [] };
    return this.parts.zone.find(labelsOf(query), query.type);
  }

  private nextTurn(key: string, kept: Kept, query: QueryView, bytesMax: number): Buffer {
    const { answers } = kept.finding;
    if (answers.length > 1 && kept.servings === kept.turnCount * servingsMax) this.dropTurns(key, kept);
    if (kept.servings === 0) {
      kept.turnsVersion = this.parts.directory.version;
      kept.turnsAtMs = this.parts.clock.monotonicMs();
      if (answers.length > 1) kept.first = this.parts.random.uint32() % answers.length;
    }
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
    this.kept.grow(key, response.length + keptOverheadBytes);
    kept.turns.push(response);
    return response;
  }

  private dropTurns(key: string, kept: Kept): void {
    for (const turn of kept.turns) this.kept.grow(key, -turn.length - keptOverheadBytes);
    kept.turns = [];
    kept.turnCount = turnsMax;
    kept.servings = 0;
  }
}

/** Returns the room over UDP: 512 bytes without EDNS, else the declared size from 512 to 1232. */
function udpRoom({ edns }: QueryView): number {
  if (edns === undefined) return udpBytesMin;
  const room = Math.min(Math.max(edns.udpBytesMax, udpBytesMin), udpBytesMax);
  return room - (room % udpBytesStep);
}

/** Returns the cache key: all that an answer depends on except the table and its id. */
function keyOf({ bytes, questionEnd, edns, isRecursionDesired }: QueryView, bytesMax: number): string {
  // Both are below 256: a key of one-byte characters is cheaper.
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
    // A label's length is below the letters' codes.
    folded[at++] = from < typeAt && byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return String.fromCharCode(room, flags) + folded.toString("latin1", 0, at);
}

/** A question with its name in lower case. */
const folded = Buffer.alloc(nameBytesMax + 16);
