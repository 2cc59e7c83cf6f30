// A client's connection as its transport sees it. Its state says what a frame means: the first is a sign-in, those that
// come while the sign-in is under way wait, the rest are requests. Nothing goes out before the answer to the sign-in.

import type { Connection, FrameHandler } from "../../transport/transport.ts";
import type { CloseReason } from "../../wire/close-reason.ts";
import { acceptSignIn } from "./accept.ts";
import { ChannelState } from "./channel-state.ts";
import { Channel } from "./channel.ts";
import type { Gateway } from "./gateway.ts";
import { loginService } from "./forwarded.ts";
import { receiveRequest } from "./uplink.ts";

/** A channel that takes its connection's frames. It is its own handler: one object less for each connection. */
export class ClientChannel extends Channel implements FrameHandler {
  private readonly gateway: Gateway;

  constructor(gateway: Gateway, connection: Connection) {
    super(connection);
    this.gateway = gateway;
    if (this.signingIn !== undefined) gateway.wheel.arm(this.signingIn, gateway.settings.loginWaitMs);
    gateway.metrics.channels++;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    switch (this.state) {
      case ChannelState.Live:
        receiveRequest(this.gateway, this, bytes, start, end);
        return;
      case ChannelState.Fresh:
        this.firstFrame(bytes.subarray(start, end));
        return;
      case ChannelState.Queued:
      case ChannelState.Verifying:
      case ChannelState.Pending:
        this.holdFrame(bytes.subarray(start, end));
        return;
      case ChannelState.Closed:
        return;
    }
  }

  closed(reason: CloseReason): void {
    const before = this.state;
    this.state = ChannelState.Closed;
    const { gateway } = this;
    this.endSignIn(gateway.wheel);
    gateway.metrics.channels--;
    gateway.metrics.closed(reason.code);
    gateway.limits.leave(this.connection.remoteAddress);
    if (before === ChannelState.Pending || before === ChannelState.Live) {
      gateway.channels.delete(this.id);
      gateway.expiries.forget(this);
      if (before === ChannelState.Live) {
        gateway.tally.remove(this.id);
        gateway.people.signedOut(this, reason);
      }
      gateway.signOuts.add(this, this.linkOf(loginService, gateway.links));
    }
  }

  /** Looks at it now, or in a later turn of the event loop when many come at once. */
  private firstFrame(frame: Buffer): void {
    const { unidentifiedShare } = this.gateway;
    if (unidentifiedShare.isFree) {
      unidentifiedShare.run(() => acceptSignIn(this.gateway, this, frame));
      return;
    }
    this.state = ChannelState.Queued;
    this.holdFrame(frame);
    unidentifiedShare.later(() => this.takeTurn()).catch((bug: unknown) => this.connection.fail(bug));
  }

  private takeTurn(): void {
    // It may have ended meanwhile, or be about to: what it is told already is the end.
    if (this.state !== ChannelState.Queued || !this.connection.isOpen) return;
    const frame = this.signingIn?.takeFirst();
    if (frame === undefined) return;
    this.state = ChannelState.Fresh;
    acceptSignIn(this.gateway, this, frame);
  }

  private holdFrame(frame: Buffer): void {
    const { bounds } = this.gateway;
    if (this.signingIn?.holdFrame(frame, bounds.values.signInFrameBytes) !== false) return;
    bounds.met("signInFrameBytes", { remoteAddress: this.connection.remoteAddress });
  }
}
