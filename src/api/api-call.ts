// One request of a back end, as the methods see it: whose key it has, which app it is about, and whether anybody still
// waits for its answer.

import { Code, ConnectError } from "@connectrpc/connect";
import { isPerson, nameRule, validName } from "../auth/names.ts";
import type { Clock } from "../base/clock.ts";
import type { Ending } from "../service/call-context.ts";
import { invalid } from "./codes.ts";
import { actAs, appOf, requireScope } from "./admission.ts";
import { allApps, allScopes, type ApiKey } from "./keys/api-key.ts";

const idempotencyKeyHeader = "idempotency-key";
/** Of methods whose `app` may be all of them. */
const keysScope = "admin:keys";
/** Visible ASCII. */
const idempotencyKeys = /^[!-~]{1,64}$/;

interface CallParts {
  readonly key: ApiKey;
  /** Looks the key up again; undefined if it was revoked meanwhile. */
  readonly keyAgain: () => ApiKey | undefined | Promise<ApiKey | undefined>;
  /** In the log, and in the answer. */
  readonly requestId: string;
  readonly request: Request;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** On the monotonic clock. */
  readonly receivedMs: number;
  /** When its answer comes too late, on the monotonic clock; Infinity: never. */
  readonly endMs: number;
}

export class ApiCall implements Ending {
  readonly key: ApiKey;
  readonly requestId: string;
  readonly receivedMs: number;
  /** The app that the request is about; known when its body is decoded; '' if it is about the server. */
  app = "";
  private readonly parts: CallParts;

  constructor(parts: CallParts) {
    this.key = parts.key;
    this.requestId = parts.requestId;
    this.receivedMs = parts.receivedMs;
    this.parts = parts;
  }

  /** Nobody waits for the answer any more. Looked up when it is asked: most calls never make an AbortSignal. */
  get aborted(): boolean {
    const { clock, endMs, request } = this.parts;
    return (endMs !== Infinity && clock.monotonicMs() >= endMs) || request.signal.aborted;
  }

  /** On the monotonic clock. */
  get nowMs(): number {
    return this.parts.clock.monotonicMs();
  }

  /** Aborted when the connection ends; it knows nothing of the deadline. */
  get signal(): AbortSignal {
    return this.parts.request.signal;
  }

  /** Throws Canceled or DeadlineExceeded if nobody waits any more. */
  throwIfEnded(): void {
    if (!this.aborted) return;
    throw this.signal.aborted ? new ConnectError("the connection ended", Code.Canceled) : tooLate();
  }

  /** For work that takes long: rejects with Unauthenticated if the key was revoked, and as a store does. */
  async requireKey(): Promise<void> {
    if ((await this.parts.keyAgain()) === undefined) throw noSuchKey();
  }

  /**
   * Admits it to a method of this scope, about the app that its body names. Throws PermissionDenied, InvalidArgument.
   */
  admit(scope: string, namedApp: string): void {
    requireScope(this.key, scope);
    // It is about the server, which all apps share.
    if (scope === allScopes) return;
    this.app = appOf(this.key, namedApp);
    if (this.app === allApps && scope !== keysScope)
      throw invalid(`app must be one app: ${allApps} stands for all of them where keys are concerned`);
  }

  /** Throws PermissionDenied unless the key has another scope, too. */
  requireScope(scope: string): void {
    requireScope(this.key, scope);
  }

  /** Returns the account that a request acts as. Throws PermissionDenied, InvalidArgument. */
  actor(field: string, account: string): string {
    requireScope(this.key, actAs);
    return accountName(field, account);
  }

  /** The header `Idempotency-Key`; undefined without it. Throws InvalidArgument. */
  get idempotencyKey(): string | undefined {
    const given = this.parts.request.headers.get(idempotencyKeyHeader);
    if (given === null) return undefined;
    if (!idempotencyKeys.test(given)) throw invalid("Idempotency-Key must be 1 to 64 visible ASCII characters");
    return given;
  }
}

export function noSuchKey(): ConnectError {
  return new ConnectError("there is no such key, or it was revoked", Code.Unauthenticated);
}

export function tooLate(): ConnectError {
  return new ConnectError("the time of Connect-Timeout-Ms has passed", Code.DeadlineExceeded);
}

/** Returns the name of an account that a request gives. Throws InvalidArgument. */
export function accountName(field: string, account: string): string {
  if (!validName(account)) throw invalid(`${field} must be the name of an account: ${nameRule}`);
  return account;
}

/** The same where the system can be none of them. */
export function personName(field: string, account: string): string {
  if (!isPerson(account)) throw invalid(`${field} must be the name of an account: ${nameRule}`);
  return account;
}
