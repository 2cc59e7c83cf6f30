// One packet per binary WebSocket message (RFC 6455): the clients' way in from browsers.
//
// The platform's own WebSocket server shows a connection only after its request, buffers messages unseen up to one bound for
// all, answers pings by itself into a queue of its own, and does not show fragments. So the frames are read here, over the
// same sockets as TCP: a connection counts from the moment that it is accepted, and every byte that waits is bounded.
//
// The `Origin` of a request is not checked: a connection is authenticated by the token in its first packet, never by a
// cookie, so a foreign page gains nothing by opening one.

import { Deadline } from "../base/timer-wheel.ts";
import { type CloseReason, CloseCode, closeLoginWait, closeProtocolFault } from "../wire/close-reason.ts";
import type { OpCode } from "../wire/opcode.ts";
import { faultTextMessage, type MessageSink, WebSocketReader } from "../wire/websocket-reader.ts";
import {
  parseWebSocketClose,
  webSocketCloseFrame,
  webSocketHeadBytes,
  writeWebSocketHead,
} from "../wire/websocket-writer.ts";
import type { SocketAddress } from "./address.ts";
import { headWaitMsDefault } from "./connection-core.ts";
import { ConnectionGroup } from "./connection-group.ts";
import type { TcpSocket } from "./socket-owner.ts";
import { listenStreams, StreamConnection } from "./stream-connection.ts";
import type { Acceptor, Server, TransportOptions } from "./transport.ts";
import { headBytesMax, headEndOf, headTooLong, parseUpgrade, type Refusal, upgradeAnswer } from "./upgrade-request.ts";

/** The first size of a copy of a request's head, in bytes. */
const headCopyBytesMin = 512;

const closeNotUpgraded = closeProtocolFault("not a WebSocket request");
const faultClose = closeProtocolFault("malformed close frame");

/** What a connection needs until its request has been read: the bytes so far, and a deadline that no trickle moves. */
class Opening extends Deadline {
  readonly acceptor: Acceptor;
  private readonly connection: WebSocketConnection;
  private buffer = Buffer.alloc(0);
  private bytes = 0;

  constructor(connection: WebSocketConnection, acceptor: Acceptor) {
    super();
    this.connection = connection;
    this.acceptor = acceptor;
  }

  expire(): void {
    this.connection.tooLate();
  }

  /** Appends a read. Returns all bytes so far, and how many of them had come before. */
  take(chunk: Buffer): { readonly bytes: Buffer; readonly formerBytes: number } {
    const formerBytes = this.bytes;
    // Most requests come in one read.
    if (formerBytes === 0) return { bytes: chunk, formerBytes };
    this.keep(chunk);
    return { bytes: this.buffer.subarray(0, this.bytes), formerBytes };
  }

  /** Copies a read of which `take` has told that nothing came before it, and which is not all of the request. */
  keep(chunk: Buffer): void {
    const needed = this.bytes + chunk.length;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2, headCopyBytesMin));
      this.buffer.copy(grown, 0, 0, this.bytes);
      this.buffer = grown;
    }
    chunk.copy(this.buffer, this.bytes);
    this.bytes = needed;
  }
}

class WebSocketConnection extends StreamConnection implements MessageSink {
  protected override readonly reader: WebSocketReader;
  /** Until the request has been read. */
  private opening: Opening | undefined;

  constructor(socket: TcpSocket, remoteAddress: string, options: TransportOptions, group: ConnectionGroup) {
    super(socket, remoteAddress, options, group);
    this.reader = new WebSocketReader(this, options.strangerFrameBytesMax ?? options.frameBytesMax);
  }

  accept(acceptor: Acceptor): void {
    if (!this.enter()) return;
    this.opening = new Opening(this, acceptor);
    const { wheel, headWaitMs = headWaitMsDefault } = this.options;
    wheel.arm(this.opening, headWaitMs);
  }

  /** The request did not come in time. */
  tooLate(): void {
    try {
      this.abort(closeLoginWait);
    } catch (bug) {
      this.fail(bug);
    }
  }

  protected override read(chunk: Buffer): void {
    if (this.opening === undefined) super.read(chunk);
    else this.readRequest(chunk, this.opening);
  }

  private readRequest(chunk: Buffer, opening: Opening): void {
    const { bytes, formerBytes } = opening.take(chunk);
    const end = headEndOf(bytes.subarray(0, headBytesMax), formerBytes);
    if (end === -1) {
      if (bytes.length >= headBytesMax) this.refuseRequest(headTooLong);
      else if (formerBytes === 0) opening.keep(chunk);
      return;
    }
    const request = parseUpgrade(bytes.subarray(0, end));
    if ("answer" in request) {
      this.refuseRequest(request);
      return;
    }
    const { acceptor } = opening;
    this.endOpening();
    const forwardedFor = request.headers.get("x-forwarded-for")?.join(",") ?? null;
    this.speaksFor(this.options.proxies?.clientOf(this.remoteAddress, forwardedFor) ?? this.remoteAddress);
    this.append(upgradeAnswer(request));
    this.ask(acceptor);
    // Its first frames may have come with the request.
    if (end < bytes.length && this.isOpen) super.read(bytes.subarray(end));
  }

  /** Answers a request that begins no WebSocket; then the connection ends. */
  private refuseRequest({ answer }: Refusal): void {
    this.append(answer);
    this.close(closeNotUpgraded);
  }

  private endOpening(): void {
    if (this.opening === undefined) return;
    this.options.wheel.disarm(this.opening);
    this.opening = undefined;
  }

  /** A peer that has not been upgraded reads no close frame. */
  protected override mayTellWhy(): boolean {
    return this.opening === undefined && super.mayTellWhy();
  }

  protected override settle(reason?: CloseReason): void {
    this.endOpening();
    super.settle(reason);
  }

  fragmentReceived(): void {
    this.takeFrame();
  }

  override closeReceived(payload: Buffer): void {
    if (!this.takeFrame()) return;
    const reason = parseWebSocketClose(payload);
    if (reason === undefined) {
      this.fault(this.kindOf(faultClose), faultClose);
      return;
    }
    // The peer waits for a close frame of ours, with its own code, and then for our end of the connection.
    if (this.isOpen) this.append(webSocketCloseFrame({ code: reason.code, text: "" }));
    this.peerClosed(reason);
  }

  protected override kindOf(fault: CloseReason): string {
    return fault === faultTextMessage ? "text-message" : "websocket";
  }

  protected override closeFrame(reason: CloseReason): Buffer | undefined {
    return this.opening === undefined && reason.code !== CloseCode.Abnormal ? webSocketCloseFrame(reason) : undefined;
  }

  protected override headBytes(payloadBytes: number): number {
    return webSocketHeadBytes(payloadBytes);
  }

  protected override writeHead(at: number, opcode: OpCode, payloadBytes: number): void {
    writeWebSocketHead(this.queue.bytes, at, opcode, payloadBytes);
  }
}

/**
 * Listens for WebSocket clients on any path; a plain HTTP request is told so (426).
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws when the address can't be bound.
 */
export function listenWebSocket(
  address: SocketAddress,
  acceptor: Acceptor,
  options: TransportOptions,
  reusePort = false,
): Server {
  const group = new ConnectionGroup();
  const opened = (socket: TcpSocket, remoteAddress: string): void => {
    const connection = new WebSocketConnection(socket, remoteAddress, options, group);
    socket.data = connection;
    connection.accept(acceptor);
  };
  return listenStreams(address, options, group, opened, reusePort);
}
