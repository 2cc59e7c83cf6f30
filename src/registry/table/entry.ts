// One identity in the table: its instance, or a tombstone. All nodes order two states of an identity alike, so the same
// one remains in whichever order they arrive (a last-writer-wins register). Renewals are independent: the later one
// counts, whatever the states are.

import { bucketOf } from "./digest.ts";
import { discoveryAppid, type Identity, type Instance, instanceKey } from "../instance.ts";

/** A state of an identity, as nodes exchange it. */
export interface EntryState {
  readonly identity: Identity;
  /** The state's version. */
  readonly dirty: bigint;
  /** Undefined if cancelled. */
  readonly instance: Instance | undefined;
  /** Milliseconds since it was last renewed or cancelled: a duration, because clocks differ. */
  readonly ageMs: number;
  /** A node of the registry checks its health and renews it, because it cannot renew itself. */
  readonly isProbed: boolean;
  /** It was renewed after it was registered: it is more than an abandoned name. */
  readonly hasRenewed: boolean;
}

/** The attributes that order two states. */
interface Version {
  readonly dirty: bigint;
  readonly instance: Instance | undefined;
  readonly hash: bigint;
}

/**
 * Returns a hash of a state. It orders states of one version and represents the state in digests. Timestamps that
 * depend on the node are excluded: they do not change the state.
 */
export function hashOf(key: string, dirty: bigint, instance: Instance | undefined): bigint {
  let text = `${key}\n${dirty}\n`;
  if (instance !== undefined) {
    const { region, addrs, version, metadata, status } = instance;
    text += JSON.stringify([region, addrs, version, [...metadata].toSorted(([a], [b]) => (a < b ? -1 : 1)), status]);
  }
  const hash = Bun.hash(text);
  return typeof hash === "bigint" ? hash : BigInt(hash);
}

/** Compares two states: positive if `one` wins, negative if `other` wins, 0 if they are the same. */
export function compareVersions(one: Version, other: Version): number {
  if (one.dirty !== other.dirty) return one.dirty > other.dirty ? 1 : -1;
  const [oneLives, otherLives] = [one.instance !== undefined, other.instance !== undefined];
  // Of two equal versions a tombstone wins: an instance that is lost in error returns with its next renewal.
  if (oneLives !== otherLives) return otherLives ? 1 : -1;
  return one.hash === other.hash ? 0 : one.hash > other.hash ? 1 : -1;
}

/** An identity in a table. Only the table changes its fields. */
export class Entry implements Version {
  readonly key: string;
  readonly identity: Identity;
  /** Its bucket in digests. */
  readonly bucket: number;
  instance: Instance | undefined;
  dirty: bigint;
  hash: bigint;
  isProbed: boolean;
  hasRenewed: boolean;
  /** When it became live, as far as this node knows, by the monotonic clock. */
  bornAtMs: number;
  /** When it was last renewed or cancelled, by this machine's monotonic clock. */
  touchedAtMs: number;
  /** The same for readers of the API: nanoseconds since 1970 by this machine's wall clock. */
  renewTimestamp = 0n;
  /** Read from a snapshot and not confirmed since: not sent to other nodes. */
  isStale = false;
  /** Its lease has expired, and it is listed because too many instances fell silent at once. */
  isLapsed = false;
  /** Its share of the table's bytes; 0 for a tombstone. */
  weight = 0;
  /** False after the table has dropped it; other holders drop it, too. */
  isHeld = true;
  /** When a client registered it at this node, by the monotonic clock; -Infinity if none did. */
  registeredAtMs = -Infinity;
  /** Of a tombstone: the version of the cancelled state. */
  buriedDirty = 0n;
  /** The address that registered it here; '' if it came another way. */
  caller = "";
  /** The JSON of the instance, up to its renew_timestamp; created on first use. */
  json: string | undefined;

  constructor(state: EntryState, touchedAtMs: number) {
    this.identity = state.identity;
    this.key = instanceKey(state.identity);
    this.bucket = bucketOf(this.key);
    this.instance = state.instance;
    this.dirty = state.dirty;
    this.hash = hashOf(this.key, state.dirty, state.instance);
    this.isProbed = state.isProbed;
    this.hasRenewed = state.hasRenewed;
    this.bornAtMs = touchedAtMs;
    this.touchedAtMs = touchedAtMs;
  }

  /** Returns its state for other nodes. */
  state(nowMs: number): EntryState {
    return {
      identity: this.identity,
      dirty: this.dirty,
      instance: this.instance,
      ageMs: Math.max(0, Math.round(nowMs - this.touchedAtMs)),
      isProbed: this.isProbed,
      hasRenewed: this.hasRenewed,
    };
  }
}

/** Reports whether an entry is a node of the registry. */
export function isDiscovery({ identity }: Entry): boolean {
  return identity.appid === discoveryAppid;
}
