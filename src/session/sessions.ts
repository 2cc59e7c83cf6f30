// Where an account is connected: (app, account, device) → location. Every engine guarantees:
//
// - One location for each (app, account, device); `put` replaces it atomically and returns the replaced one.
// - `remove` compares the channelId, so that a late sign-out removes only its own session.
// - Reads are linearizable: after a change is answered, every later `locate` of every process sees it.
// - Presence is reported after the change, in the order of the changes of an account, and before any `locate` that saw
//   the change is answered; without any `locate`, within a second. If changes may have been missed, `reset` is reported
//   instead.
// - Sessions are leased by a gateway's start. A session whose lease has ended is not located and does not count; only
//   another `put` restores it. Time passes for leases only while a login node renews: if none runs, or if the engine is
//   suspended, leases are suspended, too.
// - An engine that is away rejects with SessionsUnavailable within two seconds, and recovers by itself.

import type { StoreClaim, StoreIdentity } from "../auth/store-ownership.ts";
import type { LimitValues } from "../base/limits/table.ts";
import type { Log } from "../base/log.ts";
import type { Time } from "../base/runtime.ts";
import { isOfFirstVersion, knownFeatures } from "../wire/features.ts";

/** The session engine cannot serve now; the request may be retried. Clients receive SystemException. */
export class SessionsUnavailable extends Error {
  override readonly name = "SessionsUnavailable";
}

/** One live connection of an account. */
export interface Location {
  readonly device: string;
  readonly channelId: string;
  /** The gateway's service id, and its start that has the connection. */
  readonly gateway: string;
  readonly incarnation: string;
  /** The features that the gateway passed on at the sign-in; absent from gateways of earlier releases. */
  readonly features?: readonly string[];
}

/** Returns a location's features; without any, nothing, as in locations of earlier releases. */
export function featuresOf(passed: readonly string[]): Pick<Location, "features"> {
  const features = knownFeatures(passed);
  return features.length === 0 ? {} : { features };
}

/** Reports whether a client uses the first version of the protocol: it names neither a device nor a feature. */
export function isFirstVersion({ device, features = [] }: Location): boolean {
  return device === "" && isOfFirstVersion(features);
}

/** One start of a gateway, which holds a lease. */
export interface GatewayStart {
  readonly gateway: string;
  readonly incarnation: string;
}

/** Receives an account's transitions: its first device comes online, its last one goes offline. */
export interface PresenceListener {
  online(app: string, account: string): void;
  offline(app: string, account: string): void;
  /** Another device came or went, or one was replaced; the account is online. */
  moved?(app: string, account: string): void;
  /** Changes may have been missed: earlier conclusions are stale. */
  reset?(): void;
}

export type PutOutcome =
  | { readonly result: "put"; readonly replaced: Location | undefined }
  /** devicesPerAccount other devices are signed in. */
  | { readonly result: "tooManyDevices" };

/** The limits that an engine enforces on writes. */
export type SessionLimits = Pick<LimitValues, "devicesPerAccount" | "gatewayLeaseMs">;

/** What each shared engine is opened with, besides its place. */
export interface SessionsOptions {
  readonly log: Log;
  readonly time?: Time;
  readonly claim?: StoreClaim;
  readonly limits?: SessionLimits;
  /** Called if only a restart helps: the place is wrong, or the store is another cluster's. */
  readonly refused?: (sentence: string) => void;
}

export interface Sessions {
  readonly isHealthy: boolean;
  /** What an operator should change although everything works; '' or undefined if there is nothing. */
  readonly warning?: string;
  /** Which store it is; undefined until that is known, and for memory, which no other process has. */
  readonly identity?: StoreIdentity | undefined;
  /** Replaces the owner's fingerprints, which become this process's only ones. Rejects with SessionsUnavailable. */
  setOwners?(fingerprints: readonly string[]): Promise<void>;
  /** Adds fingerprints to this process's claim. */
  claimAs?(fingerprints: readonly string[]): void;
  /** Returns the starts of gateways with valid leases; absent in memory. Rejects with SessionsUnavailable. */
  gateways?(): Promise<readonly GatewayStart[]>;
  /** Also grants the gateway a lease if it has none. */
  put(app: string, account: string, location: Location): Promise<PutOutcome>;
  /**
   * Puts a session that may have been lost; bypasses caches. `present`: it was not lost. `refused`: the device has a
   * newer session, or too many other devices are signed in.
   */
  restore(app: string, account: string, location: Location): Promise<"restored" | "present" | "refused">;
  /** Returns true if the session was this channel's and has been removed. */
  remove(app: string, account: string, channelId: string): Promise<boolean>;
  /** Ends all sessions of a gateway, or of every incarnation except `keepIncarnation`. */
  removeGateway(gateway: string, keepIncarnation?: string): Promise<void>;
  /**
   * Called by every login node, every gatewayRenewMs, for the gateways linked to it: each lease lasts the writer's
   * gatewayLeaseMs from now. Returns those whose lease had not been renewed before: new gateways, and gateways whose
   * sessions have ended; their sessions must be put again.
   */
  renew(gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]>;
  /** The number of expired leases with sessions that this process has ended. Absent without leases. */
  readonly leasesEnded?: number;
  /**
   * Returns the channelIds of all known sessions of a gateway's start. Absent if the engine deletes only what it is
   * told to delete.
   */
  held?(start: GatewayStart): Promise<ReadonlySet<string>>;
  /** Reports a broken link: the gateway's lease ends in gatewaySuspectMs unless it is renewed. */
  suspect(gateway: string, incarnation: string): Promise<void>;
  /** Returns the live locations of each account, in the order of `accounts`. The memory engine returns no promise. */
  locate(
    app: string,
    accounts: readonly string[],
  ): readonly (readonly Location[])[] | Promise<readonly (readonly Location[])[]>;
  /** Returns a function that removes the listener. */
  watchPresence(listener: PresenceListener): () => void;
  /** Calls `listener` when the engine has lost its data: all sessions must be put again. Returns its removal. */
  watchLoss(listener: () => void): () => void;
  close(): Promise<void>;
}

export function sessionsDetail({ isHealthy, warning = "" }: Sessions): Record<string, string | boolean> {
  return { sessions: isHealthy, ...(warning === "" ? {} : { sessionsWarning: warning }) };
}
