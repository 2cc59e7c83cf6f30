// An accepted socket that is no connection yet, because something has to come first: the header of a proxy, a TLS
// handshake. It counts as unidentified, and has headWaitMs. The connection that succeeds it takes its place in the
// admission, so that none is evicted for it.

import { Deadline } from "../base/timer-wheel.ts";
import type { CloseReason } from "../wire/close-reason.ts";
import type { Admitted } from "./admission.ts";
import type { ConnectionGroup, Member } from "./connection-group.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Acceptor, TransportOptions } from "./transport.ts";

/** How long the wait may last, in milliseconds. */
const headWaitMsDefault = 10_000;

/** The part of a listener that admits connections. */
export interface Admitting {
  readonly options: TransportOptions;
  readonly group: ConnectionGroup;
  /** Creates the connection, or what it has to wait for next. It owns the socket from then on. */
  admit(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor): SocketOwner;
}

/** Owns a socket from `begin` until a successor does, or the socket ends. */
export abstract class PendingConnection extends Deadline implements SocketOwner, Member, Admitted {
  readonly remoteAddress: string;
  /** Nothing is written before there is a connection. */
  readonly unsentBytes = 0;
  protected readonly socket: TcpSocket;
  protected isOver = false;
  private readonly admitting: Admitting;
  /** The admission counts it. */
  private isCounted = false;

  constructor(socket: TcpSocket, remoteAddress: string, admitting: Admitting) {
    super();
    this.remoteAddress = remoteAddress;
    this.socket = socket;
    this.admitting = admitting;
  }

  /** Becomes the socket's owner; ends the socket if the admission refuses it. */
  begin(): void {
    const { group, options } = this.admitting;
    this.socket.data = this;
    if (options.admission?.enter(this) === false) {
      this.isOver = true;
      this.socket.terminate();
      return;
    }
    this.isCounted = true;
    group.add(this);
    options.wheel.arm(this, options.headWaitMs ?? headWaitMsDefault);
  }

  abstract receive(chunk: Buffer): void;
  abstract ended(): void;
  abstract gone(): void;
  abstract close(reason: CloseReason): void;
  /** The time is up. */
  protected abstract late(): void;

  receivedCiphertext(): void {}

  flush(): void {}

  fail(bug: unknown): void {
    this.shed();
    this.admitting.options.observer.bug(bug);
  }

  override expire(): void {
    try {
      this.late();
    } catch (bug) {
      this.fail(bug);
    }
  }

  evict(): void {
    this.shed();
  }

  /** Ends the socket without a close frame. */
  shed(): void {
    if (this.isOver) return;
    this.over();
    this.terminate();
  }

  protected terminate(): void {
    this.socket.terminate();
  }

  /** Hands the socket over, and returns its new owner. */
  protected succeed(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor): SocketOwner {
    this.uncount();
    const owner = this.admitting.admit(socket, remoteAddress, acceptor);
    this.over();
    return owner;
  }

  protected over(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { group, options } = this.admitting;
    this.uncount();
    options.wheel.disarm(this);
    // A successor is in the group already.
    group.remove(this);
  }

  private uncount(): void {
    if (!this.isCounted) return;
    this.isCounted = false;
    this.admitting.options.admission?.leave(this);
  }
}
