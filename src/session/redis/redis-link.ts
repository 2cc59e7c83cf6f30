// Maintains a connection to the server: reconnects without end, and rejects calls immediately in between.

import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { SessionsUnavailable } from "../sessions.ts";
import { unreachable, wrongSetting } from "./wrong-setting.ts";
import { evictionSentence } from "./look.ts";
import { RedisConnection } from "./redis-connection.ts";
import type { Script } from "./scripts.ts";
import type { Time } from "../../base/runtime.ts";
import { type Cancel, every } from "../../base/timers.ts";

const retryMsMin = 50;
const retryMsMax = 1_000;
const policyEveryMs = 60_000;

interface RedisLinkOptions {
  readonly url: string;
  readonly prefix: string;
  readonly log: Log;
  readonly time: Time;
  /** A connection was made: cached data may be stale. */
  connected(): Promise<void>;
  /** The server refuses the URL's settings at the first connection; there are no further tries. */
  refused(sentence: string): void;
}

/** A URL without its user and password, for the log. */
export function redacted(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

export class RedisLink {
  private readonly options: RedisLinkOptions;
  private readonly rareLog: RareLog;
  private connection: RedisConnection | undefined;
  private retryMs = retryMsMin;
  private cancelRetry: Cancel | undefined;
  private isClosed = false;
  private wasConnected = false;
  /** The log says that the server is away. */
  private isKnownAway = false;
  /** The server refused the last step: out of memory, a read-only replica, a missing right. */
  private isRefusing = false;
  /** Whether this process may use the store, so that steps may be sent. */
  isAdmitted = false;
  connections = 0;
  /** What an operator should change although everything works: the server's policy when memory is full; else ''. */
  warning = "";
  private readonly endLooks: Cancel;

  constructor(options: RedisLinkOptions) {
    this.options = options;
    this.rareLog = new RareLog(options.log, options.time.clock);
    this.endLooks = every(options.time.timers, policyEveryMs, () => void this.lookAtPolicy());
  }

  get isHealthy(): boolean {
    return this.isConnected && this.isAdmitted && !this.isRefusing;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  /** Tries once; retries in the background if that fails. Never rejects. */
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
      // After a successful connection the settings were right, and may be corrected on the server.
      const refusal = this.wasConnected ? undefined : await wrongSetting(url, error);
      if (refusal !== undefined) {
        this.options.refused(`The session store ${redacted(url)} refuses this program: ${refusal}.`);
        return;
      }
      // Bun's client reports a server that is down as a closed connection.
      const reason = this.isKnownAway ? undefined : await unreachable(url);
      this.retryLater(reason ?? reasonOf(error));
    }
  }

  /** Runs a script; rejects with SessionsUnavailable, also while the store may not be used. */
  call(script: Script, parameters: readonly string[]): Promise<unknown> {
    if (this.isAdmitted || !this.isConnected) return this.ask(script, parameters);
    return Promise.reject(new SessionsUnavailable("it is not known yet whether the session store is the right one"));
  }

  /** Runs a script that decides whether the store may be used; rejects with SessionsUnavailable. */
  async ask(script: Script, parameters: readonly string[]): Promise<unknown> {
    const { connection } = this;
    if (connection === undefined) throw new SessionsUnavailable("the session store is unavailable");
    try {
      const reply = await connection.call(script, parameters);
      this.isRefusing = false;
      return reply;
    } catch (error) {
      const reason = reasonOf(error);
      if (connection === this.connection && connection.isOpen) {
        // Rate-limited: if some steps succeed, each failure in between would be logged.
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

  /** Reads INFO, which works where a managed service forbids CONFIG. A failure changes nothing. */
  private async lookAtPolicy(): Promise<void> {
    const { log } = this.options;
    let policy: string | undefined;
    try {
      policy = await this.connection?.info("memory", "maxmemory_policy");
    } catch (error) {
      log.debug("the session store does not report its maxmemory-policy", { reason: String(error) });
    }
    if (policy === undefined) return;
    const eviction = evictionSentence(policy);
    if (eviction !== "" && eviction !== this.warning) {
      log.warn("the session store may delete sessions", { server: redacted(this.options.url), reason: eviction });
    }
    if (eviction === "" && this.warning !== "") log.info("the session store keeps its sessions", { policy });
    this.warning = eviction;
  }

  private lost(): void {
    this.connection = undefined;
    this.retryLater("the connection ended, or nothing was answered for a second");
  }

  private retryLater(reason: string): void {
    if (this.isClosed) return;
    if (!this.isKnownAway) {
      this.options.log.warn("the session store is unavailable; retrying", {
        server: redacted(this.options.url),
        reason,
      });
    }
    this.isKnownAway = true;
    this.cancelRetry = this.options.time.timers.after(this.retryMs, () => void this.connect());
    this.retryMs = Math.min(this.retryMs * 2, retryMsMax);
  }
}
