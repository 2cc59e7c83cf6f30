// A logic service (login, chat): accepts the links of gateways, turns each packet into a context and routes it.

import { linkHeaderBytesMax } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Acceptor, Connection, FrameHandler } from "../transport/transport.ts";
import type { CloseReason } from "../wire/close-reason.ts";
import { closeProtocolFault } from "../wire/close-reason.ts";
import { Interner } from "../wire/interner.ts";
import { PacketKind, PacketScan, scanPacket } from "../wire/packet-scan.ts";
import { Context, type GatewayLink } from "./context.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Router } from "./router.ts";

/** Shared by all links of a process: a scan is read before the next packet. */
const scan = new PacketScan();

/** What a service is made of. */
export interface ServiceParts {
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** A gateway's link broke: its sessions count as offline at once. */
  gatewayLost(gateway: string, incarnation: string): void;
}

/** The acceptor of a service's link listener. The link's peer is named by its connection (`<gateway>/<incarnation>`). */
export class Service implements Acceptor {
  private readonly parts: ServiceParts;
  private readonly interner = new Interner();

  constructor(parts: ServiceParts) {
    this.parts = parts;
  }

  accept(connection: Connection): FrameHandler {
    return new ServiceLink(connection, this.parts, this.interner);
  }
}

class ServiceLink implements FrameHandler, GatewayLink {
  readonly gateway: string;
  readonly incarnation: string;
  readonly connection: Connection;
  private readonly parts: ServiceParts;
  private readonly interner: Interner;

  constructor(connection: Connection, parts: ServiceParts, interner: Interner) {
    const [gateway = "", incarnation = ""] = connection.remoteAddress.split("/");
    this.gateway = gateway;
    this.incarnation = incarnation;
    this.connection = connection;
    this.parts = parts;
    this.interner = interner;
    parts.dispatcher.addLink(this);
  }

  frame(payload: Buffer): void {
    scanPacket(payload, scan, linkHeaderBytesMax);
    if (scan.kind !== PacketKind.Logic) {
      if (scan.kind === PacketKind.Malformed) {
        this.connection.close(scan.fault ?? closeProtocolFault("malformed packet"));
      }
      return;
    }
    const command = this.interner.intern(payload, scan.commandStart, scan.commandEnd);
    const app = scan.appStart < 0 ? "" : this.interner.intern(payload, scan.appStart, scan.appEnd);
    this.parts.router.route(new Context(this, payload, scan, command, app));
  }

  closed(reason: CloseReason): void {
    this.parts.dispatcher.removeLink(this);
    this.parts.log.debug("a gateway's link ended", { gateway: this.gateway, reason: reason.text });
    this.parts.gatewayLost(this.gateway, this.incarnation);
  }
}
