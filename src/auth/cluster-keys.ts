// The cluster keys of a process. They can change while it runs, so whoever needs them asks at each use and keeps no copy.
// What was proven with a key that is gone stays proven: established links are not ended.

import type { Log } from "../base/log.ts";
import { registryToken } from "./registry-token.ts";
import { fingerprintOf } from "./secret.ts";
import { clusterFingerprint } from "./store-ownership.ts";

/** Keys, and what is made of them; all in the keys' order. */
interface Made {
  readonly all: readonly Uint8Array[];
  readonly fingerprints: readonly string[];
  readonly tokens: readonly string[];
}

export class ClusterKeys {
  private readonly env: string | undefined;
  private readonly listeners = new Set<() => void>();
  private made: Made;

  /** `env`: the environment of the process; undefined: no cluster shares its keys, which have no fingerprints then. */
  constructor(keys: readonly Uint8Array[], env?: string) {
    this.env = env;
    this.made = this.make(keys);
  }

  /** The first one is shown to others, any of them is taken. The array is another one after each change. */
  get all(): readonly Uint8Array[] {
    return this.made.all;
  }

  /** What a store remembers of them (store-ownership.ts). */
  get fingerprints(): readonly string[] {
    return this.made.fingerprints;
  }

  /** What opens a registry for writing. */
  get tokens(): readonly string[] {
    return this.made.tokens;
  }

  /** Puts other keys in the place of all, and tells the listeners, the first one first. False, and nothing: they are the same. */
  replace(keys: readonly Uint8Array[]): boolean {
    if (isSame(keys, this.all)) return false;
    this.made = this.make(keys);
    for (const listener of this.listeners) listener();
    return true;
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  private make(keys: readonly Uint8Array[]): Made {
    const { env } = this;
    return {
      all: keys,
      fingerprints: env === undefined ? [] : keys.map((key) => clusterFingerprint(key, env)),
      tokens: keys.map(registryToken),
    };
  }
}

/**
 * Makes what `read` gives the keys of the process; returns a sentence for the log. What `read` throws is logged, and changes
 * nothing.
 */
export function reloadClusterKeys(keys: ClusterKeys, read: () => readonly Uint8Array[], log: Log): string {
  let fresh: readonly Uint8Array[];
  try {
    fresh = read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
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
