// The interface of a transport: connections that carry whole binary frames, in order, at most once. TCP, WebSocket and
// memory implement it; the layers above do not know which one they use.
//
// Ownership of bytes. Incoming: `FrameHandler.frame` gets a range of the bytes that were read, valid until the call
// returns; an owner that keeps them copies them. A view would be an object for each frame. Outgoing: `send` copies;
// `reserve` returns room in the connection's own outbound buffer, which the caller fills before it returns to the event
// loop. All frames of one turn leave in one write.

import type { CloseReason } from "../wire/close-reason.ts";
import type { TurnShare } from "../base/turn-share.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Admission } from "./admission.ts";
import type { ConnectionGroup, Member } from "./connection-group.ts";
import type { LingerWatch } from "./linger-watch.ts";
import type { Flusher } from "./flusher.ts";
import type { Origins } from "./origins.ts";
import type { TlsContext } from "./tls/tls-context.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";
import type { Pages } from "./page-requests.ts";
import type { UnseenBounds } from "./unseen-watch.ts";

/** One end of a connection, as its owner sees it. */
export interface Connection {
  /** The peer's IP address, or the one that a trusted proxy reports; on the memory network, the peer's name. */
  readonly remoteAddress: string;
  /** False as soon as either side closes the connection; every send is refused then. */
  readonly isOpen: boolean;
  /** Bytes accepted by `send` and `reserve` that the transport has not yet taken. */
  readonly unsentBytes: number;
  /**
   * The longest frame accepted, in bytes: unidentifiedFrameBytesMax at first; the owner raises it when it has
   * identified the peer. A frame whose header has arrived is judged by the value of that moment.
   */
  frameBytesMax: number;
  /** The buffer of `reserve`. Read it after `reserve`, not before: it may be replaced. */
  readonly outbound: Buffer;

  /**
   * Makes room for one binary frame of exactly `payloadBytes` (> 0) and queues it for this turn's flush.
   * @returns the offset in `outbound` at which the payload must be written at once; -1 if the connection is closed or
   * the bound on unsent bytes is reached (a connection with `closeWhenSlow` is then closed with 1013).
   */
  reserve(payloadBytes: number): number;

  /**
   * Removes the last reserved frame, which could not be filled because of a bug: it still contains bytes of the
   * buffer's previous owner. Must be called in the turn of `reserve`, before the next `reserve`.
   */
  unreserve(): void;

  /** Copies one binary frame into the outbound buffer. Returns false where `reserve` returns -1. */
  send(payload: Uint8Array): boolean;

  /** The peer has shown who it is and no longer counts as unidentified (admission.ts). Idempotent. */
  identified(): void;

  /** Makes `handler` the receiver of the next frame and of the end. Does nothing after the end. */
  handOver(handler: FrameHandler): void;

  /**
   * Sends what is queued, then a close frame with the reason, and ends the connection, after writeWaitMs at the latest.
   * `FrameHandler.closed` is called once, in a later turn. Idempotent.
   */
  close(reason: CloseReason): void;

  /**
   * Ends the connection at once because code that serves it has thrown, and reports the bug to the observer. Queued
   * bytes are discarded: they may be incomplete. Transports call this for everything that they invoke themselves;
   * owners call it for timers and promises that belong to one connection.
   */
  fail(bug: unknown): void;
}

/** The receiver of a connection's frames: one object for each connection, so that no frame needs a lookup. */
export interface FrameHandler {
  /**
   * Takes one binary payload, bytes[start, end), never empty; valid until this returns. Throwing is a bug: it ends this
   * connection as `Connection.fail` does, and no other.
   */
  frame(bytes: Buffer, start: number, end: number): void;
  /**
   * Called once, after the last `frame`, however the connection ended. `reason` is what either side sent or what went
   * wrong. Throwing is a bug, which is reported to the observer.
   */
  closed(reason: CloseReason): void;
}

/** Accepts or refuses new connections. */
export interface Acceptor {
  /**
   * Returns the handler of an accepted connection, or the reason of a refusal, which is sent as a close frame unless
   * many are refused (see refusalsToldPerSecond). Called before any byte is read. Throwing is a bug and ends this
   * connection; no handler is called.
   */
  accept(connection: Connection): FrameHandler | CloseReason;
}

/** A bound that a transport enforces and reports. */
export type TransportBound = "frames" | "frameBytes" | "unidentifiedFrameBytes" | "unsentBytes" | "silence";

/** A listening transport. */
export interface Server {
  /** `host:port` as bound (port 0 resolved), or the memory address. */
  readonly address: string;
  /** The open connections. */
  readonly connections: Iterable<Member>;
  /** Stops accepting; open connections stay. */
  stopAccepting(): void;
  /** Stops accepting and closes every connection with `reason`; resolves when all are gone. */
  close(reason: CloseReason): Promise<void>;
}

/** Counts for a transport; the owner of a server provides one. */
export interface TransportObserver {
  bytesIn(bytes: number): void;
  bytesOut(bytes: number): void;
  /** A peer broke the protocol; `kind` is a short constant such as 'opcode' or 'frame-too-large'. */
  protocolFault(kind: string): void;
  /** The peer reset the connection before it was accepted; no acceptor was asked. */
  peerGone(): void;
  /** Code that serves one connection has thrown; that connection has been ended. */
  bug(bug: unknown): void;
}

/** What every transport needs. */
export interface TransportOptions {
  readonly frameBytesMax: number;
  /** The longest frame of an unidentified peer. Default: frameBytesMax. */
  readonly unidentifiedFrameBytesMax?: number;
  /**
   * The token bucket of a connection's frames: frames of any kind and reads of a few bytes count once, frames that
   * carry no request two hundred times; beyond it the connection is closed with 4008. Without framesPerSecond the
   * frames of unidentified peers alone are counted; without both, none are.
   */
  readonly framesPerSecond?: number;
  readonly framesAtOnce?: number;
  /** Bounds the accepted connections, together with those of other listeners. */
  readonly admission?: Admission;
  /** Bounds the work for unidentified peers in one turn of the event loop. Default: no bound. */
  readonly unidentifiedShare?: TurnShare;
  /**
   * The kernel's receive buffer of an accepted connection: about the input that one peer can cause in one turn of the
   * event loop. Default: the system's, some megabytes.
   */
  readonly receiveBufferBytes?: number;
  /** Bounds the sockets of a WebSocket listener that have sent no request. Default: no bounds. */
  readonly unseen?: UnseenBounds;
  /**
   * From accepting a connection to the end of its proxy's header, and from there to the end of its TLS handshake, in
   * milliseconds. Default: 10 s.
   */
  readonly headWaitMs?: number;
  /** The peer at this address has met a bound. */
  readonly met?: (bound: TransportBound, remoteAddress: string) => void;
  /** One frame up to this size is queued if nothing else waits, even beyond unsentBytesMax. Default: frameBytesMax. */
  readonly sentFrameBytesMax?: number;
  readonly unsentBytesMax: number;
  /** True: reaching unsentBytesMax closes the connection (clients). False: `reserve` refuses the frame (links). */
  readonly closeWhenSlow: boolean;
  readonly readWaitMs: number;
  readonly writeWaitMs: number;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly observer: TransportObserver;
  /** Proxies whose report of a client's address counts. Default: none, and a listener reads no proxy headers. */
  readonly proxies?: TrustedProxies;
  /** A listener's certificate. Default: connections are in plain text. */
  readonly tls?: TlsContext | undefined;
  /** A TCP listener with a certificate takes connections in plain text, too. Default: it refuses them. */
  readonly acceptsPlain?: boolean;
  /** A peer has no certificate that can be verified, where one is demanded. `reason`: a sentence without an end. */
  readonly peerRefused?: (reason: string, remoteAddress: string) => void;
  /** Web pages that may connect. Default: all. */
  readonly origins?: Origins | undefined;
  /** `pages` have a page that connects to the listener. Default: false. */
  readonly hasOwnPage?: boolean;
  /** What a WebSocket listener answers that asks for no WebSocket. Default: nothing. */
  readonly pages?: Pages | undefined;
  /** A page of another origin was refused. `origin` is what the peer sent, shortened. */
  readonly originRefused?: (origin: string, remoteAddress: string) => void;
}

/** The options of a connection; a dialled one has no listener. */
export interface ConnectionOptions extends TransportOptions {
  /** The open connections of the listener. */
  readonly group?: ConnectionGroup;
  /** Watches connections that the platform was asked to close. */
  readonly lingers?: LingerWatch;
}
