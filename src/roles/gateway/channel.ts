// One client's connection. Its state says what a frame means: the first is a sign-in, those that come while the sign-in
// is under way wait, the rest are requests. Nothing goes out before the answer to the sign-in.

import type { LimitValues } from "../../base/limits/table.ts";
import { Deadline } from "../../base/timer-wheel.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Link } from "../../routing/links.ts";
import type { Connection, FrameHandler } from "../../transport/transport.ts";
import { type CloseReason, closeFrameTooLarge, closeLoginWait, closeSlowConsumer } from "../../wire/close-reason.ts";
import { knownFeatures } from "../../wire/features.ts";
import { encodeStamp } from "../../wire/packet-stamp.ts";
import { acceptSignIn } from "./accept.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";
import { signOut } from "./login-link.ts";
import { receiveRequest } from "./uplink.ts";

/** Pushes that may wait while a sign-in is under way, in bytes. */
const heldPushBytesMax = 64 * 1024;
const noFeatures = knownFeatures([]);
const noLinks: readonly Link<Channel>[] = [];

/**
 * What a connection needs until it is signed in: the frames that wait, and an absolute deadline, which no trickle of
 * bytes moves.
 */
class SigningIn extends Deadline {
  readonly up: Buffer[] = [];
  readonly down: Buffer[] = [];
  private readonly connection: Connection;
  private upBytes = 0;
  private downBytes = 0;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
  }

  expire(): void {
    this.connection.close(closeLoginWait);
  }

  /**
   * Keeps a frame that came too early. What is kept and what the transport buffers of an unfinished frame are at most
   * `bytesMax` together. False: it would be more, and the connection is closed.
   */
  holdFrame(frame: Buffer, bytesMax: number): boolean {
    this.upBytes += frame.length;
    const left = bytesMax - this.upBytes;
    if (left < 0) {
      this.connection.close(closeFrameTooLarge);
      return false;
    }
    this.connection.frameBytesMax = left;
    this.up.push(Buffer.from(frame));
    return true;
  }

  /** Takes the first one out, which is the sign-in: from now on it counts no more than one that never waited. */
  takeFirst(): Buffer | undefined {
    const first = this.up.shift();
    if (first === undefined) return undefined;
    this.upBytes -= first.length;
    this.connection.frameBytesMax += first.length;
    return first;
  }

  /** Keeps a push, and does not copy it. */
  holdPush(packet: Buffer): void {
    this.downBytes += packet.length;
    if (this.downBytes <= heldPushBytesMax) this.down.push(packet);
    else this.connection.close(closeSlowConsumer);
  }
}

/**
 * What only a connection that talks needs, made at its first request: its allowance, and who it is to the services. It is
 * the bucket itself, and does not hold one: one object less for each connection.
 */
class Speaker extends TokenBucket {
  readonly stamp: Buffer;

  constructor(stamp: Buffer, { requestsPerSecond, requestsAtOnce }: LimitValues, nowMs: number) {
    super(requestsPerSecond, requestsAtOnce, nowMs);
    this.stamp = stamp;
  }
}

/** A connection and who it belongs to. Each field counts, as in `ConnectionCore`. */
export class Channel implements FrameHandler {
  readonly gateway: Gateway;
  readonly connection: Connection;
  state: ChannelState = ChannelState.Fresh;
  /** Its requests that are under way. */
  unanswered = 0;
  id = "";
  app = "";
  account = "";
  device = "";
  /** When its token was verified, in milliseconds on the monotonic clock. */
  signedInMs = 0;
  /** The token's `iat`, in seconds since 1970; undefined: it has none. */
  issuedAt: number | undefined = undefined;
  /** What the login service is told of the features asked for at the sign-in; shared. */
  features: readonly string[] = noFeatures;
  /** What verified its token. */
  key: Uint8Array | undefined;
  /** When its token expires, in seconds on the monotonic clock (expiries.ts). */
  expiresAt = Number.MAX_SAFE_INTEGER;
  private knownSpeaker: Speaker | undefined;
  /** Until the sign-in is answered. */
  private signingIn: SigningIn | undefined;
  private chosenVersion = -1;
  private chosen = noLinks;

  constructor(gateway: Gateway, connection: Connection) {
    this.gateway = gateway;
    this.connection = connection;
    this.signingIn = new SigningIn(connection);
    gateway.wheel.arm(this.signingIn, gateway.loginWaitMs);
    gateway.metrics.channels++;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    switch (this.state) {
      case ChannelState.Live:
        receiveRequest(this, bytes, start, end);
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
    this.endSignIn();
    const { gateway } = this;
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
      signOut(this);
    }
  }

  /** Takes the cost of a request; true while this second's allowance lasts. */
  takeRequest(cost: number): boolean {
    const { gateway, account } = this;
    if (this.speaker.take(gateway.wheel.nowMs, cost)) return true;
    gateway.bounds.met("requestsPerSecond", { account });
    return false;
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
    return this.speaker.stamp;
  }

  /** The sign-in has been answered with Success and that answer is queued: what waited follows, both ways. */
  goLive(): void {
    this.state = ChannelState.Live;
    this.connection.frameBytesMax = this.gateway.bounds.values.frameBytes;
    this.gateway.tally.add(this.id);
    this.gateway.people.signedIn(this);
    const held = this.endSignIn();
    if (held === undefined) return;
    for (const packet of held.down) this.connection.send(packet);
    for (const packet of held.up) this.frame(packet, 0, packet.length);
  }

  /** Keeps a push until the sign-in is answered. `packet` is owned by the channel from now on. */
  holdPush(packet: Buffer): void {
    this.signingIn?.holdPush(packet);
  }

  /** Looks at it now, or in a later turn of the event loop when many come at once. */
  private firstFrame(frame: Buffer): void {
    const { strangerShare } = this.gateway;
    if (strangerShare.isFree) {
      strangerShare.run(() => acceptSignIn(this, frame));
      return;
    }
    this.state = ChannelState.Queued;
    this.holdFrame(frame);
    strangerShare.later(() => this.takeTurn()).catch((bug: unknown) => this.connection.fail(bug));
  }

  private takeTurn(): void {
    // It may have ended meanwhile, or be about to: what it is told already is the end.
    if (this.state !== ChannelState.Queued || !this.connection.isOpen) return;
    const frame = this.signingIn?.takeFirst();
    if (frame === undefined) return;
    this.state = ChannelState.Fresh;
    acceptSignIn(this, frame);
  }

  private holdFrame(frame: Buffer): void {
    const { bounds } = this.gateway;
    if (this.signingIn?.holdFrame(frame, bounds.values.signInFrameBytes) !== false) return;
    bounds.met("signInFrameBytes", { remoteAddress: this.connection.remoteAddress });
  }

  private get speaker(): Speaker {
    const { id, app, account, gateway } = this;
    this.knownSpeaker ??= new Speaker(
      encodeStamp(id, app, account, gateway.serviceId),
      gateway.bounds.values,
      gateway.wheel.nowMs,
    );
    return this.knownSpeaker;
  }

  private endSignIn(): SigningIn | undefined {
    const { signingIn } = this;
    if (signingIn === undefined) return undefined;
    this.gateway.wheel.disarm(signingIn);
    this.signingIn = undefined;
    return signingIn;
  }
}
