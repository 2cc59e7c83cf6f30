// The state that the parts of a gateway share: its id, its connections by channel id, its links, its limits.

import type { Runtime } from "../../base/runtime.ts";
import type { TokenVerifier } from "../../auth/token.ts";
import { sessionCensusMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../base/clock.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { TurnShare } from "../../base/turn-share.ts";
import type { Link, Links } from "../../routing/links.ts";
import { SameStores } from "../../routing/same-stores.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Timers } from "../../base/timers.ts";
import { type CloseReason, closeLeaving, closeLeavingOver, closeProtocolFault } from "../../wire/close-reason.ts";
import { Interner } from "../../wire/interner.ts";
import type { ClientSettings } from "../settings.ts";
import { ChannelState } from "./channel-state.ts";
import type { GatewayState } from "./gateway-state.ts";
import { mayTake, OwedHints } from "./owed-hints.ts";
import { PeopleLog } from "./people-log.ts";
import { PushQueue } from "./push-queue.ts";
import type { AddressLimits } from "./address-limits.ts";
import type { Channel } from "./channel.ts";
import { Announcements } from "./announcements.ts";
import { Revocations } from "./revocations.ts";
import { SyncHints } from "./sync-hints.ts";
import { SignOuts } from "./sign-outs.ts";
import { Census } from "./census.ts";
import { Expiries } from "./expiries.ts";
import { SessionTally } from "../../session/tally.ts";

/** In milliseconds: enough for a handful of sign-ins. */
const unidentifiedShareMs = 1;
/** New connections in one turn of the event loop, each of which may have sent something already. */
const unidentifiedPerTurn = 64;
/** The base of the numbers in channel ids. */
const numberBase = 36;
/** A thousand sign-ins a second are a light load for the remaining servers. */
const spreadMsOfClient = 1;
const spreadMsMax = 60_000;
const closeOtherStores = closeProtocolFault("its stores are not those of the other nodes");

/** Settings that apply after a connection has been accepted. */
type GatewaySettings = Pick<ClientSettings, "loginWaitMs" | "logPeople">;

/** One gateway. A process may hold several. */
export class Gateway implements GatewayState {
  readonly channels = new Map<string, Channel>();
  readonly commands = new Interner();
  /** True from the start of a drain: requests and connections are refused. */
  isDraining = false;
  /** The reason that clients get at the end of a drain. */
  leavingReason: CloseReason = closeLeaving;
  /** Connections that are being dismissed, whose further requests are refused; all of them at the end of a drain. */
  readonly leaving = new Set<Channel>();
  private counter: number;

  readonly serviceId: string;
  readonly serviceIdBytes: Buffer;
  readonly links: Links<Channel>;
  readonly verifier: TokenVerifier;
  readonly wheel: TimerWheel;
  readonly limits: AddressLimits;
  /** The limits that an operator can set. */
  readonly bounds: Limits;
  readonly metrics: ServiceMetrics;
  readonly log: Log;
  readonly people: PeopleLog;
  readonly settings: GatewaySettings;
  readonly signOuts: SignOuts;
  /** Counts the connections that are signed in. */
  readonly tally = new SessionTally();
  readonly census: Census;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Connections whose tokens expire. */
  readonly expiries: Expiries;
  /** Connections whose new token is being verified. */
  readonly renewing = new Set<Channel>();
  /** Connections that have to read the index of their offline messages. */
  readonly hints: SyncHints;
  /** Connections that were not told a change of presence. */
  readonly owedHints: OwedHints;
  /** Bounds the work of one turn of the event loop for connections that have not signed in. */
  readonly unidentifiedShare: TurnShare;
  /** Pushes to many connections, which are written in slices. */
  readonly pushes: PushQueue;
  /** Tokens and accounts that operators have revoked. */
  readonly revocations = new Revocations(this);
  readonly announcements = new Announcements(this);
  /** Admits nodes with the same stores only. */
  readonly stores: SameStores;

  constructor(
    parts: Runtime &
      GatewaySettings & {
        serviceId: string;
        links: Links<Channel>;
        verifier: TokenVerifier;
        wheel: TimerWheel;
        limits: AddressLimits;
        bounds: Limits;
        metrics: ServiceMetrics;
        log: Log;
        /** The interval of comparing its sessions with the store's. */
        censusMs?: number | undefined;
      },
  ) {
    const { clock, timers } = parts;
    this.clock = clock;
    this.timers = timers;
    this.unidentifiedShare = new TurnShare(unidentifiedShareMs, unidentifiedPerTurn, clock, timers.soon);
    this.pushes = new PushQueue((id, packet, isDroppable) => this.deliver(id, packet, isDroppable), timers.soon);
    this.serviceId = parts.serviceId;
    this.serviceIdBytes = Buffer.from(parts.serviceId);
    this.links = parts.links;
    this.verifier = parts.verifier;
    this.wheel = parts.wheel;
    this.limits = parts.limits;
    this.bounds = parts.bounds;
    this.metrics = parts.metrics;
    this.log = parts.log;
    this.people = new PeopleLog(parts.logPeople ? parts.log : undefined);
    this.settings = parts;
    this.signOuts = new SignOuts(parts.serviceId, clock, ({ id, app, account }) =>
      this.links.choose("login", { channelId: id, app, account }),
    );
    this.hints = new SyncHints(timers, clock);
    this.owedHints = new OwedHints(this.pushes, { timers, clock });
    this.stores = new SameStores({
      clock,
      id: parts.serviceId,
      log: parts.log,
      ends: ({ service, id }) => {
        for (const link of this.links.all()) if (link.service === service && link.id === id) this.endOther(link);
      },
    });
    parts.metrics.storeMismatches = () => this.stores.mismatches;
    this.census = new Census(this, this.tally, parts.censusMs ?? sessionCensusMs);
    this.expiries = new Expiries(this);
    // Random instead of the time: with a clock that is set back, a run would repeat the ids of an earlier one. Two runs
    // with a million sign-ins each overlap with a probability of one in a billion.
    this.counter = parts.random.uint32() * 2 ** 19 + (parts.random.uint32() >>> 13);
  }

  /** Passes a push to one connection; holds it until the connection has signed in. */
  private deliver(id: string, packet: Buffer, isDroppable: boolean): void {
    const channel = this.channels.get(id);
    if (channel === undefined) this.metrics.pushUnknownChannel();
    else if (!isDroppable || mayTake(channel, packet.length, this.bounds.values.unsentBytes)) {
      try {
        if (channel.state === ChannelState.Pending) channel.holdPush(packet);
        else channel.connection.send(packet);
      } catch (bug) {
        channel.connection.fail(bug);
      }
    }
  }

  /** Ends the link of a node that has turned out to use other stores. */
  endOther(link: Link<Channel>): void {
    // Unanswered requests are refused when the connection has closed.
    this.links.remove(link);
    link.connection.close(closeOtherStores);
  }

  /** Refuses everything new from now on. Clients are asked to return over a time in which others can take them all. */
  beginDrain(): void {
    this.isDraining = true;
    this.leavingReason = closeLeavingOver(Math.min(Math.ceil(this.channels.size * spreadMsOfClient), spreadMsMax));
  }

  /** Reports whether further requests of this connection are refused. */
  isLeaving(channel: Channel): boolean {
    return this.isDraining && this.leaving.has(channel);
  }

  /** Returns a channel id that is unique, also across restarts. */
  nextChannelId(account: string): string {
    return `${this.serviceId}_${account}_${(this.counter++).toString(numberBase)}`;
  }

  /** The number in the next channel id; all earlier ones are smaller. */
  get nextChannelNumber(): number {
    return this.counter;
  }

  /** Returns the number in a channel id. */
  channelNumberOf(id: string): number {
    return Number.parseInt(id.slice(id.lastIndexOf("_") + 1), numberBase);
  }
}
