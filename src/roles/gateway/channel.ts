// One client's connection. Its state says what a frame means: the first is a sign-in, those that come while the sign-in
// is under way wait, the rest are requests. Nothing goes out before the answer to the sign-in.

import { requestsBurst, requestsPerSecond } from "../../base/limits.ts";
import { Deadline } from "../../base/timer-wheel.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Link } from "../../container/links.ts";
import type { Connection, FrameHandler } from "../../transport/transport.ts";
import { type CloseReason, closeLoginWait, closeSlowConsumer } from "../../wire/close-reason.ts";
import { encodeStamp } from "../../wire/packet-stamp.ts";
import { acceptSignIn, signOut } from "./accept.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";
import { receiveRequest } from "./uplink.ts";

/** What may wait, each way, while a sign-in is under way. */
const heldBytesMax = 64 * 1024;
const noFrames: Buffer[] = [];
const noLinks: readonly Link<Channel>[] = [];

/** Closes a connection that has not signed in in time: an absolute deadline, which no trickle of bytes moves. */
class LoginDeadline extends Deadline {
  private readonly connection: Connection;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
  }

  expire(): void {
    this.connection.close(closeLoginWait);
  }
}

/** A connection and who it belongs to. */
export class Channel implements FrameHandler {
  readonly gateway: Gateway;
  readonly connection: Connection;
  state: ChannelState = ChannelState.Fresh;
  /** Its requests that are under way. */
  unanswered = 0;
  /** It is being sent away: no further request is taken. */
  isLeaving = false;
  id = "";
  app = "";
  account = "";
  device = "";
  // What only a connection that talks needs is made when it does: most connections are idle most of the time.
  private prebuiltStamp: Buffer | undefined;
  private bucket: TokenBucket | undefined;
  private loginDeadline: LoginDeadline | undefined;
  private heldUp = noFrames;
  private heldDown = noFrames;
  private heldBytes = 0;
  private chosenVersion = -1;
  private chosen = noLinks;

  constructor(gateway: Gateway, connection: Connection) {
    this.gateway = gateway;
    this.connection = connection;
    this.loginDeadline = new LoginDeadline(connection);
    gateway.wheel.arm(this.loginDeadline, gateway.loginWaitMs);
    gateway.metrics.channels++;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    switch (this.state) {
      case ChannelState.Live:
        receiveRequest(this, bytes, start, end);
        return;
      case ChannelState.Fresh:
        acceptSignIn(this, bytes.subarray(start, end));
        return;
      case ChannelState.Verifying:
      case ChannelState.Pending:
        if (this.hold(end - start)) {
          if (this.heldUp === noFrames) this.heldUp = [];
          this.heldUp.push(Buffer.from(bytes.subarray(start, end)));
        }
        return;
      case ChannelState.Closed:
        return;
    }
  }

  closed(reason: CloseReason): void {
    const before = this.state;
    this.state = ChannelState.Closed;
    this.endLoginWait();
    this.heldUp = noFrames;
    this.heldDown = noFrames;
    const { gateway } = this;
    gateway.metrics.channels--;
    gateway.metrics.closed(reason.code);
    gateway.limits.leave(this.connection.remoteAddress);
    if (before === ChannelState.Pending || before === ChannelState.Live) {
      gateway.channels.delete(this.id);
      signOut(this);
    }
  }

  /** True while this second's allowance of requests lasts. */
  takeRequest(): boolean {
    const { nowMs } = this.gateway.wheel;
    this.bucket ??= new TokenBucket(requestsPerSecond, requestsBurst, nowMs);
    return this.bucket.take(nowMs);
  }

  /** The link that serves this connection's packets for a service: chosen once, until nodes come or go. */
  linkOf(service: string): Link<Channel> | undefined {
    const { links } = this.gateway;
    if (this.chosenVersion !== links.version) {
      this.chosen = this.chosen.filter((link) => links.keeps(link));
      this.chosenVersion = links.version;
    }
    for (const link of this.chosen) if (link.service === service) return link;
    const link = links.choose(service, { channelId: this.id, app: this.app, account: this.account });
    // Most connections sign in and then say nothing: their choice takes no memory of their own.
    if (link !== undefined) this.chosen = this.chosen.length === 0 ? link.alone : [link, ...this.chosen];
    return link;
  }

  /** The header fields that the gateway appends to each of this connection's requests (channelId, identity, origin). */
  get stamp(): Buffer {
    this.prebuiltStamp ??= encodeStamp(this.id, this.app, this.account, this.gateway.serviceId);
    return this.prebuiltStamp;
  }

  /** The sign-in has been answered with Success and that answer is queued: what waited follows, both ways. */
  goLive(): void {
    this.state = ChannelState.Live;
    this.endLoginWait();
    const down = this.heldDown;
    const up = this.heldUp;
    this.heldDown = noFrames;
    this.heldUp = noFrames;
    for (const packet of down) this.connection.send(packet);
    for (const packet of up) this.frame(packet, 0, packet.length);
  }

  /** Keeps a push until the sign-in is answered. `packet` is owned by the channel from now on. */
  holdPush(packet: Buffer): void {
    if (!this.hold(packet.length)) return;
    if (this.heldDown === noFrames) this.heldDown = [];
    this.heldDown.push(packet);
  }

  private hold(bytes: number): boolean {
    this.heldBytes += bytes;
    if (this.heldBytes <= heldBytesMax) return true;
    this.connection.close(closeSlowConsumer);
    return false;
  }

  private endLoginWait(): void {
    if (this.loginDeadline === undefined) return;
    this.gateway.wheel.disarm(this.loginDeadline);
    this.loginDeadline = undefined;
  }
}
