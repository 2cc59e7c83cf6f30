// What an attack is: something that a stranger, or a signed-in client, does to a server on purpose. It runs in a
// process of its own, which ends with it.

import type { Endpoint } from "../server/target.ts";

/** The server that is attacked, and whose requests show what the attack does to others. */
export const scenes = [
  /** Everything in one process; others talk. */
  "standalone",
  /** The same with 1,024 open files; others talk. */
  "standalone-few-files",
  /** A cluster, of which the chat service's port for links is attacked; others talk. */
  "links",
  /** A node of the registry; others renew. */
  "registry",
  /** The same with 1,024 open files; others renew. */
  "registry-few-files",
  /** A node of the registry; others ask its DNS, over UDP. */
  "dns",
  /** The same; others ask over TCP. */
  "dns-over-tcp",
] as const;
export type SceneName = (typeof scenes)[number];

/** Where a server is; plain data, for the attackers' process. */
export interface Place {
  readonly tcp: Endpoint | undefined;
  readonly ws: Endpoint | undefined;
  readonly secret: string;
  readonly app: string;
  /** Whoever comes over TCP says with a header of the PROXY protocol who he is, over HTTP with X-Forwarded-For. */
  readonly isBehindProxy: boolean;
  /** Ports of 127.0.0.1; 0 if there is none. */
  readonly linkPort: number;
  readonly registryPort: number;
  readonly dnsPort: number;
}

/** What an attack works with. */
export interface Stage {
  readonly place: Place;
  /** So many of something; a few in a trial. */
  readonly many: (count: number) => number;
}

export interface Attack {
  readonly name: string;
  /** What is done, as a noun phrase. */
  readonly what: string;
  readonly scene: SceneName;
  /** From its end until memory is read, where what it leaves goes by itself after a time; in milliseconds. */
  readonly restMs?: number;
  /** Prepares it, outside of what is measured; returns what does it until its process is killed. */
  prepare(stage: Stage): Promise<() => Promise<void>>;
}
