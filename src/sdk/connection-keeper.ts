// Keeps a session alive: after the first sign-in, which must succeed unless `retry` is set, it opens a new session
// after each end, as long as the close reason allows it. At most one session and one timer exist at a time. Servers are
// tried one after the other, because another one may grant what the first refuses.

import { type CloseReason, closeAbnormal, CloseCode } from "../wire/close-reason.ts";
import { Feature } from "../wire/features.ts";
import type { Header } from "../wire/gen/messages/header.ts";
import type { LoginResp } from "../wire/gen/messages/login-resp.ts";
import { Disconnected, errorOf, RequestRefused } from "./client-errors.ts";
import { type Deferred, deferred } from "./deferred.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { Gateways } from "./gateways.ts";
import { backOffFirstMs, returnDelayMs } from "./reconnect-rule.ts";
import { Session } from "./session.ts";
import { TokenRenewal } from "./token-renewal.ts";
import type { TokenSource } from "./token-source.ts";

/** A session that lasts this long, in milliseconds, resets the count of failures. */
const lastingMs = 10_000;
/** The minimum interval between shortened waits, so that calling `hurry` at each failure does not make a busy loop. */
const hurryPauseMs = 1_000;

interface KeeperOptions {
  readonly gateways: Gateways;
  readonly tokens: TokenSource;
  readonly device: Promise<string>;
  readonly features: readonly string[];
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly reconnect: boolean;
  readonly retry: boolean;
  readonly environment: Environment;
}

interface KeeperOwner {
  online(answer: LoginResp): void;
  pushed(header: Header, body: Uint8Array): void;
  offline(reason: CloseReason, returnsInMs: number | undefined): void;
}

export class ConnectionKeeper {
  private readonly options: KeeperOptions;
  private readonly owner: KeeperOwner;
  private readonly first = deferred<void>();
  private readonly waiters = new Set<Deferred<Session>>();
  /** The session, once it is signed in. */
  private live: Session | undefined;
  private session: Session | undefined;
  private renewal: TokenRenewal | undefined;
  private hasBeenOnline = false;
  /** A whole round of servers has failed. */
  private hasFailed = false;
  private isKicked = false;
  private failures = 0;
  /** The error of this round; a refusal takes precedence, because it says most. */
  private roundError: Error | undefined;
  /** Whether this round had a failure that another try may avoid. */
  private isRoundHopeful = false;
  private cancelTimer: Cancel = () => undefined;
  /** Whether `cancelTimer` belongs to the wait for the next try. */
  private isPausing = false;
  private cancelHurry: Cancel | undefined;
  /** Why there will be no further session; undefined while there may be one. */
  private over: Disconnected | undefined;

  constructor(options: KeeperOptions, owner: KeeperOwner) {
    this.options = options;
    this.owner = owner;
  }

  /**
   * Opens the first session. Rejects with RequestRefused, RequestTimedOut, Disconnected or the error of the token
   * source, and leaves nothing running then.
   */
  start(): Promise<void> {
    void this.connect();
    return this.first.promise;
  }

  /** The live session, if any. */
  get current(): Session | undefined {
    return this.live;
  }

  /** Why the connection ended for good; undefined while it may return. */
  get ending(): Disconnected | undefined {
    return this.over;
  }

  /** Resolves with the live session within `timeoutMs`, or rejects with Disconnected. */
  online(timeoutMs: number): Promise<Session> {
    if (this.live !== undefined) return Promise.resolve(this.live);
    if (this.over !== undefined) return Promise.reject(this.over);
    const waiter = deferred<Session>();
    const cancel = this.options.environment.after(timeoutMs, () => waiter.reject(new Disconnected(closeAbnormal)));
    this.waiters.add(waiter);
    return waiter.promise.finally(() => {
      cancel();
      this.waiters.delete(waiter);
    });
  }

  /** A newer sign-in has replaced this one: do not reconnect, whatever ends the connection. */
  kicked(): void {
    this.isKicked = true;
  }

  /** The network may have changed: probes the connection, and ends a wait for the next try. */
  hurry(): void {
    if (this.over !== undefined) return;
    this.session?.probe();
    if (!this.isPausing || this.cancelHurry !== undefined) return;
    this.cancelHurry = this.options.environment.after(hurryPauseMs, () => (this.cancelHurry = undefined));
    this.cancelTimer();
    void this.connect();
  }

  stop(reason: CloseReason): void {
    if (this.over !== undefined) return;
    this.over = new Disconnected(reason);
    this.cancelTimer();
    if (this.session !== undefined) this.session.end(reason);
    else this.finish(reason, this.over);
  }

  private async connect(): Promise<void> {
    this.isPausing = false;
    const { tokens, gateways, environment, device, features, requestTimeoutMs, heartbeatMs } = this.options;
    let token: string;
    let url = "";
    try {
      url = await gateways.next();
      token = await tokens.get();
    } catch (cause) {
      const error = errorOf(cause);
      const text = url === "" ? error.message : `no token: ${error.message}`;
      gateways.endRound();
      if (this.over === undefined) this.failed({ code: CloseCode.Abnormal, text }, error);
      return;
    }
    if (this.over !== undefined) return;
    const session = new Session(
      { url, token, device, features, requestTimeoutMs, heartbeatMs, environment },
      {
        signedIn: (answer) => this.signedIn(session, answer, token),
        pushed: (header, body) => this.owner.pushed(header, body),
        ended: (reason, error) => this.ended(url, reason, error),
      },
    );
    this.session = session;
    session.start();
  }

  private signedIn(session: Session, answer: LoginResp, token: string): void {
    this.live = session;
    this.hasBeenOnline = true;
    this.beginRound();
    this.cancelTimer = this.options.environment.after(lastingMs, () => {
      this.failures = 0;
    });
    const { tokens, environment } = this.options;
    if (tokens.isRenewable && answer.features.includes(Feature.Renew)) {
      this.renewal = new TokenRenewal(environment, session, tokens);
      this.renewal.after(token);
    }
    this.owner.online(answer);
    this.first.resolve();
    for (const waiter of this.waiters) waiter.resolve(session);
  }

  private ended(url: string, told: CloseReason, error: Error): void {
    const wasLive = this.live !== undefined;
    this.cancelTimer();
    this.renewal?.stop();
    this.renewal = undefined;
    this.live = undefined;
    this.session = undefined;
    const reason =
      this.isKicked && told.code !== CloseCode.Kicked ? { code: CloseCode.Kicked, text: "signed in elsewhere" } : told;
    if (!wasLive) {
      this.failed(reason, error);
      return;
    }
    this.options.gateways.lostTo(url);
    this.comeBack(reason, error, this.delayMs(reason));
    this.failures++;
  }

  /** Handles a failed try: continues with the next server, or backs off at the end of the round. */
  private failed(reason: CloseReason, error: Error): void {
    const { gateways, environment } = this.options;
    if (!(this.roundError instanceof RequestRefused)) this.roundError = error;
    const delayMs = this.delayMs(reason);
    this.isRoundHopeful ||= delayMs !== undefined;
    if (!gateways.isRoundOver && this.over === undefined && !this.isKicked) {
      // Before the first connection, nothing is offline until every server has been tried.
      if (!this.hasBeenOnline && !this.hasFailed) void this.connect();
      else this.comeBack(reason, error, environment.random() * backOffFirstMs);
      return;
    }
    this.hasFailed = true;
    const { roundError, isRoundHopeful } = this;
    this.beginRound();
    const hopefulMs = isRoundHopeful ? (delayMs ?? this.delayMs(closeAbnormal)) : undefined;
    const canReturn = this.hasBeenOnline || this.options.retry;
    this.comeBack(reason, roundError ?? error, canReturn ? hopefulMs : undefined);
    this.failures++;
  }

  private beginRound(): void {
    this.roundError = undefined;
    this.isRoundHopeful = false;
  }

  /** Returns the delay before reconnecting, or undefined if the reason forbids it. */
  private delayMs(reason: CloseReason): number | undefined {
    const { tokens, environment } = this.options;
    return returnDelayMs(reason, this.failures, tokens.isRenewable, () => environment.random());
  }

  private comeBack(reason: CloseReason, error: Error, delayMs: number | undefined): void {
    const { reconnect, environment } = this.options;
    if (delayMs === undefined || this.over !== undefined || (this.hasBeenOnline && !reconnect)) {
      this.finish(reason, error);
      return;
    }
    this.isPausing = true;
    this.cancelTimer = environment.after(delayMs, () => void this.connect());
    this.owner.offline(reason, delayMs);
  }

  private finish(reason: CloseReason, error: Error): void {
    const over = this.over ?? new Disconnected(reason);
    this.over = over;
    this.isPausing = false;
    this.cancelHurry?.();
    this.options.tokens.stop();
    this.options.gateways.stop();
    this.first.reject(error);
    for (const waiter of this.waiters) waiter.reject(over);
    this.owner.offline(reason, undefined);
  }
}
