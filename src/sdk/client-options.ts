// What a client is given, and what it tells.

import type { CloseReason } from "../wire/close-reason.ts";
import type { Environment } from "./environment.ts";
import type { Handlers } from "./emitter.ts";
import type { Message } from "./message.ts";

export interface ClientEvents {
  /**
   * Each received message once; messages that own other devices sent, too. A handler may return a promise: the message is
   * acknowledged after it has resolved. If it rejects, neither this message nor a later one is acknowledged by this client.
   */
  message: Message;
  /** Signed in, for the first time or again. */
  online: { readonly account: string; readonly channelId: string };
  /** The connection ended. `returnsInMs` undefined: for good. */
  offline: { readonly reason: CloseReason; readonly returnsInMs: number | undefined };
  /** A newer sign-in of the same account and device took this one's place, or an operator has ended it. */
  kicked: { readonly channelId: string };
  groupCreated: { readonly group: string; readonly members: readonly string[] };
  groupJoined: { readonly group: string; readonly account: string };
  groupQuit: { readonly group: string; readonly account: string };
  /** Everything that the index held was delivered; `delivered` messages of it were new. */
  synced: { readonly delivered: number };
  /** The index could not be read; it is tried again. */
  syncFailed: { readonly error: unknown };
}

export interface ClientOptions {
  /** `ws://host:port`, `wss://…`; on Bun also `tcp://host:port`. Of several, the first one that lets this client in. */
  readonly url?: string | readonly string[];
  /**
   * Nodes of the registry, `http://host:port` or `https://…`: they are asked for a gateway (`/api/lookup/`) before the first
   * connection and whenever one was lost. `url` is tried after what they name, or where they name nothing.
   */
  readonly lookup?: string | readonly string[];
  /**
   * A token, or where to get a fresh one: asked before every sign-in, and before the token
   * expires, so that the connection stays. One that throws, rejects or has not answered within 30 s is asked again later.
   */
  readonly token: string | (() => Promise<string>);
  /** Tells this device from the account's others; at most 64 printable ASCII characters. Default ''. */
  readonly device?: string;
  /** How long an answer may take. Default 10,000 ms. */
  readonly requestTimeoutMs?: number;
  /** Whether to come back after a connection is lost. Default true. */
  readonly reconnect?: boolean;
  /** Whether `connect` goes on trying where no server can be reached yet. Default false: it rejects. */
  readonly retry?: boolean;
  /** Ends the client when it aborts, and a `connect` that goes on trying. */
  readonly signal?: AbortSignal;
  /** Between two signs of life, in ms: 1,000 to 50,000. Default 25,000; proxies cut connections that are silent for longer. */
  readonly heartbeatMs?: number;
  /** How often one talk is tried in all. Default 5. */
  readonly talkTriesMax?: number;
  /** Whether messages are acknowledged once the `message` handlers have done with them. False: call `acknowledge`. Default true. */
  readonly acknowledge?: boolean;
  /** Handlers that must not miss the first event; `client.on` takes more. */
  readonly on?: Handlers<ClientEvents>;
  /** Replaces parts of the platform, for tests. */
  readonly environment?: Partial<Environment>;
}
