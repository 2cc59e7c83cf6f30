// One WebSocket connection of a client, over Bun's socket (websocket.ts).
//
// Memory. Bun passes each message as a new copy. Outgoing messages wait in the connection's queue and are passed to Bun
// in one cork a turn; Bun copies what the kernel does not take at once, so the queue's buffer is free again. While Bun
// holds bytes back, the rest stays in the queue, where it is counted and bounded.

import type { ServerWebSocket } from "bun";
import { type CloseReason, CloseCode, closeAbnormal, closeFrameTooLarge, closeNormal } from "../wire/close-reason.ts";
import { closeProtocolFault, closeSlowConsumer } from "../wire/close-reason.ts";
import { closeFrame, frameHeaderBytes } from "../wire/frame-writer.ts";
import { formatAddress } from "./address.ts";
import { ConnectionCore, idleFrameCount } from "./connection-core.ts";
import type { Acceptor, ConnectionOptions } from "./transport.ts";

type WebSocketEnd = ServerWebSocket<WebSocketConnection>;

/** Bun's code for an empty close frame of the peer (RFC 6455, section 7.1.5). */
const noStatus = 1005;
/** Bun's reason for a message above maxPayloadLength; the peer was sent 1009. */
const tooBigText = "Received too big message";

const faultText = closeProtocolFault("text messages are not used");

export class WebSocketConnection extends ConnectionCore {
  readonly peerPort: number;
  private socket: WebSocketEnd | undefined;
  /** Bytes that Bun held back at the last look, because the kernel did not take them; the flusher counts them. */
  private heldBytes = 0;

  constructor(peerPort: number, remoteAddress: string, options: ConnectionOptions) {
    super(remoteAddress, options);
    this.peerPort = peerPort;
  }

  /** The socket's `open`. */
  opened(socket: WebSocketEnd, acceptor: Acceptor): void {
    this.socket = socket;
    const { lingers } = this.options;
    if (lingers?.isWatching === true) lingers.opened(this.peer);
    if (this.enter()) this.ask(acceptor);
  }

  /** The socket's own peer, `host:port`: a proxy if `remoteAddress` is what a proxy reports. */
  get peer(): string {
    return formatAddress(this.socketAddress, this.peerPort);
  }

  protected get socketAddress(): string {
    return this.remoteAddress;
  }

  override get unsentBytes(): number {
    return this.queue.pendingBytes + (this.heldBytes > 0 ? this.heldBackBytes() : 0);
  }

  /** Messages arrive whole, so the owner's bound has nothing to limit here. */
  override get frameBytesMax(): number {
    const { unidentifiedFrameBytesMax, frameBytesMax } = this.options;
    return this.isUnidentified ? (unidentifiedFrameBytesMax ?? frameBytesMax) : frameBytesMax;
  }

  override set frameBytesMax(_bytes: number) {
    // Raised by `identified`.
  }

  /** The peer has sent more than its request and its first frames can contain: probably an unfinished message. */
  sentTooMuch(): void {
    try {
      this.counted("frame-too-large", closeFrameTooLarge);
      // Bun reads no close frame inside an unfinished message, and keeps that until the socket ends.
      this.abort(closeFrameTooLarge);
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** The socket's `message`. */
  received(message: string | Buffer): void {
    if (!this.isOpen) return;
    this.heard();
    if (typeof message === "string") {
      this.options.observer.bytesIn(Buffer.byteLength(message));
      this.fault("text-message", faultText);
      return;
    }
    const { length } = message;
    this.options.observer.bytesIn(length);
    if (!this.takeFrame(length === 0 ? idleFrameCount : 1) || length === 0) return;
    if (length > this.frameBytesMax) this.fault("frame-too-large", closeFrameTooLarge);
    else this.handler.frame(message, 0, length);
  }

  /** A ping, which Bun has answered. */
  pingReceived(payload: Buffer): void {
    if (!this.controlReceived(payload)) return;
    // The answers to a peer that reads nothing accumulate in Bun's queue: they count as unsent bytes.
    const unsentBytes = this.tellHeld();
    if (unsentBytes === 0) return;
    this.options.flusher.mark(this);
    if (this.mayWait(unsentBytes + this.queue.pendingBytes)) return;
    // A close frame would wait behind them.
    this.abort(closeSlowConsumer);
  }

  pongReceived(payload: Buffer): void {
    this.controlReceived(payload);
  }

  /** The socket's `drain`: the kernel took some of what Bun held back. */
  drained(): void {
    this.tellHeld();
    this.progressed();
    this.flush();
  }

  /** The socket's `close`, also inside our own call of `ServerWebSocket.close`. */
  gone(code: number, text: string): void {
    this.socket = undefined;
    this.tellHeld();
    if (code === CloseCode.Abnormal && text !== "" && this.reason === undefined) {
      if (text === tooBigText) {
        this.counted("frame-too-large", closeFrameTooLarge);
        this.settle(closeFrameTooLarge);
      } else {
        this.options.observer.protocolFault("websocket");
        this.settle(closeProtocolFault(text));
      }
      return;
    }
    if (code === CloseCode.Abnormal) this.settle(closeAbnormal);
    else this.settle(code === noStatus ? closeNormal : { code, text });
  }

  /** Inside the cork: gives every whole message of the queue to Bun, until it holds one back. */
  transmitCorked(socket: WebSocketEnd): void {
    for (let taken = 0; this.queue.pendingBytes > 0 && taken !== -1;) {
      const head = this.queue.start;
      const payloadBytes = this.queue.bytes.readUInt32BE(head + 1);
      const at = head + frameHeaderBytes;
      taken = socket.sendBinary(this.queue.bytes.subarray(at, at + payloadBytes));
      if (taken === 0) {
        // Dropped: the socket is closing, or Bun's own bound was reached, which is above ours.
        if (socket.readyState === WebSocket.OPEN) this.abort(closeSlowConsumer);
        return;
      }
      this.options.observer.bytesOut(payloadBytes);
      this.queue.consume(frameHeaderBytes + payloadBytes);
    }
  }

  protected override transmit(): void {
    const socket = this.socket;
    if (socket === undefined || (this.heldBytes > 0 && this.tellHeld() > 0)) return;
    let before: number;
    do {
      before = this.queue.pendingBytes;
      socket.cork(transmitCorked);
      if (this.queue.pendingBytes < before) this.progressed();
      // A message held back inside the cork may have left at its end: then no drain follows.
    } while (this.tellHeld() === 0 && this.queue.pendingBytes > 0 && this.queue.pendingBytes < before);
  }

  protected override closing(): void {
    // Bun sends the close frame, in `finish`.
  }

  protected override finish(reason: CloseReason): void {
    if (this.socket === undefined) return;
    // The same cut to 120 bytes as on TCP: `<code> ` is five bytes of the frame's payload.
    const text = closeFrame(reason).toString("utf8", frameHeaderBytes + 5);
    this.socket.close(reason.code, text);
    this.options.lingers?.closed(this.peer);
    this.settle();
  }

  protected override terminate(): void {
    this.socket?.terminate();
    this.settle();
  }

  /**
   * False if the connection is closing: a read may contain a thousand pings, and those after the close cost nothing.
   */
  private controlReceived(payload: Buffer): boolean {
    if (!this.isOpen) return false;
    this.heard();
    this.options.observer.bytesIn(payload.length);
    return this.takeFrame(idleFrameCount);
  }

  /** Reports the bytes that Bun holds back to the flusher, and returns them. */
  private tellHeld(): number {
    const bytes = this.heldBackBytes();
    this.options.flusher.heldBytes += bytes - this.heldBytes;
    this.heldBytes = bytes;
    return bytes;
  }

  private heldBackBytes(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }
}

/** A connection through a trusted proxy. */
export class ProxiedConnection extends WebSocketConnection {
  private readonly proxy: string;

  constructor(
    peer: { readonly address: string; readonly port: number },
    remoteAddress: string,
    options: ConnectionOptions,
  ) {
    super(peer.port, remoteAddress, options);
    this.proxy = peer.address;
  }

  protected override get socketAddress(): string {
    return this.proxy;
  }
}

/** One function for all corks: a closure for each flush would be garbage. */
function transmitCorked(socket: WebSocketEnd): void {
  socket.data.transmitCorked(socket);
}
