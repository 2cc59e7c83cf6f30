// What a gateway knows of one client's connection: its state, who signed in, what waits while the sign-in is under way,
// and the links that serve it. It is data: client-channel.ts takes the connection's frames.

import type { LimitValues } from "../../base/limits/table.ts";
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Link, Links } from "../../routing/links.ts";
import type { Connection } from "../../transport/transport.ts";
import { closeFrameTooLarge, closeLoginWait, closeSlowConsumer } from "../../wire/close-reason.ts";
import { knownFeatures } from "../../wire/features.ts";
import { encodeStamp } from "../../wire/packet-stamp.ts";
import { ChannelState } from "./channel-state.ts";

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
 * What only a connection that talks needs, made at its first request: its allowance, and who it is to the services. It
 * is the bucket itself, and does not hold one: one object less for each connection.
 */
class Speaker extends TokenBucket {
  /** The header fields that the gateway appends to each of its requests (channelId, identity, origin). */
  readonly stamp: Buffer;

  constructor(stamp: Buffer, { requestsPerSecond, requestsAtOnce }: LimitValues, nowMs: number) {
    super(requestsPerSecond, requestsAtOnce, nowMs);
    this.stamp = stamp;
  }
}

/** A connection and who it belongs to. Each field counts, as in `ConnectionCore`. */
export class Channel {
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
  /** From the first request on. */
  speaker: Speaker | undefined;
  /** Until the sign-in is answered. */
  signingIn: SigningIn | undefined;
  private chosenVersion = -1;
  private chosen = noLinks;

  constructor(connection: Connection) {
    this.connection = connection;
    this.signingIn = new SigningIn(connection);
  }

  /** The link that serves this connection's packets for a service: chosen once, until nodes come or go. */
  linkOf(service: string, links: Links<Channel>): Link<Channel> | undefined {
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

  /** Makes the speaker, at the first request. */
  speak(gateId: string, bounds: LimitValues, nowMs: number): Speaker {
    return (this.speaker = new Speaker(encodeStamp(this.id, this.app, this.account, gateId), bounds, nowMs));
  }

  /** Keeps a push until the sign-in is answered. `packet` is owned by the channel from now on. */
  holdPush(packet: Buffer): void {
    this.signingIn?.holdPush(packet);
  }

  /** The sign-in is answered, or the connection has ended: returns what has waited, once. */
  endSignIn(wheel: TimerWheel): SigningIn | undefined {
    const { signingIn } = this;
    if (signingIn === undefined) return undefined;
    wheel.disarm(signingIn);
    this.signingIn = undefined;
    return signingIn;
  }
}
