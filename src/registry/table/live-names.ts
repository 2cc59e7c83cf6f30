// The names of live instances by env: services, zones and ids as DNS sees them, and instances by hostname.

import { Entry, isDiscovery } from "./entry.ts";
import { asciiLower, EnvNames } from "../name-index.ts";

export class LiveNames {
  /** By env; '' for the registry's own nodes, which are in every env. */
  private readonly envs = new Map<string, EnvNames>();
  /** By env and hostname in lower case. Most hostnames have one entry, which needs no set. */
  private readonly byHostname = new Map<string, Map<string, Entry | Set<Entry>>>();

  /**
   * Returns the instances of an env ('': nodes of the registry) with a hostname, ignoring the case of ASCII letters.
   */
  named(env: string, hostname: string): Iterable<Entry> {
    const named = this.byHostname.get(env)?.get(asciiLower(hostname)) ?? [];
    return named instanceof Entry ? [named] : named;
  }

  /** Returns the names in an env: its own, and those of the registry's nodes. */
  in(env: string): EnvNames[] {
    return [this.envs.get(env), this.envs.get("")].filter((names) => names !== undefined);
  }

  add(entry: Entry): void {
    const env = envOf(entry);
    this.envs.getOrInsertComputed(env, () => new EnvNames()).add(entry.identity);
    const hosts = this.byHostname.getOrInsertComputed(env, () => new Map());
    const name = asciiLower(entry.identity.hostname);
    const namesakes = hosts.get(name);
    if (namesakes === undefined) hosts.set(name, entry);
    else if (namesakes instanceof Entry) hosts.set(name, new Set([namesakes, entry]));
    else namesakes.add(entry);
  }

  remove(entry: Entry): void {
    const env = envOf(entry);
    const names = this.envs.get(env);
    names?.remove(entry.identity);
    if (names?.isEmpty === true) this.envs.delete(env);
    const hosts = this.byHostname.get(env);
    const name = asciiLower(entry.identity.hostname);
    const namesakes = hosts?.get(name);
    if (namesakes instanceof Set) namesakes.delete(entry);
    if (namesakes === entry || (namesakes instanceof Set && namesakes.size === 0)) hosts?.delete(name);
    if (hosts?.size === 0) this.byHostname.delete(env);
  }
}

function envOf(entry: Entry): string {
  return isDiscovery(entry) ? "" : entry.identity.env;
}
