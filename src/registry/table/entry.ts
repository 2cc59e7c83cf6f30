// One identity in the table: its instance, or the fact that it was cancelled. Two states of an identity are ordered, in
// the same way on every node: whichever order they arrive in, the same one is left (a last-writer-wins register).
// Renewals are not part of that: the later one counts, whatever the states are.

import { bucketOf } from "./digest.ts";
import { discoveryAppid, type Identity, type Instance, instanceKey } from "../instance.ts";

/** A state of an identity as nodes tell it to each other. */
export interface EntryState {
  readonly identity: Identity;
  /** The state's version. */
  readonly dirty: bigint;
  /** Undefined: cancelled. */
  readonly instance: Instance | undefined;
  /** Milliseconds since it was last renewed, or cancelled: a duration, because clocks differ. */
  readonly ageMs: number;
  /** A node of the registry asks it how it is, and renews it: it cannot do so itself. */
  readonly isProbed: boolean;
  /** It was renewed after it was registered: it is no mere name that somebody left here. */
  readonly hasRenewed: boolean;
}

/** What two states are compared by. */
interface Version {
  readonly dirty: bigint;
  readonly instance: Instance | undefined;
  readonly hash: bigint;
}

/**
 * A number that differs when states differ. It decides between states of one version, and stands for the state in
 * digests. Timestamps that depend on the node are not part of it: they do not make a state another one.
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

/** More than 0: `one` holds; less: `other`; 0: they are the same. */
export function compareVersions(one: Version, other: Version): number {
  if (one.dirty !== other.dirty) return one.dirty > other.dirty ? 1 : -1;
  const [oneLives, otherLives] = [one.instance !== undefined, other.instance !== undefined];
  // Of two equal versions a cancelled one holds: forgetting one instance too many is repaired by its next renewal.
  if (oneLives !== otherLives) return otherLives ? 1 : -1;
  return one.hash === other.hash ? 0 : one.hash > other.hash ? 1 : -1;
}

/** An identity in a table. Its fields are the table's to change. */
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
  /** When it began to live, as far as this node knows, by the monotonic clock. */
  bornAtMs: number;
  /** When it was renewed or cancelled last, by this machine's monotonic clock. */
  touchedAtMs: number;
  /** The same for readers of the API: nanoseconds since 1970 by this machine's wall clock. */
  renewTimestamp = 0n;
  /** Read from a snapshot, and heard of by nobody since: not told to other nodes. */
  isStale = false;
  /** Its lease has run out, and it is listed because too many fell silent at once. */
  isLapsed = false;
  /** What it adds to the table's bytes; 0 when it is cancelled. */
  weight = 0;
  /** False once the table has dropped it; other holders drop it, too. */
  isHeld = true;
  /** When a client registered it at this node, by the monotonic clock; -Infinity when none did. */
  registeredAtMs = -Infinity;
  /** Of a cancelled one: the version that it had before. */
  buriedDirty = 0n;
  /** The address that registered it here; '' when it came another way. */
  caller = "";
  /** The JSON of the instance, up to its renew_timestamp; made when first asked for. */
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

  /** Its state, to be told to others. */
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

/** True for a node of the registry itself. */
export function isDiscovery({ identity }: Entry): boolean {
  return identity.appid === discoveryAppid;
}
