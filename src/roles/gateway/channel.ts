// A client's connection at a gateway: its state, its account, the frames that wait for the sign-in, and the links that
// serve it. It is data only; client-channel.ts handles the connection's frames.

import type { VerifyingKey } from "../../auth/token.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Link, Links } from "../../routing/links.ts";
import type { Connection } from "../../transport/transport.ts";
import { closeFrameTooLarge, closeLoginWait, closeSlowConsumer } from "../../wire/close-reason.ts";
import { knownFeatures } from "../../wire/features.ts";
import { encodeStamp } from "../../wire/packet-stamp.ts";
import { ChannelState } from "./channel-state.ts";

/** The most bytes of pushes that wait for a sign-in. */
const heldPushBytesMax = 64 * 1024;
const noFeatures = knownFeatures([]);
const noLinks: readonly Link<Channel>[] = [];

/**
 * The state of a sign-in: the frames that wait for it, and an absolute deadline, which a trickle of bytes cannot move.
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
   * Copies a frame that came before the sign-in was answered. Held frames and the transport's unfinished frame together
   * have at most `bytesMax`. Returns false if this frame exceeds that; the connection is then closed.
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

  /** Removes and returns the first held frame, the sign-in. */
  takeFirst(): Buffer | undefined {
    const first = this.up.shift();
    if (first === undefined) return undefined;
    this.upBytes -= first.length;
    this.connection.frameBytesMax += first.length;
    return first;
  }

  /** Holds a push without copying it. */
  holdPush(packet: Buffer): void {
    this.downBytes += packet.length;
    if (this.downBytes <= heldPushBytesMax) this.down.push(packet);
    else this.connection.close(closeSlowConsumer);
  }
}

/**
 * The state of a connection that sends requests, made at the first one: its allowance and its stamp. It extends the
 * bucket rather than holding one, which saves an object for each connection.
 */
class RequestState extends TokenBucket {
  /** The header fields that the gateway appends to each request (channelId, identity, origin). */
  readonly stamp: Buffer;

  constructor(stamp: Buffer, { requestsPerSecond, requestsAtOnce }: LimitValues, nowMs: number) {
    super(requestsPerSecond, requestsAtOnce, nowMs);
    this.stamp = stamp;
  }
}

/** A connection and its account. Its size matters, as that of `ConnectionCore` does: there is one for each client. */
export class Channel {
  readonly connection: Connection;
  state: ChannelState = ChannelState.Fresh;
  /** The number of unanswered requests. */
  unanswered = 0;
  id = "";
  app = "";
  account = "";
  device = "";
  /** The time of its sign-in, in milliseconds on the monotonic clock. */
  signedInMs = 0;
  /** The token's `iat`, in seconds since 1970; undefined if it has none. */
  issuedAt: number | undefined = undefined;
  /** The requested features that the gateway passes on; from its sign-in on those that count. A shared array. */
  features: readonly string[] = noFeatures;
  /** The key that verified its token. */
  key: VerifyingKey | undefined;
  /** When its token expires, in seconds on the monotonic clock (expiries.ts). */
  expiresAt = Number.MAX_SAFE_INTEGER;
  /** Present after the first request. */
  requests: RequestState | undefined;
  /** Present until the sign-in is answered. */
  signingIn: SigningIn | undefined;
  private chosenVersion = -1;
  private chosen = noLinks;

  constructor(connection: Connection) {
    this.connection = connection;
    this.signingIn = new SigningIn(connection);
  }

  /** Returns the link for this connection's packets to a service. The choice holds until the set of nodes changes. */
  linkOf(service: string, links: Links<Channel>): Link<Channel> | undefined {
    if (this.chosenVersion !== links.version) {
      this.chosen = this.chosen.filter((link) => links.keeps(link));
      this.chosenVersion = links.version;
    }
    for (const link of this.chosen) if (link.service === service) return link;
    const link = links.choose(service, { channelId: this.id, app: this.app, account: this.account });
    // Most connections sign in and send no requests: the shared array saves their memory.
    if (link !== undefined) this.chosen = this.chosen.length === 0 ? link.alone : [link, ...this.chosen];
    return link;
  }

  /** Handles the first request: creates the state of requests. */
  startRequests(gateId: string, bounds: LimitValues, nowMs: number): RequestState {
    return (this.requests = new RequestState(encodeStamp(this.id, this.app, this.account, gateId), bounds, nowMs));
  }

  /** Holds a push until the sign-in is answered. The channel takes ownership of `packet`. */
  holdPush(packet: Buffer): void {
    this.signingIn?.holdPush(packet);
  }

  /**
   * Ends the sign-in, when it is answered or the connection has ended. Returns what it held; undefined if it has ended.
   */
  endSignIn(wheel: TimerWheel): SigningIn | undefined {
    const { signingIn } = this;
    if (signingIn === undefined) return undefined;
    wheel.disarm(signingIn);
    this.signingIn = undefined;
    return signingIn;
  }
}
