// A gateway's replica of the kicks, revocations and bans in the message store. Chat nodes announce the number of the
// last row (wire/revocations.ts) when a link begins and when a row is added; the gateway asks for the rows that it
// lacks, from any node: the numbers follow the order of commits.
//
// A kick ends the present connections that signed in before it, and is not kept: later sign-ins are not affected. For
// revocations the replica keeps the latest time for each account, and until when it is banned.
//
// Memory: an entry for each account with a revocation; the store bounds their number.

import { create, toBinary } from "@bufbuild/protobuf";
import { accountKey } from "../../base/account-key.ts";
import { banMsMax } from "../../base/limits/fixed.ts";
import type { Link } from "../../routing/links.ts";
import { closeBanned, closeKickedOut, closeRevoked } from "../../wire/close-reason.ts";
import { Command } from "../../wire/commands.ts";
import { Flag, KickoutNotifySchema } from "../../wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../wire/packet.ts";
import {
  decodeRevocations,
  encodeRevocationsQuestion,
  type RevocationsPage,
  type StoredRevocation,
} from "../../wire/revocations.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import { ownPacket } from "./forwarded.ts";
import type { GatewayState } from "./gateway-state.ts";

/**
 * How far the clock of the chat node that dated a kick may be behind that of the one that sends it; this machine's may
 * say anything. It is asked of those only who sign in between a kick and its arrival here.
 */
const clocksApartMs = 30_000;

export class Revocations {
  private readonly gateway: Pick<GatewayState, "channels" | "serviceId" | "metrics" | "clock">;
  /** The store that the copy is of; '' before the first word. */
  private store = "";
  /** The copy has all rows up to this number. */
  private version = 0n;
  /** Those who have said that there are more, and up to which number. */
  private readonly ahead = new Map<Link<Channel>, bigint>();
  /** Those that are linked and have not said yet how they are: what there is comes before that. */
  private readonly unheard = new Set<Link<Channel>>();
  /** Those that know bans; while there are any, the others' rows are not asked for. */
  private readonly knowing = new Set<Link<Channel>>();
  /** False when a node that knows no bans has sent rows of the copy: it lacks theirs. */
  private hasBans = true;
  /** Tokens that were issued before then are refused, by account; milliseconds since 1970. */
  private readonly revokedMs = new Map<string, number>();
  /** Banned accounts, a part of the former; an entry whose time is over is removed when somebody signs in. */
  private readonly bans = new Map<string, GatewayBan>();

  constructor(gateway: Revocations["gateway"]) {
    this.gateway = gateway;
  }

  /** True when all linked chat nodes have been heard, and none has said that there is more than the copy has. */
  get isCurrent(): boolean {
    return this.ahead.size === 0 && this.unheard.size === 0;
  }

  /**
   * True when a token was revoked: to be asked at sign-in, and whenever a connection shows another token. `issuedAt`:
   * its `iat`, in seconds since 1970; undefined, it has none, and counts as older than every revocation.
   */
  refuses(app: string, account: string, issuedAt: number | undefined): boolean {
    if (this.revokedMs.size === 0) return false;
    const beforeMs = this.revokedMs.get(accountKey(app, account));
    return beforeMs !== undefined && (issuedAt === undefined || issuedAt * 1_000 < beforeMs);
  }

  /**
   * Until when an account is banned, for a person; undefined if it is not. To be asked like `refuses`: whoever has a
   * token that is newer than the ban may not sign in either.
   */
  bannedUntil(app: string, account: string): string | undefined {
    if (this.bans.size === 0) return undefined;
    const key = accountKey(app, account);
    const ban = this.bans.get(key);
    if (ban === undefined) return undefined;
    if (ban.endMs > this.gateway.clock.monotonicMs()) return untilText(ban.untilMs);
    this.bans.delete(key);
    return undefined;
  }

  /** A chat node has said what there is, or has sent rows. */
  received(body: Buffer, link: Link<Channel>): void {
    const said = decodeRevocations(body);
    if (said === undefined) {
      this.gateway.metrics.protocolFault("link-packet");
      return;
    }
    if ("rows" in said) {
      this.take(said);
      if (this.ahead.has(link)) this.ask(link);
      return;
    }
    if (said.store !== this.store) {
      // The store was replaced.
      this.store = said.store;
      this.begin();
    }
    if (said.knowsBans) {
      this.knowing.add(link);
      if (!this.hasBans) this.begin();
    } else if (this.knowing.size > 0) return;
    if (said.version <= this.version) return;
    this.ahead.set(link, said.version);
    this.ask(link);
  }

  /** A chat node is linked. */
  linked(link: Link<Channel>): void {
    this.unheard.add(link);
  }

  /** A node has said how it is. */
  heard(link: Link<Channel>): void {
    this.unheard.delete(link);
  }

  /** That node says no more. */
  lost(link: Link<Channel>): void {
    this.unheard.delete(link);
    this.ahead.delete(link);
    this.knowing.delete(link);
  }

  /** Asks again those who have not answered; called every few seconds. */
  tick(): void {
    for (const link of this.ahead.keys()) this.ask(link);
  }

  private ask(link: Link<Channel>): void {
    const question = encodeRevocationsQuestion(this.version);
    link.connection.send(ownPacket(this.gateway.serviceId, Command.Revocations, question));
  }

  /** Reads all rows anew. What is known is in force until the first of them have come. */
  private begin(): void {
    this.version = 0n;
    this.hasBans = true;
    this.ahead.clear();
  }

  private take({ store, version, knowsBans, after, nowMs, rows }: RevocationsPage): void {
    // It answers an earlier question.
    if (store !== this.store || after > this.version || (!knowsBans && this.knowing.size > 0)) return;
    if (!knowsBans) this.hasBans = false;
    if (this.version === 0n) {
      this.revokedMs.clear();
      this.bans.clear();
    }
    this.apply(
      rows.filter(({ id }) => id > this.version),
      this.gateway.clock.monotonicMs() - nowMs,
      knowsBans,
    );
    if (version > this.version) this.version = version;
    for (const [link, there] of this.ahead) if (there <= this.version) this.ahead.delete(link);
  }

  /** `aheadMs`: how far this machine's monotonic clock is ahead of the sender's wall clock, which dates kicks. */
  private apply(rows: readonly StoredRevocation[], aheadMs: number, knowsBans: boolean): void {
    const byAccount = Map.groupBy(rows, ({ account }) => account);
    for (const { app, account, kind, beforeMs, untilMs } of rows) {
      if (kind !== "revoke") continue;
      const key = accountKey(app, account);
      this.revokedMs.set(key, Math.max(beforeMs, this.revokedMs.get(key) ?? 0));
      // Each change of a ban comes with the whole row.
      if (untilMs === undefined && knowsBans) this.bans.delete(key);
      else if (untilMs !== undefined) this.bans.set(key, { untilMs, endMs: untilMs + aheadMs });
    }
    if (byAccount.size === 0) return;
    for (const channel of this.gateway.channels.values()) {
      const ofAccount = byAccount.get(channel.account);
      if (ofAccount === undefined) continue;
      const row = ofAccount.find((one) => isEnded(channel, one, aheadMs));
      // Whenever its token was issued.
      if (this.bannedUntil(channel.app, channel.account) !== undefined) channel.connection.close(closeBanned);
      else if (row !== undefined) end(channel, row);
    }
  }
}

/** A ban; times in milliseconds. */
interface GatewayBan {
  /** Since 1970, by the chat nodes' clock. */
  readonly untilMs: number;
  /** The same by this machine's monotonic clock. */
  readonly endMs: number;
}

function untilText(untilMs: number): string {
  return untilMs >= banMsMax ? "for good" : `until ${new Date(untilMs).toISOString().replace(/\.000Z$/, "Z")}`;
}

function isEnded(channel: Channel, { app, kind, device, beforeMs }: StoredRevocation, aheadMs: number): boolean {
  if (channel.app !== app) return false;
  if (kind === "revoke") return channel.issuedAt === undefined || channel.issuedAt * 1_000 < beforeMs;
  return (device === undefined || channel.device === device) && channel.signedInMs < beforeMs + aheadMs + clocksApartMs;
}

function end({ connection, id, account, state }: Channel, { kind }: StoredRevocation): void {
  if (kind === "revoke") {
    connection.close(closeRevoked);
    return;
  }
  // Clients of the time before close codes know this push, and do not come back.
  const notify = toBinary(KickoutNotifySchema, create(KickoutNotifySchema, { channelId: id }));
  const head = { command: Command.SignIn, flag: Flag.Push, channelId: id, dest: account };
  if (state === ChannelState.Live) connection.send(encodeLogicPacket(head, notify));
  connection.close(closeKickedOut);
}
