// A logic service (login, chat): takes the links of gateways, turns each packet into a context and routes it.
// The packets come from roles/gateway/uplink.ts.

import { type Cancel, every, sleep } from "../base/timers.ts";
import type { Time } from "../base/runtime.ts";
import { linkHeaderBytesMax } from "../base/limits/fixed.ts";
import type { Log } from "../base/log.ts";
import type { Connection, FrameHandler } from "../transport/transport.ts";
import { type CloseReason, CloseCode, closeLeaving, closeProtocolFault } from "../wire/close-reason.ts";
import { Interner } from "../wire/interner.ts";
import { BasicCode, basicPing, basicPong } from "../wire/packet.ts";
import { PacketKind, PacketScan, scanPacket } from "../wire/packet-scan.ts";
import { Context, type GatewayLink } from "./context.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { LinkBacklog } from "./link-backlog.ts";
import { encodeLinkState, heartbeatMs, type LinkState } from "../link/link-state.ts";
import { type NodeStores, unknownStores } from "../link/node-stores.ts";
import type { Router } from "./router.ts";

/** Shared by all links of a process: a scan is read before the next packet. */
const scan = new PacketScan();
/** How long a link that may be dead has to give a sign of life. */
const probeMs = 1_000;
const answerCheckMs = 5;
const closeReplaced: CloseReason = { code: CloseCode.Normal, text: "this gateway has linked itself anew" };

/** What a service is made of. */
interface ServiceParts extends Time {
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** Which stores it uses, as far as that is known now; absent: none that others use. */
  stores?(): NodeStores;
  /** Reads what gateways must hear of before it may be chosen; never rejects. Absent: nothing. */
  prepared?(): Promise<void>;
  /** A gateway has linked itself. */
  gatewayLinked(gateway: string, incarnation: string): void;
  /** Sends what it has still to say; resolves when that is on the links. Absent: nothing. */
  settled?(): Promise<void>;
  /** A gateway's link broke. */
  gatewayLost(gateway: string, incarnation: string): void;
}

/** The service, with a link for each gateway. */
export class Service {
  private readonly parts: ServiceParts;
  private readonly interner = new Interner();
  private readonly byGateway = new Map<string, ServiceLink>();
  private readonly endBeat: Cancel;
  private isReady = false;
  /** Called when a gateway's link has ended and no other one has taken its place. */
  linkEnded: ((gateway: string) => void) | undefined;

  constructor(parts: ServiceParts) {
    this.parts = parts;
    this.endBeat = every(parts.timers, heartbeatMs, () => this.tellState());
  }

  /** Takes a link over; an older one of the same gateway ends. */
  linked(connection: Connection, gateway: string, incarnation: string): FrameHandler {
    const older = this.byGateway.get(gateway);
    const link = new ServiceLink(connection, gateway, incarnation, this.parts, this.interner, (gone) => {
      // One that was replaced is no loss: that gateway is linked.
      if (this.byGateway.get(gateway) !== gone) return;
      this.byGateway.delete(gateway);
      this.parts.gatewayLost(gateway, incarnation);
      this.linkEnded?.(gateway);
    });
    this.byGateway.set(gateway, link);
    older?.connection.close(closeReplaced);
    this.parts.gatewayLinked(gateway, incarnation);
    // The handshake has said it, too, but that was a while ago; and now the gateway has heard what comes before it.
    connection.send(encodeLinkState(this.state));
    return link;
  }

  /** Resolves with the other incarnation by which that gateway is linked, if it gives a sign of life when asked. */
  async holder(gateway: string, incarnation: string): Promise<string | undefined> {
    const link = this.byGateway.get(gateway);
    if (link === undefined || link.incarnation === incarnation) return undefined;
    return (await link.answersWithin(probeMs)) ? link.incarnation : undefined;
  }

  /** Whom it is linked with: incarnations by gateway. */
  get gateways(): ReadonlyMap<string, { readonly gateway: string; readonly incarnation: string }> {
    return this.byGateway;
  }

  /** What gateways are told of it. */
  get state(): LinkState {
    return { load: this.unanswered, isReady: this.isReady, stores: this.parts.stores?.() ?? unknownStores };
  }

  /** Requests under way. */
  get unanswered(): number {
    let unanswered = 0;
    for (const { unanswered: asked, backlog } of this.byGateway.values()) unanswered += asked + backlog.answers;
    return unanswered;
  }

  /** Resolves when gateways have heard what they must before it may be chosen. */
  async prepared(): Promise<void> {
    await this.parts.prepared?.();
  }

  /** Tells all gateways whether they may send requests here. */
  setReady(isReady: boolean): void {
    this.isReady = isReady;
    this.tellState();
  }

  /** Asks for no more requests, answers those that are under way for at most `answerMsMax`, and ends all links. */
  async drain(answerMsMax: number): Promise<void> {
    const { clock, timers } = this.parts;
    this.endBeat();
    this.setReady(false);
    const endMs = clock.monotonicMs() + answerMsMax;
    // What gateways had sent before they heard of it is still on its way.
    const links = [...this.byGateway.values()];
    await Promise.all(links.map((link) => link.catchesUpWithin(Math.min(answerMsMax, probeMs))));
    while (this.unanswered > 0 && clock.monotonicMs() < endMs) await sleep(timers, answerCheckMs);
    let isSettled = this.parts.settled === undefined;
    const settled = (): void => void (isSettled = true);
    // It never rejects: what cannot be sent is lost.
    void this.parts.settled?.().then(settled, settled);
    const isPushing = (): boolean => !isSettled && clock.monotonicMs() < endMs;
    while (isPushing()) await sleep(timers, answerCheckMs);
    for (const { connection } of this.byGateway.values()) connection.close(closeLeaving);
  }

  /** Tells all gateways how it is now. */
  tellState(): void {
    const ping = encodeLinkState(this.state);
    for (const { connection } of this.byGateway.values()) connection.send(ping);
  }
}

/** Somebody who waits for a sign of life: for anything, or for the answer to a ping. */
interface Waiter {
  /** How many pongs have to come; 0: anything will do. */
  readonly pongsDue: number;
  readonly settle: (lives: boolean) => void;
}

class ServiceLink implements FrameHandler, GatewayLink {
  readonly gateway: string;
  readonly incarnation: string;
  readonly connection: Connection;
  unanswered = 0;
  readonly backlog: LinkBacklog;
  private readonly parts: ServiceParts;
  private readonly interner: Interner;
  private readonly gone: (link: ServiceLink) => void;
  /** Pings without a state that were sent, and their answers that came. */
  private pings = 0;
  private pongs = 0;
  private readonly waiting = new Set<Waiter>();

  constructor(
    connection: Connection,
    gateway: string,
    incarnation: string,
    parts: ServiceParts,
    interner: Interner,
    gone: (link: ServiceLink) => void,
  ) {
    this.gateway = gateway;
    this.incarnation = incarnation;
    this.connection = connection;
    this.backlog = new LinkBacklog(gateway, connection, parts.timers);
    this.parts = parts;
    this.interner = interner;
    this.gone = gone;
    parts.dispatcher.addLink(this);
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    scanPacket(payload, scan, linkHeaderBytesMax);
    if (scan.kind === PacketKind.Basic && scan.basicCode === BasicCode.Pong) this.pongs++;
    if (this.waiting.size > 0) this.tellWaiting();
    if (scan.kind !== PacketKind.Logic) {
      if (scan.kind === PacketKind.Malformed) {
        this.connection.close(scan.fault ?? closeProtocolFault("malformed packet"));
      } else if (scan.basicCode === BasicCode.Ping) this.connection.send(basicPong);
      return;
    }
    const command = this.interner.intern(payload, scan.commandStart, scan.commandEnd);
    const app = scan.appStart < 0 ? "" : this.interner.intern(payload, scan.appStart, scan.appEnd);
    this.unanswered++;
    this.parts.router.route(new Context(this, payload, scan, command, app, this.parts.clock.monotonicMs()));
  }

  closed(reason: CloseReason): void {
    for (const { settle } of this.waiting) settle(false);
    this.backlog.clear();
    this.parts.dispatcher.removeLink(this);
    this.parts.log.debug("a gateway's link ended", { gateway: this.gateway, reason: reason.text });
    this.gone(this);
  }

  /** True when anything comes within that time. */
  answersWithin(msMax: number): Promise<boolean> {
    return this.ping(0, msMax);
  }

  /** True when a ping is answered within that time: then all that the other side had sent before it has come. */
  catchesUpWithin(msMax: number): Promise<boolean> {
    return this.ping(this.pings + 1, msMax);
  }

  private ping(pongsDue: number, msMax: number): Promise<boolean> {
    if (!this.connection.isOpen) return Promise.resolve(false);
    this.pings++;
    this.connection.send(basicPing);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        pongsDue,
        settle: (lives) => {
          cancel();
          this.waiting.delete(waiter);
          resolve(lives);
        },
      };
      const cancel = this.parts.timers.after(msMax, () => waiter.settle(false));
      this.waiting.add(waiter);
    });
  }

  private tellWaiting(): void {
    for (const { pongsDue, settle } of this.waiting) if (this.pongs >= pongsDue) settle(true);
  }
}
