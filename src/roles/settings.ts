// What a role is given by whoever starts it (the command line, a test): values that are checked already.

import type { Log } from "../base/log.ts";
import type { Selection } from "../container/selectors/selection.ts";
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

/** What every service that is a process of its own is told. */
export interface MemberSettings {
  /** The service id; no two processes share one. */
  readonly id: string;
  /** Where it takes links of other services. */
  readonly listen: ListenAddress;
  /** Where others reach it; the host and port of `listen` where it says nothing. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  /** Nodes of the registry, `http://host:port`. */
  readonly discovery: readonly string[];
  readonly zone: string;
  readonly region: string;
  readonly env: string;
  /** What services prove to each other, and show to the registry. */
  readonly clusterKey: Uint8Array;
  readonly monitor: ListenAddress | undefined;
  readonly writeWaitMs: number;
  readonly version: string;
  readonly log: Log;
  /** Another process has taken this one's id: it has to end. */
  readonly lost: (sentence: string) => void;
}

export interface GatewaySettings extends MemberSettings {
  readonly ws: ListenAddress | undefined;
  readonly tcp: ListenAddress | undefined;
  readonly reusePort: boolean;
  /** The URL that clients are told; undefined: made of the advertised host and the bound port. */
  readonly publicUrl: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly selection: Selection;
  readonly secrets: readonly Uint8Array[];
  readonly readWaitMs: number;
  readonly loginWaitMs: number;
}

export interface LoginSettings extends MemberSettings {
  /** `sqlite:PATH` or `redis://…`. */
  readonly sessions: string;
}

export interface ChatSettings extends LoginSettings {
  /** `sqlite:PATH` or `postgres://…`. */
  readonly store: string;
  readonly retentionDays: number;
}

/** A started role. */
export interface RunningRole {
  /** Stops accepting, finishes what was begun, closes. Resolves within 10 s. Calling it twice returns the same promise. */
  drain(): Promise<void>;
  /** Reads files again that may have changed; a sentence for the log. Undefined: there are none. */
  readonly reload?: () => string | undefined;
}

/** A service that is a process of its own. Its drain leaves the registry first. */
export interface RunningMember extends RunningRole {
  readonly id: string;
  readonly addresses: {
    /** Where it takes links. */
    readonly link: string;
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
  };
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
