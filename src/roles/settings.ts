// What a role is given by whoever starts it (the command line, a test): values that are checked already.

import type { Log } from "../base/log.ts";
import type { LookupRules } from "../registry/lookup-file.ts";

/** A TCP address to listen on; port 0 picks a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Everything in one process. */
export interface StandaloneSettings {
  /** The node's name; its three services are called `<id>-gateway`, `<id>-login`, `<id>-chat`. */
  readonly id: string;
  /** Undefined turns a listener off. */
  readonly ws: ListenAddress | undefined;
  readonly tcp: ListenAddress | undefined;
  readonly monitor: ListenAddress | undefined;
  readonly readWaitMs: number;
  readonly writeWaitMs: number;
  readonly loginWaitMs: number;
  /** Keys that verify tokens; any of them does (rotation). The first one signs. */
  readonly secrets: readonly Uint8Array[];
  /** Path of the SQLite database file; its folder exists. */
  readonly storePath: string;
  /** Whole days; 0 keeps messages for ever. */
  readonly retentionDays: number;
  readonly zone: string;
  readonly version: string;
  readonly log: Log;
}

/** A node of the registry. */
export interface DiscoverySettings {
  /** Where its HTTP API listens. */
  readonly listen: ListenAddress;
  /** Where others reach it: a host, and a port unless it is the bound one; undefined: where it listens. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  /** Other nodes to begin with, `host:port`; this one may be among them. */
  readonly peers: readonly string[];
  readonly zone: string;
  readonly region: string;
  readonly env: string;
  /** Undefined turns DNS off. */
  readonly dns: ListenAddress | undefined;
  readonly domain: string;
  readonly dnsTtlSeconds: number;
  /** Path of the snapshot; undefined: none. */
  readonly snapshotPath: string | undefined;
  /** Regions, for clients that look for a gateway. */
  readonly lookup: LookupRules | undefined;
  /** Writers and other nodes have to show a token that is made of it; undefined: nothing. */
  readonly clusterKey: Uint8Array | undefined;
  readonly version: string;
  readonly log: Log;
}

/** A started role. */
export interface RunningRole {
  /** Stops accepting, finishes what was begun, closes. Resolves within 10 s. Calling it twice returns the same promise. */
  drain(): Promise<void>;
}

/**
 * Its drain answers what was read, closes connections with 1012 ("server is leaving"), then closes the store.
 */
export interface RunningStandalone extends RunningRole {
  /** `host:port` as bound; undefined where a listener is off. */
  readonly addresses: {
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
  };
}

/** Its drain says goodbye to the other nodes, and sends those who wait to one of them. */
export interface RunningDiscovery extends RunningRole {
  readonly addresses: {
    readonly http: string;
    /** Where others are told to reach it. */
    readonly advertised: string;
    readonly dns: string | undefined;
  };
}
