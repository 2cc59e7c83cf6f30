// What every transport is to the layers above it: connections that carry whole binary frames, in order, at most once.
// TCP, WebSocket and memory implement these interfaces, and nothing above knows which one it holds.
//
// Ownership of bytes. Incoming: a payload handed to `FrameHandler.frame` is a range of the bytes that were read, which
// live until that call returns; an owner that keeps them copies them. A range, because a view would be an object for each frame.
// Outgoing: `send` copies; `reserve` gives room in the connection's own outbound buffer, to be filled before the calling
// function returns to the event loop. All frames of one turn leave in one write.

import type { CloseReason } from "../wire/close-reason.ts";
import type { TurnShare } from "../base/turn-share.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Admission } from "./admission.ts";
import type { ConnectionGroup, Member } from "./connection-group.ts";
import type { LingerWatch } from "./linger-watch.ts";
import type { Flusher } from "./flusher.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";
import type { UnseenBounds } from "./unseen-watch.ts";

/** One end of a connection, as its owner sees it. */
export interface Connection {
  /** The peer's IP address, or that which a trusted proxy names; of the memory network its name for it. */
  readonly remoteAddress: string;
  /** False from the moment that it closes, by either side; then every send is refused. */
  readonly isOpen: boolean;
  /** Bytes accepted by `send` and `reserve` that the transport has not yet taken. */
  readonly unsentBytes: number;
  /**
   * The longest frame that is taken from here on, in bytes. It begins with strangerFrameBytesMax; who has found out who the
   * peer is raises it. A frame whose head has come is judged by what was in force then.
   */
  frameBytesMax: number;
  /** Where `reserve` made room. Read it after `reserve`, not before: the buffer may move. */
  readonly outbound: Buffer;

  /**
   * Makes room for one binary frame of exactly `payloadBytes` (> 0) and queues it for this turn's flush.
   * @returns the offset in `outbound` at which the payload must be written at once; -1 when the connection is closed
   * or the bound on unsent bytes is reached (a connection with `closeWhenSlow` is then closed with 1013).
   */
  reserve(payloadBytes: number): number;

  /**
   * Removes the frame that was reserved last and could not be filled because of a bug: it still holds bytes of the pooled
   * buffer's previous owner. Must be called in the turn of `reserve`, before the next `reserve`.
   */
  unreserve(): void;

  /** Copies one binary frame into the outbound buffer. False as `reserve` returns -1. */
  send(payload: Uint8Array): boolean;

  /** The peer has shown who it is: it does not count as a stranger any more (admission.ts). Twice does nothing. */
  identified(): void;

  /** Makes `handler` the receiver of all that follows: the next frame, and the end. Does nothing once it has ended. */
  handOver(handler: FrameHandler): void;

  /**
   * Sends what is queued, then a close frame with the reason, and ends the connection: at the latest after
   * writeWaitMs. `FrameHandler.closed` is called once, in a later turn. Closing twice does nothing.
   */
  close(reason: CloseReason): void;

  /**
   * Ends the connection at once because code that serves it has thrown, and reports the bug to the observer. Queued bytes
   * are discarded, because they may be half written. Transports call this for everything that they invoke themselves;
   * owners call it for timers and promises that belong to one connection.
   */
  fail(bug: unknown): void;
}

/** The owner of one connection's incoming side: one object a connection, so that nothing is looked up per frame. */
export interface FrameHandler {
  /**
   * One binary payload, bytes[start, end), never empty. The bytes live until this returns. Throwing is a bug: it ends this
   * connection as `Connection.fail` does, and no other.
   */
  frame(bytes: Buffer, start: number, end: number): void;
  /**
   * Once, after the last `frame`, however the connection ended. `reason` is what either side said or what went wrong.
   * Throwing is a bug and is reported to the observer; the connection is gone by then.
   */
  closed(reason: CloseReason): void;
}

/** Decides about each new connection. */
export interface Acceptor {
  /**
   * A handler takes the connection; a reason refuses it with that close frame, or without one if many are refused (see
   * refusalsToldPerSecond). Called before any byte is read. Throwing is a bug and ends this connection, whose handler is
   * then never called.
   */
  accept(connection: Connection): FrameHandler | CloseReason;
}

/** A bound that a transport enforces by itself, and tells its owner of. */
export type TransportBound = "frames" | "frameBytes" | "strangerFrameBytes" | "unsentBytes" | "silence";

/** A listening transport. */
export interface Server {
  /** `host:port` as bound (port 0 resolved), or the memory address. */
  readonly address: string;
  /** The open connections. */
  readonly connections: Iterable<Member>;
  /** Stops accepting; open connections live on. */
  stopAccepting(): void;
  /** Stops accepting, closes every connection with `reason`, resolves when all are gone. */
  close(reason: CloseReason): Promise<void>;
}

/** What a transport counts; one object a server, given by its owner. */
export interface TransportObserver {
  bytesIn(bytes: number): void;
  bytesOut(bytes: number): void;
  /** A peer broke the protocol: `kind` is a short constant such as 'opcode', 'frame-too-large'. */
  protocolFault(kind: string): void;
  /** The peer reset the connection before it was accepted; no acceptor was asked. */
  peerGone(): void;
  /** Code that serves one connection has thrown; that connection has been ended. */
  bug(bug: unknown): void;
}

/** What every transport needs. */
export interface TransportOptions {
  readonly frameBytesMax: number;
  /** The longest frame from a peer that has not shown who it is. Default: frameBytesMax. */
  readonly strangerFrameBytesMax?: number;
  /**
   * Frames of any kind and reads of a few bytes that a connection may send, frames that ask for nothing two hundredfold: a token
   * bucket; beyond it the connection is closed with 4008. framesPerSecond alone left out: they are counted until the peer has shown who it
   * is. Both left out: they are not.
   */
  readonly framesPerSecond?: number;
  readonly framesAtOnce?: number;
  /** Counts the accepted connections, with those of other listeners. */
  readonly admission?: Admission;
  /** What a turn of the event loop does for peers that have not shown who they are. Default: all that there is to do. */
  readonly strangerShare?: TurnShare;
  /**
   * What the kernel keeps of a connection that a listener accepted, before it is read: about what a peer can have us work off
   * in one turn of the event loop. Default: what the system says, megabytes.
   */
  readonly receiveBufferBytes?: number;
  /** How sockets are bounded that a WebSocket listener has accepted and that send no request. Default: not. */
  readonly unseen?: UnseenBounds;
  /** From accepting a connection to the end of its proxy's header. Default: 10 s. */
  readonly headWaitMs?: number;
  /** A bound has refused something of the peer at this address. */
  readonly met?: (bound: TransportBound, remoteAddress: string) => void;
  /** One frame up to this is taken whenever nothing else waits, whatever unsentBytesMax is. Default: frameBytesMax. */
  readonly sentFrameBytesMax?: number;
  readonly unsentBytesMax: number;
  /** True: reaching unsentBytesMax closes the connection (clients). False: `reserve` refuses, the link lives. */
  readonly closeWhenSlow: boolean;
  readonly readWaitMs: number;
  readonly writeWaitMs: number;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly observer: TransportObserver;
  /** Whose word about a client's address counts. Default: nobody's, and a listener does not look for any. */
  readonly proxies?: TrustedProxies;
}

/** What a listener gives its connections; a dialled one is of no listener. */
export interface ConnectionOptions extends TransportOptions {
  /** Where they are members. */
  readonly group?: ConnectionGroup;
  /** Told of those that the platform was asked to close. */
  readonly lingers?: LingerWatch;
}
