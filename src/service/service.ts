// A logic service (login, chat): accepts the links of gateways, turns each packet into a context and routes it.
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
import type { Answer, Call } from "./call-context.ts";
import type { GatewayLink } from "./context.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { LinkBacklog } from "./link-backlog.ts";
import { LinkContext } from "./link-context.ts";
import { encodeLinkState, heartbeatMs, type LinkState } from "../link/link-state.ts";
import { type NodeStores, unknownStores } from "../link/node-stores.ts";
import type { Router } from "./router.ts";

/** Shared by all links of a process: a scan is used before the next packet is read. */
const scan = new PacketScan();
/** How long a link that may be dead has to answer. */
const probeMs = 1_000;
const answerCheckMs = 5;
const closeReplaced: CloseReason = { code: CloseCode.Normal, text: "this gateway has linked itself anew" };

/** The parts of a service. */
interface ServiceParts extends Time {
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** The stores that it uses, as far as they are known; absent if it shares none with other nodes. */
  stores?(): NodeStores;
  /** Reads what gateways must know before this node is ready; never rejects. */
  prepared?(): Promise<void>;
  /** Called when a gateway has linked this node. */
  gatewayLinked(gateway: string, incarnation: string): void;
  /** Sends pending notices; resolves when the links have them. */
  settled?(): Promise<void>;
  /** Called when a gateway's link has broken. */
  gatewayLost(gateway: string, incarnation: string): void;
}

/** The service, with a link for each gateway. */
export class Service {
  private readonly parts: ServiceParts;
  private readonly interner = new Interner();
  private readonly byGateway = new Map<string, ServiceLink>();
  private readonly endBeat: Cancel;
  private isReady = false;
  /** Requests of back ends that are not answered. */
  private calls = 0;
  /** Called when a gateway's link has ended and no newer link replaces it. */
  linkEnded: ((gateway: string) => void) | undefined;

  constructor(parts: ServiceParts) {
    this.parts = parts;
    this.endBeat = every(parts.timers, heartbeatMs, () => this.tellState());
  }

  /** Takes over a link; ends an older one of the same gateway. */
  linked(connection: Connection, gateway: string, incarnation: string): FrameHandler {
    const older = this.byGateway.get(gateway);
    const link = new ServiceLink(connection, gateway, incarnation, this.parts, this.interner, (gone) => {
      // A replaced link is no loss: the gateway is linked.
      if (this.byGateway.get(gateway) !== gone) return;
      this.byGateway.delete(gateway);
      this.parts.gatewayLost(gateway, incarnation);
      this.linkEnded?.(gateway);
    });
    this.byGateway.set(gateway, link);
    older?.connection.close(closeReplaced);
    this.parts.gatewayLinked(gateway, incarnation);
    // The handshake has carried the state, which may have changed; the gateway reads this one after earlier packets.
    connection.send(encodeLinkState(this.state));
    return link;
  }

  /** Resolves with another incarnation that is linked under a gateway's id and answers a ping. */
  async holder(gateway: string, incarnation: string): Promise<string | undefined> {
    const link = this.byGateway.get(gateway);
    if (link === undefined || link.incarnation === incarnation) return undefined;
    return (await link.answersWithin(probeMs)) ? link.incarnation : undefined;
  }

  /** Runs a back end's request; never rejects. */
  call(call: Call): Promise<Answer> {
    this.calls++;
    return this.parts.router.call(call, this.answered);
  }

  private readonly answered = (): void => void this.calls--;

  /** The incarnations of the linked gateways, by id. */
  get gateways(): ReadonlyMap<string, { readonly gateway: string; readonly incarnation: string }> {
    return this.byGateway;
  }

  /** The state that it announces to gateways. */
  get state(): LinkState {
    return { load: this.unanswered, isReady: this.isReady, stores: this.parts.stores?.() ?? unknownStores };
  }

  /** The number of unanswered requests. */
  get unanswered(): number {
    let unanswered = this.calls;
    for (const { unanswered: asked, backlog } of this.byGateway.values()) unanswered += asked + backlog.answers;
    return unanswered;
  }

  /** Resolves when this node knows what gateways must hear before it is ready. */
  async prepared(): Promise<void> {
    await this.parts.prepared?.();
  }

  /** Sets whether this node is ready, and tells all gateways. */
  setReady(isReady: boolean): void {
    this.isReady = isReady;
    this.tellState();
  }

  /** Asks gateways to send no more requests, waits at most `answerMsMax` for pending answers, and ends all links. */
  async drain(answerMsMax: number): Promise<void> {
    const { clock, timers } = this.parts;
    this.endBeat();
    this.setReady(false);
    const endMs = clock.monotonicMs() + answerMsMax;
    // Requests that gateways sent before they heard of it are still on their way.
    const links = [...this.byGateway.values()];
    await Promise.all(links.map((link) => link.catchesUpWithin(Math.min(answerMsMax, probeMs))));
    while (this.unanswered > 0 && clock.monotonicMs() < endMs) await sleep(timers, answerCheckMs);
    let isSettled = this.parts.settled === undefined;
    const settled = (): void => void (isSettled = true);
    // Never rejects: notices that cannot be sent are lost.
    void this.parts.settled?.().then(settled, settled);
    const isPushing = (): boolean => !isSettled && clock.monotonicMs() < endMs;
    while (isPushing()) await sleep(timers, answerCheckMs);
    for (const { connection } of this.byGateway.values()) connection.close(closeLeaving);
  }

  /** Sends its state to all gateways. */
  tellState(): void {
    const ping = encodeLinkState(this.state);
    for (const { connection } of this.byGateway.values()) connection.send(ping);
  }
}

/** A wait for any packet, or for the answer to a ping. */
interface Waiter {
  /** The number of pongs to wait for; 0 waits for any packet. */
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
  /** Pings without a state that were sent, and their received answers. */
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
    this.parts.router.route(new LinkContext(this, payload, scan, command, app, this.parts.clock.monotonicMs()));
  }

  closed(reason: CloseReason): void {
    for (const { settle } of this.waiting) settle(false);
    this.backlog.clear();
    this.parts.dispatcher.removeLink(this);
    this.parts.log.debug("a gateway's link ended", { gateway: this.gateway, reason: reason.text });
    this.gone(this);
  }

  /** Resolves with whether any packet arrives within the time. */
  answersWithin(msMax: number): Promise<boolean> {
    return this.ping(0, msMax);
  }

  /** Resolves with whether a ping is answered in time; then everything that the peer sent before it has arrived. */
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
