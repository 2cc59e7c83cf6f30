// What a role is given by whoever starts it (the command line, a test): what its options say, checked already, and what
// is made of them.

import type { TokenKeySource } from "../auth/token-key-files.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import type { LogicSettings } from "../node/logic-member.ts";
import type { MemberSettingsOf, RunningRole } from "../node/member.ts";
import type { S3Credentials } from "../media/s3/s3-location.ts";
import type { SettingsOf } from "../options/settings.ts";
import type { Selection } from "../routing/selectors/selection.ts";
import type { LookupRules } from "../registry/lookup/lookup-file.ts";
import type { SocketAddress } from "../transport/address.ts";
import type { CertificateFiles } from "../transport/tls/certificate.ts";
import type { NodeTls } from "../transport/tls/node-tls.ts";
import type { TlsContext } from "../transport/tls/tls-context.ts";

/** TLS of the clients' listeners. */
interface TlsSettings {
  /** Undefined: connections are in plain text. */
  readonly tls?: {
    /** Read again while the process serves. */
    readonly files: CertificateFiles;
    /** Made of their certificate. */
    readonly context: TlsContext;
  };
}

/** How clients connect, whatever else the process does. */
export type ClientSettings = Omit<SettingsOf<"gateway" | "standalone">, "id" | "monitor" | "zone"> & TlsSettings;

/** The keys that verify tokens. */
export interface TokenSettings extends Pick<ClientSettings, "defaultApp"> {
  readonly tokenKeys: TokenKeySource;
}

/** Of the place of files (`--media`), what is read of a file or the environment. */
interface MediaSettings {
  /** The key of an S3-compatible store; set if one is named. */
  readonly s3Credentials?: S3Credentials | undefined;
}

/** Everything in one process; its three services are called `<id>-gateway`, `<id>-login`, `<id>-chat`. */
export interface StandaloneSettings extends SettingsOf<"standalone">, TokenSettings, TlsSettings, MediaSettings {
  /** The folder of the process, in which files of messages may be. */
  readonly dataFolder: string;
  /** Path of the SQLite database file; its folder exists. */
  readonly storePath: string;
  /**
   * Takes the locks that the start could not take on a full disk; called before the file is opened. Throws until it
   * can.
   */
  readonly takeLock?: () => void;
  /** The key of the API for its operator; undefined: none. */
  readonly localKey?: string | undefined;
  /** Whoever knows it gets an account to try the web chat with; undefined: nobody does. */
  readonly linkSecret?: string | undefined;
  /** Begins to leave, as on SIGTERM; undefined: a back end may not ask for it. */
  readonly leave?: (() => void) | undefined;
  /** The monitor's certificate; undefined: it serves plain text. */
  readonly nodeTls?: NodeTls | undefined;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
}

/** A node of the registry. */
export interface DiscoverySettings extends Omit<SettingsOf<"discovery">, "listen"> {
  /** Where its HTTP API listens. */
  readonly listen: SocketAddress;
  /** Path of the snapshot; undefined: none. */
  readonly snapshotPath: string | undefined;
  /** Regions, for clients that look for a gateway. */
  readonly lookup: LookupRules | undefined;
  /**
   * Writers and other nodes have to show a token that is made of one of these; none: nothing. The first one is shown to
   * others.
   */
  readonly clusterKeys: readonly Uint8Array[];
  /** As in MemberSettings. */
  readonly readClusterKeys?: (() => readonly Uint8Array[]) | undefined;
  /** As in MemberSettings. */
  readonly nodeTls?: NodeTls | undefined;
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
}

/** A gateway as a process of its own. */
export interface GatewaySettings extends MemberSettingsOf<"gateway">, TokenSettings, TlsSettings {
  readonly selection: Selection;
}

export interface ChatSettings extends LogicSettings, MemberSettingsOf<"chat">, MediaSettings {
  /** `sqlite:PATH` or `postgres://…`. */
  readonly store: string;
  /** As in StandaloneSettings. */
  readonly leave?: (() => void) | undefined;
  /** To issue tokens with, by the API; undefined: it issues none. */
  readonly tokenKeys?: TokenKeySource | undefined;
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
    readonly api?: string | undefined;
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
