// Where an account is connected: (app, account, device) → location. Any engine behind this interface gives:
//
// - One location for each (app, account, device); `put` replaces it atomically and returns what it replaced.
// - `remove` compares the channelId, so that a late sign-out removes only its own session.
// - Reads are linearizable: once a change was answered, every later `locate` of every process sees it.
// - Presence is told after the change it speaks of, in the order of the changes of one account, and before any `locate`
//   that saw the change is answered. Where changes may have been missed, `reset` is told instead.
// - Sessions are leased by a gateway's start. One whose lease has ended is not located and counts for nothing; it comes
//   back only by another `put`. Time passes for leases only while some login node renews: when none runs, or the
//   engine stands still, leases stand still too.
// - An engine that is away rejects with SessionsUnavailable, at once or within two seconds, and returns by itself.

import type { StoreIdentity } from "../auth/store-ownership.ts";
import type { LimitValues } from "../base/limits/table.ts";
import { isOfFirstVersion, knownFeatures } from "../wire/features.ts";

/** The session engine cannot serve now; the request may be repeated. Answered to clients as SystemException. */
export class SessionsUnavailable extends Error {
  override readonly name = "SessionsUnavailable";
}

/** One live connection of an account. */
export interface Location {
  readonly device: string;
  readonly channelId: string;
  /** The gateway's service id, and the start of it that holds the connection. */
  readonly gateway: string;
  readonly incarnation: string;
  /**
   * What the gateway passed on of what the client asked for at its sign-in. Absent: it said nothing, as those of an earlier
   * release do.
   */
  readonly features?: readonly string[];
}

/** What a location says of features; nothing of none, as locations that an earlier release wrote. */
export function featuresOf(passed: readonly string[]): Pick<Location, "features"> {
  const features = knownFeatures(passed);
  return features.length === 0 ? {} : { features };
}

/**
 * True: a client of the first version of the protocol, as KIM's are. It has named neither a device nor a feature, and its
 * gateway is of a release that would have passed one on.
 */
export function isFirstVersion({ device, features = [] }: Location): boolean {
  return device === "" && isOfFirstVersion(features);
}

/** One start of a gateway: what holds a lease. */
export interface GatewayStart {
  readonly gateway: string;
  readonly incarnation: string;
}

/** Told of an account's first device that appears and its last one that goes. */
export interface PresenceListener {
  online(app: string, account: string): void;
  offline(app: string, account: string): void;
  /** Changes may have been missed: what was concluded from those told before is worth nothing. */
  reset?(): void;
}

export type PutOutcome =
  | { readonly result: "put"; readonly replaced: Location | undefined }
  /** devicesPerAccount other devices are signed in. */
  | { readonly result: "tooManyDevices" };

/** The limits that an engine enforces on what is written through it. */
export type SessionLimits = Pick<LimitValues, "devicesPerAccount" | "gatewayLeaseMs">;

export interface Sessions {
  /** The last contact with the engine went well. */
  readonly isHealthy: boolean;
  /** What an operator must change although all works for now; '' or undefined when there is nothing. */
  readonly warning?: string;
  /** Which store it is; undefined until that is known, and in memory, which is nobody else's. */
  readonly identity?: StoreIdentity | undefined;
  /**
   * Makes these fingerprints the owner's, in place of the former ones; this process is known by them alone from then on. Rejects
   * with SessionsUnavailable.
   */
  setOwners?(fingerprints: readonly string[]): Promise<void>;
  /** This process is known by these fingerprints, too. */
  claimAs?(fingerprints: readonly string[]): void;
  /** The starts of gateways whose leases have not ended; absent in memory. Rejects with SessionsUnavailable. */
  gateways?(): Promise<readonly GatewayStart[]>;
  /** Grants the gateway's lease where it has none. */
  put(app: string, account: string, location: Location): Promise<PutOutcome>;
  /**
   * Puts a session again that may have been lost; reads nothing that is remembered. `present`: it was not lost. `refused`:
   * the device has a newer session, or too many other devices are signed in.
   */
  restore(app: string, account: string, location: Location): Promise<"restored" | "present" | "refused">;
  /** True when the session was this channel's and is gone now. */
  remove(app: string, account: string, channelId: string): Promise<boolean>;
  /** Ends all sessions of a gateway (of one incarnation, or of every one but `keepIncarnation`). */
  removeGateway(gateway: string, keepIncarnation?: string): Promise<void>;
  /**
   * Every login node's word, every gatewayRenewMs, for the gateways linked to it: each lease lasts the writer's gatewayLeaseMs from now.
   * Returns those whose lease nobody had renewed before: new gateways, and those whose sessions have ended meanwhile;
   * what they hold must be put again.
   */
  renew(gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]>;
  /**
   * How many leases this process has ended because their time had come, and sessions with them. Absent where an engine
   * gives no leases.
   */
  readonly leasesEnded?: number;
  /**
   * The channelIds of all sessions that the engine knows of a gateway's start. Absent where an engine deletes nothing that
   * it was not told to delete.
   */
  held?(start: GatewayStart): Promise<ReadonlySet<string>>;
  /** A gateway's link broke: its lease ends in gatewaySuspectMs unless somebody renews it. */
  suspect(gateway: string, incarnation: string): Promise<void>;
  /** The live locations of each account, in order of `accounts`. An engine in memory answers without a promise. */
  locate(
    app: string,
    accounts: readonly string[],
  ): readonly (readonly Location[])[] | Promise<readonly (readonly Location[])[]>;
  /** Returns the function that ends the watching. */
  watchPresence(listener: PresenceListener): () => void;
  /** Tells when the engine has lost its data: all sessions must be put again. Returns the function that ends the watching. */
  watchLoss(listener: () => void): () => void;
  close(): Promise<void>;
}

/** What `GET /health` says of the engine. */
export function sessionsDetail({ isHealthy, warning = "" }: Sessions): Record<string, string | boolean> {
  return { sessions: isHealthy, ...(warning === "" ? {} : { sessionsWarning: warning }) };
}
