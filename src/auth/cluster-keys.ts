// The cluster keys of a process. They can change while it runs, so callers ask for them at each use and keep no copy.
// Removing a key does not end the links that were proven with it.

import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import { registryToken } from "./registry-token.ts";
import { fingerprintOf } from "./secret.ts";
import { clusterFingerprint } from "./store-ownership.ts";

/** Keys and the values derived from them, all in the keys' order. */
interface KeySet {
  readonly all: readonly Uint8Array[];
  readonly fingerprints: readonly string[];
  readonly tokens: readonly string[];
}

export class ClusterKeys {
  private readonly env: string | undefined;
  private readonly listeners = new Set<() => void>();
  private current: KeySet;

  /** @param env the environment of the process; if undefined, the keys belong to no cluster and have no fingerprints */
  constructor(keys: readonly Uint8Array[], env?: string) {
    this.env = env;
    this.current = this.derive(keys);
  }

  /** The first key is presented to others; any of them is accepted. Each change creates a new array. */
  get all(): readonly Uint8Array[] {
    return this.current.all;
  }

  /** The fingerprints that a store records as its owner (store-ownership.ts). */
  get fingerprints(): readonly string[] {
    return this.current.fingerprints;
  }

  /** The tokens that grant write access to a registry. */
  get tokens(): readonly string[] {
    return this.current.tokens;
  }

  /** Replaces all keys and calls the listeners in order. Returns false, and does nothing, if the keys are unchanged. */
  replace(keys: readonly Uint8Array[]): boolean {
    if (isSame(keys, this.all)) return false;
    this.current = this.derive(keys);
    for (const listener of this.listeners) listener();
    return true;
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  private derive(keys: readonly Uint8Array[]): KeySet {
    const { env } = this;
    return {
      all: keys,
      fingerprints: env === undefined ? [] : keys.map((key) => clusterFingerprint(key, env)),
      tokens: keys.map(registryToken),
    };
  }
}

/** Replaces the keys by those that `read` returns; returns a sentence for the log. Logs an error that `read` throws. */
export function reloadClusterKeys(keys: ClusterKeys, read: () => readonly Uint8Array[], log: Log): string {
  let fresh: readonly Uint8Array[];
  try {
    fresh = read();
  } catch (error) {
    const reason = reasonOf(error);
    log.error("the file of the cluster keys is refused and the old keys stay", { reason });
    return "the cluster keys were not changed";
  }
  const fingerprints = fresh.map(fingerprintOf).join(" ");
  return keys.replace(fresh)
    ? `the cluster keys were read again (${fingerprints})`
    : `the cluster keys are those of before (${fingerprints})`;
}

function isSame(keys: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return (
    keys.length === others.length && keys.every((key, at) => Buffer.compare(key, others[at] ?? new Uint8Array()) === 0)
  );
}
