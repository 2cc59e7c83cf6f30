// Keeps a connection to the server: connects again for as long as it takes, and refuses at once in between.

import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import { SessionsUnavailable } from "../sessions.ts";
import { unreachable, wrongSetting } from "./wrong-setting.ts";
import { RedisConnection } from "./redis-connection.ts";
import type { Script } from "./scripts.ts";
import type { Time } from "../../base/runtime.ts";
import { type Cancel, every } from "../../base/timers.ts";

const retryMsMin = 50;
const retryMsMax = 1_000;
const policyEveryMs = 60_000;
/** Policies by which the server deletes any key when its memory is full. The keys of sessions have no expiry, so the others spare them. */
const evictsAnyKey = /^allkeys-/;

interface RedisLinkOptions {
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  readonly log: Log;
  readonly time: Time;
  /** A connection was made: what was read over an earlier one may be stale. */
  connected(): Promise<void>;
  /** The server is there and refuses the URL's settings, at the first connection; nothing is tried again. */
  refused(sentence: string): void;
}

/** A URL without its user and password, for the log. */
export function redacted(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** The way to the server. */
export class RedisLink {
  private readonly options: RedisLinkOptions;
  private readonly rareLog: RareLog;
  private connection: RedisConnection | undefined;
  private retryMs = retryMsMin;
  private cancelRetry: Cancel | undefined;
  private isClosed = false;
  private wasConnected = false;
  /** The log has been told that the server is away. */
  private isKnownAway = false;
  /** The server is there and refused the last step: out of memory, a read-only replica, a right that is missing. */
  private isRefusing = false;
  /** The store is this process's to use: steps may be sent. */
  isAdmitted = false;
  /** How many were made so far. */
  connections = 0;
  /** What the server does to sessions when its memory is full; '' when it keeps them. */
  private eviction = "";
  private readonly endLooks: Cancel;

  constructor(options: RedisLinkOptions) {
    this.options = options;
    this.rareLog = new RareLog(options.log, undefined, options.time.clock);
    this.endLooks = every(options.time.timers, policyEveryMs, () => void this.lookAtPolicy());
  }

  /** What an operator must change although all works for now; '' when there is nothing. */
  get warning(): string {
    return this.eviction;
  }

  get isHealthy(): boolean {
    return this.isConnected && this.isAdmitted && !this.isRefusing;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  /** Tries once; goes on by itself where that fails. Never rejects. */
  async connect(): Promise<void> {
    const { url, prefix, log } = this.options;
    try {
      const connection = await RedisConnection.open(url, prefix, () => this.lost());
      if (this.isClosed) {
        connection.close();
        return;
      }
      this.connection = connection;
      this.connections++;
      this.wasConnected = true;
      this.retryMs = retryMsMin;
      if (this.isKnownAway) log.info("the session store is back", { server: redacted(url) });
      this.isKnownAway = false;
      this.isRefusing = false;
      this.isAdmitted = false;
      await this.lookAtPolicy();
      await this.options.connected();
    } catch (error) {
      // Once they were right: somebody who changes them there may change them back.
      const refusal = this.wasConnected ? undefined : await wrongSetting(url, error);
      if (refusal !== undefined) {
        this.options.refused(`The session store ${redacted(url)} refuses this program: ${refusal}.`);
        return;
      }
      // Bun's client says of a server that is not there that it closed the connection.
      const reason = this.isKnownAway ? undefined : await unreachable(url);
      this.retryLater(reason ?? (error instanceof Error ? error.message : String(error)));
    }
  }

  /** The store may be used over this connection. */
  admit(): void {
    this.isAdmitted = true;
  }

  /** Steps are refused from now on. */
  shut(): void {
    this.isAdmitted = false;
  }

  /** Runs a script; rejects with SessionsUnavailable, also as long as the store may not be used. */
  call(script: Script, parameters: readonly string[]): Promise<unknown> {
    if (this.isAdmitted || !this.isConnected) return this.ask(script, parameters);
    return Promise.reject(new SessionsUnavailable("it is not known yet whether the session store is the right one"));
  }

  /** Runs a script that finds out whether the store may be used; rejects with SessionsUnavailable. */
  async ask(script: Script, parameters: readonly string[]): Promise<unknown> {
    const { connection } = this;
    if (connection === undefined) throw new SessionsUnavailable("the session store is away");
    try {
      const reply = await connection.call(script, parameters);
      this.isRefusing = false;
      return reply;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (connection === this.connection && connection.isOpen) {
        // Steps that succeed between those that fail: one line each time would be one a request.
        if (!this.isRefusing) this.rareLog.warn("the session store refuses a step", { reason });
        this.isRefusing = true;
      }
      throw new SessionsUnavailable(`the session store failed: ${reason}`, { cause: error });
    }
  }

  close(): void {
    this.isClosed = true;
    this.endLooks();
    this.cancelRetry?.();
    this.connection?.close();
    this.connection = undefined;
  }

  /** INFO says it also where a managed service forbids CONFIG. What cannot be found out changes nothing. */
  private async lookAtPolicy(): Promise<void> {
    const { log } = this.options;
    let policy: string | undefined;
    try {
      policy = await this.connection?.info("memory", "maxmemory_policy");
    } catch (error) {
      log.debug("the session store does not tell its maxmemory-policy", { reason: String(error) });
    }
    if (policy === undefined) return;
    const eviction = evictsAnyKey.test(policy)
      ? `its maxmemory-policy is ${policy}: it deletes sessions when its memory is full; set noeviction`
      : "";
    if (eviction !== "" && eviction !== this.eviction) {
      log.warn("the session store may delete sessions", { server: redacted(this.options.url), reason: eviction });
    }
    if (eviction === "" && this.eviction !== "") log.info("the session store keeps its sessions", { policy });
    this.eviction = eviction;
  }

  private lost(): void {
    this.connection = undefined;
    this.retryLater("the connection ended, or nothing was answered for a second");
  }

  private retryLater(reason: string): void {
    if (this.isClosed) return;
    if (!this.isKnownAway) {
      this.options.log.warn("the session store is away; it is tried again", {
        server: redacted(this.options.url),
        reason,
      });
    }
    this.isKnownAway = true;
    this.cancelRetry = this.options.time.timers.after(this.retryMs, () => void this.connect());
    this.retryMs = Math.min(this.retryMs * 2, retryMsMax);
  }
}
