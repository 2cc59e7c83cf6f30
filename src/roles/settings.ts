// What a role is given by whoever starts it (the command line, a test): values that are checked already.

import type { Log } from "../base/log.ts";

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

/** A started role. */
export interface RunningRole {
  /** `host:port` as bound; undefined where a listener is off. */
  readonly addresses: {
    readonly ws: string | undefined;
    readonly tcp: string | undefined;
    readonly monitor: string | undefined;
  };
  /**
   * Stops accepting, answers what was read, closes connections with 1012 ("server is leaving"), closes the store.
   * Resolves within 10 s. Calling it twice returns the same promise.
   */
  drain(): Promise<void>;
}
