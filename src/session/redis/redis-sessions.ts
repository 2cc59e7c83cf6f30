// Sessions in Redis or Valkey, for login and chat services on many machines. Every change is one script and one round
// trip; reads use a fence and a cache (fenced-reader.ts). A server that is lost or restarted loses the sessions, which
// is reported to listeners.

import { claimOfNobody, shownPlace, type StoreIdentity } from "../../auth/store-ownership.ts";
import { gatewaySuspectMs } from "../../base/limits/fixed.ts";
import { limitValues } from "../../base/limits/table.ts";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { isLoopbackHost } from "../../transport/address-ranges.ts";
import { Follower } from "../follower.ts";
import {
  SessionsUnavailable,
  type GatewayStart,
  type Location,
  type PresenceListener,
  type PutOutcome,
  type SessionLimits,
  type Sessions,
  type SessionsOptions,
} from "../sessions.ts";
import { ownersText } from "../session-owner.ts";
import { setOwnersScript } from "./claim-script.ts";
import { FencedReader } from "./fenced-reader.ts";
import { pairKey, splitPair } from "./pair-key.ts";
import { readTarget } from "./redis-url.ts";
import { redacted, RedisLink } from "./redis-link.ts";
import { RedisOwner, type KnownIdentity } from "./redis-owner.ts";
import { asList, asNumber, asText, placeText, readLocation } from "./replies.ts";
import {
  gatewaysScript,
  heldScript,
  putScript,
  removeGatewayScript,
  removeScript,
  renewScript,
  suspectScript,
  sweepScript,
} from "./scripts.ts";
import { backgroundTime, systemRuntime, type Time } from "../../base/runtime.ts";
import { type Cancel, every } from "../../base/timers.ts";

/** The maximum age of presence without calls of `locate`; ended leases are noticed as fast. */
const pollMs = 500;
/** Accounts in one step of a sweep or a scan of a gateway's sessions: the server is blocked meanwhile. */
const sweepAccounts = 200;

export interface RedisSessionsOptions extends SessionsOptions {
  /** `redis://user:password@host:port/database`; also `rediss:` and `valkey:`. Its password is never logged. */
  readonly url: string;
  /** What others of the cluster know about the store's identity; without it, the identity is not waited for. */
  readonly known?: KnownIdentity;
  /** The prefix of all keys; different prefixes separate clusters. */
  readonly prefix?: string;
}

const protocols = ["redis:", "rediss:", "valkey:", "valkeys:"];

/**
 * Opens the engine. Also resolves while the server is away, which is retried without end. Rejects with
 * SessionsUnavailable if the URL is not a Redis URL, or if its server refuses it.
 */
export async function openRedisSessions(options: RedisSessionsOptions): Promise<Sessions> {
  if (!URL.canParse(options.url) || !protocols.includes(new URL(options.url).protocol)) {
    // The URL is not shown, because it may contain a password.
    throw new SessionsUnavailable("The URL of the session store is not one like redis://user:password@host:6379/0.");
  }
  try {
    const { tls } = readTarget(options.url);
    const { protocol, hostname } = new URL(options.url);
    // A private network may do without TLS, so this is no warning.
    if (tls === undefined && !isLoopbackHost(hostname))
      options.log.info(
        `the session store is reached in plain text; if the network is not private, write ` +
          `${protocol.replace(":", "s")}:// and ?ca=FILE in its URL`,
        { server: redacted(options.url) },
      );
  } catch (error) {
    throw new SessionsUnavailable(`The session store ${redacted(options.url)}: ${reasonOf(error)}.`);
  }
  const sessions = new RedisSessions(options);
  await sessions.start();
  const { refusal } = sessions;
  if (refusal === undefined) return sessions;
  await sessions.close();
  throw new SessionsUnavailable(refusal);
}

class RedisSessions implements Sessions {
  private readonly log: Log;
  private readonly link: RedisLink;
  private readonly owner: RedisOwner;
  private readonly place: string;
  private readonly limits: SessionLimits;
  private readonly follower = new Follower();
  private readonly reader: FencedReader;
  private readonly time: Time;
  private endPolling: Cancel | undefined;
  /** This process has renewed a lease, so it also ends leases and sweeps. */
  private isKeeper = false;
  leasesEnded = 0;
  private isPolling = false;
  private isStarted = false;
  refusal: string | undefined;

  constructor(options: RedisSessionsOptions) {
    const { url, log, prefix = "roost:", claim = claimOfNobody, known, time = backgroundTime } = options;
    this.log = log;
    this.time = time;
    this.limits = options.limits ?? limitValues();
    this.place = shownPlace(redacted(url));
    const refused = (sentence: string): void => {
      if (this.isStarted) options.refused?.(sentence);
      else this.refusal = sentence;
    };
    this.link = new RedisLink({
      url,
      prefix,
      log,
      time,
      connected: () => {
        this.owner.connected();
        return this.poll();
      },
      refused,
    });
    const store = `The session store ${redacted(url)}`;
    // A process lives on while it waits for its store.
    this.owner = new RedisOwner({
      link: this.link,
      store,
      claim,
      known,
      log,
      refused,
      time: options.time ?? systemRuntime,
    });
    this.reader = new FencedReader(this.link, this.follower);
  }

  async start(): Promise<void> {
    await this.link.connect();
    this.isStarted = true;
    this.endPolling = every(this.time.timers, pollMs, () => void this.poll());
  }

  get isHealthy(): boolean {
    return this.link.isHealthy;
  }

  get warning(): string {
    return this.owner.isWaiting ? "waiting for the session store's identity" : this.link.warning;
  }

  get identity(): StoreIdentity | undefined {
    const { identity } = this.owner;
    return identity === undefined ? undefined : { identity, place: this.place };
  }

  async setOwners(fingerprints: readonly string[]): Promise<void> {
    const isDone = await this.link.call(setOwnersScript, [ownersText(fingerprints), ...this.owner.fingerprints]);
    if (isDone === 1) {
      this.owner.owned(fingerprints);
      return;
    }
    // Finds out whether it is another cluster's, and stops using it then.
    await this.poll();
    throw new SessionsUnavailable("the session store is not known to be this cluster's");
  }

  claimAs(fingerprints: readonly string[]): void {
    this.owner.claimAs(fingerprints);
  }

  async gateways(): Promise<readonly GatewayStart[]> {
    return asList(await this.link.call(gatewaysScript, [])).map((start) => {
      const [gateway, incarnation] = splitPair(asText(start));
      return { gateway, incarnation };
    });
  }

  async put(app: string, account: string, location: Location): Promise<PutOutcome> {
    const { device } = location;
    const [result, old] = await this.callPut(app, account, location, "");
    if (result === 0) return { result: "tooManyDevices" };
    return { result: "put", replaced: old === null ? undefined : readLocation(device, asText(old)).location };
  }

  async restore(app: string, account: string, location: Location): Promise<"restored" | "present" | "refused"> {
    const [result] = await this.callPut(app, account, location, location.channelId);
    if (result === 3) return "present";
    return result === 1 ? "restored" : "refused";
  }

  async remove(app: string, account: string, channelId: string): Promise<boolean> {
    return (await this.link.call(removeScript, [pairKey(app, account), channelId])) === 1;
  }

  async removeGateway(gateway: string, keepIncarnation?: string): Promise<void> {
    const kept = keepIncarnation === undefined ? "" : pairKey(gateway, keepIncarnation);
    await this.link.call(removeGatewayScript, [pairKey(gateway, ""), kept]);
    await this.sweep();
  }

  async renew(gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]> {
    this.isKeeper = true;
    const starts = gateways.map(({ gateway, incarnation }) => pairKey(gateway, incarnation));
    const reply = await this.link.call(renewScript, [String(this.limits.gatewayLeaseMs), ...starts]);
    const [ended = 0, ...begun] = asList(reply).map(asNumber);
    this.leasesEnded += ended;
    return gateways.filter((_, at) => begun.includes(at));
  }

  async held({ gateway, incarnation }: GatewayStart): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    let cursor = "0";
    do {
      const start = pairKey(gateway, incarnation);
      const [next, ...channelIds] = asList(await this.link.call(heldScript, [start, cursor, String(sweepAccounts)]));
      for (const channelId of channelIds) held.add(asText(channelId));
      cursor = asText(next);
    } while (cursor !== "0");
    return held;
  }

  async suspect(gateway: string, incarnation: string): Promise<void> {
    await this.link.call(suspectScript, [pairKey(gateway, incarnation), String(gatewaySuspectMs)]);
  }

  locate(app: string, accounts: readonly string[]): Promise<readonly (readonly Location[])[]> {
    return this.reader.locate(app, accounts);
  }

  watchPresence(listener: PresenceListener): () => void {
    return this.follower.presence.watch(listener);
  }

  watchLoss(listener: () => void): () => void {
    return this.follower.watchLoss(listener);
  }

  close(): Promise<void> {
    this.endPolling?.();
    this.owner.close();
    this.link.close();
    this.follower.close();
    return Promise.resolve();
  }

  private async callPut(
    app: string,
    account: string,
    location: Location,
    restored: string,
  ): Promise<readonly unknown[]> {
    const reply = await this.link.call(putScript, [
      pairKey(app, account),
      location.device,
      placeText(location),
      pairKey(location.gateway, location.incarnation),
      String(this.limits.gatewayLeaseMs),
      String(this.limits.devicesPerAccount),
      restored,
    ]);
    return asList(reply);
  }

  private async poll(): Promise<void> {
    // A sweep may take longer than the interval of polls.
    if (this.isPolling || !this.link.isConnected) return;
    this.isPolling = true;
    try {
      await this.owner.settle();
      if (!this.link.isAdmitted) return;
      await this.locate("", []);
      if (this.isKeeper) {
        await this.renew([]);
        await this.sweep();
      }
    } catch (error) {
      // The link has logged the failure; the next poll retries.
      this.log.debug("a poll of the session store failed", { reason: String(error) });
    } finally {
      this.isPolling = false;
    }
  }

  /** Removes the sessions of ended leases. Several processes may do so at once. */
  private async sweep(): Promise<void> {
    while (asNumber(await this.link.call(sweepScript, [String(sweepAccounts)])) > 0);
  }
}
