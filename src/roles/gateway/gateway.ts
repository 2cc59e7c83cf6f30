// What the parts of a gateway share: its name, its connections by channel id, its links, its limits.

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
import { PeopleLog } from "./people-log.ts";
import { PushQueue } from "./push-queue.ts";
import type { AddressLimits } from "./address-limits.ts";
import type { Channel } from "./channel.ts";
import { Revocations } from "./revocations.ts";
import { SyncHints } from "./sync-hints.ts";
import { SignOuts } from "./sign-outs.ts";
import { Census } from "./census.ts";
import { Expiries } from "./expiries.ts";
import { SessionTally } from "../../session/tally.ts";

/** In milliseconds: room for a handful of sign-ins. */
const strangerShareMs = 1;
/** And room for so many new connections, each of which may bring something at once. */
const strangersPerTurn = 64;
/** Of the numbers in the names of connections. */
const numberBase = 36;
/** A thousand sign-ins a second are few for the servers that stay. */
const spreadMsOfClient = 1;
const spreadMsMax = 60_000;
const closeOtherStores = closeProtocolFault("its stores are not those of the other nodes");

/** Settings that count after a connection has been accepted. */
type GatewaySettings = Pick<ClientSettings, "loginWaitMs" | "logPeople">;

/** One gateway; an ordinary object, so that a process may hold several. */
export class Gateway implements GatewayState {
  readonly channels = new Map<string, Channel>();
  readonly commands = new Interner();
  /** True from the start of a drain: requests are refused, connections too. */
  isDraining = false;
  /** What clients are told then. */
  leavingReason: CloseReason = closeLeaving;
  /** Whom it is sending away: no further request of theirs is taken. Everybody, at the end of a drain. */
  readonly leaving = new Set<Channel>();
  private counter: number;

  readonly serviceId: string;
  readonly serviceIdBytes: Buffer;
  readonly links: Links<Channel>;
  readonly verifier: TokenVerifier;
  readonly wheel: TimerWheel;
  readonly limits: AddressLimits;
  /** The bounds that an operator can set. */
  readonly bounds: Limits;
  readonly metrics: ServiceMetrics;
  readonly log: Log;
  readonly people: PeopleLog;
  readonly settings: GatewaySettings;
  readonly signOuts: SignOuts;
  /** Of the connections that are signed in. */
  readonly tally = new SessionTally();
  readonly census: Census;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whose token ends soon. */
  readonly expiries: Expiries;
  /** Whose new token is being verified. */
  readonly renewing = new Set<Channel>();
  /** Who is to look into the index. */
  readonly hints: SyncHints;
  /** What a turn of the event loop does for clients that have not signed in. */
  readonly strangerShare: TurnShare;
  /** Pushes to many that wait for their turn. */
  readonly pushes: PushQueue;
  /** What operators have ended. */
  readonly revocations = new Revocations(this);
  /** Which nodes may be linked. */
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
        /** Between two comparisons of its sessions with the store's. */
        censusMs?: number | undefined;
      },
  ) {
    const { clock, timers } = parts;
    this.clock = clock;
    this.timers = timers;
    this.strangerShare = new TurnShare(strangerShareMs, strangersPerTurn, clock, timers.soon);
    this.pushes = new PushQueue((id, packet) => this.deliver(id, packet), timers.soon);
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
    // Not the time: a machine whose clock starts wrong, or is set back, would begin where an earlier run did. Two runs
    // of a million sign-ins each overlap once in a billion.
    this.counter = parts.random.uint32() * 2 ** 19 + (parts.random.uint32() >>> 13);
  }

  /** Gives a push to one connection; it may be kept until that has signed in. */
  private deliver(id: string, packet: Buffer): void {
    const channel = this.channels.get(id);
    if (channel === undefined) this.metrics.pushUnknownChannel();
    else {
      try {
        if (channel.state === ChannelState.Pending) channel.holdPush(packet);
        else channel.connection.send(packet);
      } catch (bug) {
        channel.connection.fail(bug);
      }
    }
  }

  /** Ends the link of a node whose stores have turned out to be others. */
  endOther(link: Link<Channel>): void {
    // No further request goes there; those that are unanswered are refused when the connection has closed.
    this.links.remove(link);
    link.connection.close(closeOtherStores);
  }

  /** Takes nothing new from now on. Clients come back over as long as others need to take so many of them. */
  beginDrain(): void {
    this.isDraining = true;
    this.leavingReason = closeLeavingOver(Math.min(Math.ceil(this.channels.size * spreadMsOfClient), spreadMsMax));
  }

  /** True when no further request of this connection is taken. */
  isLeaving(channel: Channel): boolean {
    return this.isDraining && this.leaving.has(channel);
  }

  /** A name for a connection that no other one has, restarts included. */
  nextChannelId(account: string): string {
    return `${this.serviceId}_${account}_${(this.counter++).toString(numberBase)}`;
  }

  /** The number in the name of the connection that comes next: those of all before are smaller. */
  get nextChannelNumber(): number {
    return this.counter;
  }

  /** The number in a connection's name. */
  channelNumberOf(id: string): number {
    return Number.parseInt(id.slice(id.lastIndexOf("_") + 1), numberBase);
  }
}
