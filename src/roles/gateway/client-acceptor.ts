// Decides about each new client connection, whatever transport it came by.

import type { Acceptor, Connection, FrameHandler } from "../../transport/transport.ts";
import { type CloseReason, closeLimit } from "../../wire/close-reason.ts";
import { ClientChannel } from "./client-channel.ts";
import type { Gateway } from "./gateway.ts";

/** Lets a connection in as a channel, unless the gateway is leaving or a limit is reached. */
export class ClientAcceptor implements Acceptor {
  private readonly gateway: Gateway;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  accept(connection: Connection): FrameHandler | CloseReason {
    if (this.gateway.isDraining) return this.gateway.leavingReason;
    if (!this.gateway.limits.enter(connection.remoteAddress)) return closeLimit;
    try {
      return new ClientChannel(this.gateway, connection);
    } catch (bug) {
      // The connection ends by it, and no channel is there to give its place back.
      this.gateway.limits.leave(connection.remoteAddress);
      throw bug;
    }
  }
}
