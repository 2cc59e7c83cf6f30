// Keeps one session alive: a first sign-in that must succeed, then a new session after each end, for as long as the
// table of reasons allows it. At most one session and one timer exist at a time.

import { type CloseReason, closeAbnormal, CloseCode } from "../wire/close-reason.ts";
import { Feature } from "../wire/features.ts";
import type { Header, LoginResp } from "../wire/gen/pkt_pb.ts";
import { Disconnected } from "./client-errors.ts";
import { deferred } from "./deferred.ts";
import type { Cancel, Environment } from "./environment.ts";
import { returnDelayMs } from "./reconnect-rule.ts";
import { Session } from "./session.ts";
import { TokenRenewal } from "./token-renewal.ts";

/** A session that lasted this long, in milliseconds, wipes the failures before it out. */
const lastingMs = 10_000;

export interface KeeperOptions {
  readonly url: string;
  readonly token: string | (() => Promise<string>);
  readonly device: string;
  readonly requestTimeoutMs: number;
  readonly reconnect: boolean;
  readonly environment: Environment;
}

export interface KeeperOwner {
  online(answer: LoginResp): void;
  pushed(header: Header, body: Uint8Array): void;
  /** `returnsInMs` undefined: for good. */
  offline(reason: CloseReason, returnsInMs: number | undefined): void;
}

interface Waiter {
  resolve(session: Session): void;
  reject(error: Error): void;
}

export class ConnectionKeeper {
  private readonly options: KeeperOptions;
  private readonly owner: KeeperOwner;
  private readonly first = deferred<void>();
  private readonly waiters = new Set<Waiter>();
  /** The live session. */
  private live: Session | undefined;
  private session: Session | undefined;
  private renewal: TokenRenewal | undefined;
  private hasBeenOnline = false;
  private isKicked = false;
  private failures = 0;
  private cancelTimer: Cancel = () => undefined;
  /** Why there will be no further session. */
  private over: Disconnected | undefined;

  constructor(options: KeeperOptions, owner: KeeperOwner) {
    this.options = options;
    this.owner = owner;
  }

  /**
   * Opens the first session. Rejects with RequestRefused, RequestTimedOut, Disconnected or what `token` threw; then
   * nothing is left running.
   */
  start(): Promise<void> {
    void this.connect();
    return this.first.promise;
  }

  /** The live session, or undefined. */
  get current(): Session | undefined {
    return this.live;
  }

  /** Why the connection is gone for good, if it is. */
  get ending(): Disconnected | undefined {
    return this.over;
  }

  /** The live session, now or within `timeoutMs`; rejects with Disconnected. */
  online(timeoutMs: number): Promise<Session> {
    if (this.live !== undefined) return Promise.resolve(this.live);
    if (this.over !== undefined) return Promise.reject(this.over);
    const { promise, resolve, reject } = deferred<Session>();
    const cancel = this.options.environment.after(timeoutMs, () => waiter.reject(new Disconnected(closeAbnormal)));
    const forget = (): void => {
      cancel();
      this.waiters.delete(waiter);
    };
    const waiter: Waiter = {
      resolve: (session) => {
        forget();
        resolve(session);
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    };
    this.waiters.add(waiter);
    return promise;
  }

  /** The server said that a newer sign-in replaced this one: whatever ends the connection now, it stays ended. */
  kicked(): void {
    this.isKicked = true;
  }

  /** Ends it for good. */
  stop(reason: CloseReason): void {
    if (this.over !== undefined) return;
    this.over = new Disconnected(reason);
    this.cancelTimer();
    if (this.session !== undefined) this.session.end(reason);
    else this.finish(reason, this.over);
  }

  private async connect(): Promise<void> {
    const { token: source, reconnect: _, ...rest } = this.options;
    let token: string;
    try {
      token = typeof source === "string" ? source : await source();
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (this.over === undefined) this.ended({ code: CloseCode.Abnormal, text: `no token: ${error.message}` }, error);
      return;
    }
    if (this.over !== undefined) return;
    const session = new Session(
      { ...rest, token },
      {
        signedIn: (answer) => this.signedIn(session, answer, token),
        pushed: (header, body) => this.owner.pushed(header, body),
        ended: (reason, error) => this.ended(reason, error),
      },
    );
    this.session = session;
    session.start();
  }

  private signedIn(session: Session, answer: LoginResp, token: string): void {
    this.live = session;
    this.hasBeenOnline = true;
    this.cancelTimer = this.options.environment.after(lastingMs, () => {
      this.failures = 0;
    });
    const { token: source, environment } = this.options;
    if (typeof source === "function" && answer.features.includes(Feature.Renew)) {
      this.renewal = new TokenRenewal(environment, session, source);
      this.renewal.after(token);
    }
    this.owner.online(answer);
    this.first.resolve();
    for (const waiter of [...this.waiters]) waiter.resolve(session);
  }

  private ended(told: CloseReason, error: Error): void {
    this.cancelTimer();
    this.renewal?.stop();
    this.renewal = undefined;
    this.live = undefined;
    this.session = undefined;
    const reason = this.isKicked ? { code: CloseCode.Kicked, text: "signed in elsewhere" } : told;
    const { token, reconnect, environment } = this.options;
    const canReturn = this.over === undefined && reconnect && this.hasBeenOnline;
    const delayMs = canReturn
      ? returnDelayMs(reason, this.failures, typeof token === "function", () => environment.random())
      : undefined;
    if (delayMs === undefined) {
      this.finish(reason, error);
      return;
    }
    this.failures++;
    this.cancelTimer = environment.after(delayMs, () => void this.connect());
    this.owner.offline(reason, delayMs);
  }

  private finish(reason: CloseReason, error: Error): void {
    const over = this.over ?? new Disconnected(reason);
    this.over = over;
    this.first.reject(error);
    for (const waiter of [...this.waiters]) waiter.reject(over);
    this.owner.offline(reason, undefined);
  }
}
