// What a role is given by whoever starts it (the command line, a test): values that are checked already.

import type { BlockList } from "node:net";
import type { AppKey } from "../auth/secret.ts";
import type { TokenKeys } from "../auth/token.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import type { LogicSettings } from "../node/logic-member.ts";
import type { MemberSettings, RunningRole } from "../node/member.ts";
import type { Selection } from "../routing/selectors/selection.ts";
import type { LookupRules } from "../registry/lookup/lookup-file.ts";
import type { SocketAddress } from "../transport/address.ts";

/** How clients connect, whatever else the process does. */
export interface ListenSettings {
  /** Undefined turns a listener off. */
  readonly ws: SocketAddress | undefined;
  readonly tcp: SocketAddress | undefined;
  /** Proxies in front of `ws` and `tcp`, whose word about a client's address counts; undefined: there are none. */
  readonly trustedProxies?: BlockList | undefined;
  readonly readWaitMs: number;
  readonly writeWaitMs: number;
  readonly loginWaitMs: number;
  /** Whether sign-ins, sign-outs and refusals are logged; no, unless it is given. */
  readonly logsPeople?: boolean;
}

/** Who may connect, too. */
interface ClientSettings extends ListenSettings {
  /** Keys that verify tokens; any of them does (rotation). The first one signs. */
  readonly secrets: readonly Uint8Array[];
  /** Keys of single apps; an app that has any takes no other. */
  readonly appKeys?: readonly AppKey[];
  /**
   * Reads all keys of the tokens again, without waiting; throws when they are no good. Undefined: they are in no file.
   */
  readonly readTokenKeys?: (() => TokenKeys) | undefined;
  /** The app of tokens that name none; undefined: they are refused. */
  readonly defaultApp?: string | undefined;
}

/** Everything in one process. */
export interface StandaloneSettings extends ClientSettings {
  /** The node's name; its three services are called `<id>-gateway`, `<id>-login`, `<id>-chat`. */
  readonly id: string;
  readonly monitor: SocketAddress | undefined;
  /** Path of the SQLite database file; its folder exists. */
  readonly storePath: string;
  /**
   * Takes the locks that the start could not take on a full disk; called before the file is opened. Throws until it
   * can.
   */
  readonly takeLock?: () => void;
  /** The messages are this server's from now on, although they belong to a cluster. */
  readonly adopt: boolean;
  /** Whole days; 0 keeps messages for ever. */
  readonly retentionDays: number;
  readonly zone: string;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
}

/** A node of the registry. */
export interface DiscoverySettings {
  /** Where its HTTP API listens. */
  readonly listen: SocketAddress;
  /** Where others reach it: a host, and a port unless it is the bound one; undefined: where it listens. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  /** Other nodes to begin with, `host:port`; this one may be among them. */
  readonly peers: readonly string[];
  readonly zone: string;
  readonly region: string;
  readonly env: string;
  /** Undefined turns DNS off. */
  readonly dns: SocketAddress | undefined;
  readonly domain: string;
  readonly dnsTtlSeconds: number;
  /** Path of the snapshot; undefined: none. */
  readonly snapshotPath: string | undefined;
  /** Regions, for clients that look for a gateway. */
  readonly lookup: LookupRules | undefined;
  /** Proxies in front of its HTTP API, whose word about a client's address counts; undefined: there are none. */
  readonly trustedProxies?: BlockList | undefined;
  /**
   * Writers and other nodes have to show a token that is made of one of these; none: nothing. The first one is shown to
   * others.
   */
  readonly clusterKeys: readonly Uint8Array[];
  /** As in MemberSettings. */
  readonly readClusterKeys?: (() => readonly Uint8Array[]) | undefined;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
}

/** A gateway as a process of its own. */
export interface GatewaySettings extends MemberSettings, ClientSettings {
  readonly reusePort: boolean;
  /** The URL that clients are told; undefined: made of the advertised host and the bound port. */
  readonly publicUrl: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly selection: Selection;
}

export type LoginSettings = LogicSettings;

export interface ChatSettings extends LogicSettings {
  /** `sqlite:PATH` or `postgres://…`. */
  readonly store: string;
  readonly retentionDays: number;
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
