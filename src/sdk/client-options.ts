// The options and events of a client.

import type { CloseReason } from "../wire/close-reason.ts";
import type { Environment } from "./environment.ts";
import type { Handlers } from "./emitter.ts";
import type { Message } from "./message.ts";

export interface ClientEvents {
  /**
   * Each received message once, including messages sent by the account's other devices. If a handler returns a promise,
   * the message is acknowledged after it resolves. If it rejects, this client acknowledges neither this message nor
   * later ones.
   */
  message: Message;
  /** Signed in, for the first time or again. */
  online: { readonly account: string; readonly channelId: string };
  /** The connection ended. It is not restored if `returnsInMs` is undefined. */
  offline: { readonly reason: CloseReason; readonly returnsInMs: number | undefined };
  /** A newer sign-in of the same account and device replaced this one, or an operator ended it. */
  kicked: { readonly channelId: string };
  groupCreated: { readonly group: string; readonly members: readonly string[] };
  groupJoined: { readonly group: string; readonly account: string };
  groupQuit: { readonly group: string; readonly account: string };
  /** Everything in the index has been delivered; `delivered` of its messages were new. */
  synced: { readonly delivered: number };
  syncFailed: { readonly error: unknown };
}

export interface ClientOptions {
  /** `ws://host:port` or `wss://…`; on Bun also `tcp://host:port` or `tls://…`. Several URLs are tried in order. */
  readonly url?: string | readonly string[];
  /**
   * Registry nodes, `http://host:port` or `https://…`. They are asked for a gateway (`/api/lookup/`) before the first
   * connection and after each lost one. The client tries `url` after the gateways that they name.
   */
  readonly lookup?: string | readonly string[];
  /**
   * Certificates (PEM) that verify those of `wss://` and `tls://` servers and of `https://` registries, instead of the
   * platform's: for a private CA.
   * On Bun only; Node reads them by NODE_EXTRA_CA_CERTS.
   */
  readonly ca?: string;
  /**
   * A token, or a function that returns a fresh one. The function is called before each sign-in and before the token
   * expires. If it throws, rejects or does not answer within 30 s, it is called again later.
   */
  readonly token: string | (() => Promise<string>);
  /**
   * Distinguishes the account's devices; at most 64 printable ASCII characters. Default ''. The server is dialled while
   * a promise of it is pending; if that rejects, so does `connect`.
   */
  readonly device?: string | Promise<string>;
  /** The time limit of a request. Default 10,000 ms. */
  readonly requestTimeoutMs?: number;
  /** Whether to reconnect after a lost connection. Default true. */
  readonly reconnect?: boolean;
  /** Whether `connect` retries while no server can be reached. Default false: it rejects. */
  readonly retry?: boolean;
  /** Ends the client when it aborts, including a `connect` in progress. */
  readonly signal?: AbortSignal;
  /** The interval of heartbeats, 1,000 to 50,000 ms. Default 25,000: proxies cut connections after longer silences. */
  readonly heartbeatMs?: number;
  /**
   * How often a message is sent in all before `talkToUser` or `talkToGroup` rejects. Default 24, with pauses of at most
   * 4 s: 42 s on average where a server refuses at once, longer than another database takes to become the primary. A
   * try without a connection, or without an answer, takes up to `requestTimeoutMs` besides: 5 minutes in all. Of a
   * Messenger the default is 5: its outbox goes on.
   */
  readonly talkTriesMax?: number;
  /** Whether to acknowledge messages after the `message` handlers. If false, call `acknowledge`. Default true. */
  readonly acknowledge?: boolean;
  /** Handlers that must not miss the first event; `client.on` adds more. */
  readonly on?: Handlers<ClientEvents>;
  /** Replaces parts of the platform, for tests. */
  readonly environment?: Partial<Environment>;
}
