// A transport over TCP or TLS, on Bun only: packets in frames of opcode, length and payload. Unsent bytes are buffered,
// bounded. Over TLS, the connection is open when the server's certificate is verified, for the URL's host.

import { linkFrameBytesMax } from "../base/limits/fixed.ts";
import { type CloseReason, closeAbnormal, CloseCode, closeSlowConsumer } from "../wire/close-reason.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { closeFrame, frameHeaderBytes, parseCloseText, pongFrame, writeFrameHeader } from "../wire/frame-writer.ts";
import { OpCode } from "../wire/opcode.ts";
import { troubleOf } from "./tls-trouble.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** A server that leaves this much unread is considered gone. */
const unsentBytesMax = 16 * 1024 * 1024;

export class TcpTransport implements Transport {
  // A response with 200 contents exceeds the frame size of clients, so the bound is that of links.
  private readonly reader = new FrameReader(this.frames(), linkFrameBytesMax);
  private sink: TransportSink | undefined;
  private socket: Bun.Socket | undefined;
  private unsent: Buffer[] = [];
  private unsentBytes = 0;

  /**
   * `url`: `tcp://host:port` or `tls://host:port`. `ca`: certificates in PEM that verify the server's, instead of the
   * system's.
   * @throws TypeError when the URL has no port
   */
  constructor(url: string, sink: TransportSink, ca?: string) {
    const { protocol, hostname, port } = new URL(url);
    if (hostname === "" || port === "") throw new TypeError(`a TCP URL is ${protocol}//host:port: ${url}`);
    this.sink = sink;
    const isSecure = protocol === "tls:";
    Bun.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
      ...(isSecure ? { tls: ca === undefined ? true : { ca } } : {}),
      socket: {
        data: (socket, chunk) => {
          try {
            const fault = this.reader.push(chunk);
            if (fault !== undefined) this.fail(fault);
          } catch (bug) {
            // Thrown here, Bun would pass it to `error`, which cannot tell it from a lost connection.
            this.broken(socket);
            queueMicrotask(() => {
              throw bug;
            });
          }
        },
        handshake: (socket, isDone, error) => {
          if (isDone && socket.authorized) this.opened(socket);
          else this.refused(socket, `${hostname}:${port}`, error);
        },
        drain: () => this.flush(),
        close: () => this.end(closeAbnormal),
        error: (socket) => this.broken(socket),
      },
    }).then(
      (socket) => {
        if (this.sink === undefined) socket.end();
        else if (!isSecure) this.opened(socket);
      },
      () => this.end({ code: closeAbnormal.code, text: `nothing listens at ${hostname}:${port}` }),
    );
  }

  send(packet: Uint8Array): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + packet.length);
    writeFrameHeader(frame, 0, OpCode.Binary, packet.length);
    frame.set(packet, frameHeaderBytes);
    this.write(frame);
  }

  close(reason: CloseReason): void {
    if (this.sink === undefined) return;
    this.sink = undefined;
    this.reader.stop();
    if (reason.code === CloseCode.Abnormal) {
      // The peer does not read any more, and the system would keep retransmitting.
      this.socket?.terminate();
      return;
    }
    this.write(closeFrame(reason));
    this.socket?.end();
  }

  private opened(socket: Bun.Socket): void {
    this.socket = socket;
    this.sink?.open();
  }

  /** The handshake failed, or the certificate is not one of this host that can be verified. */
  private refused(socket: Bun.Socket, place: string, error: Error | null): void {
    const reason = error === null ? "its certificate does not verify" : troubleOf(error.message);
    // Before `close`, which knows no reason, and which terminate calls.
    this.end({ code: closeAbnormal.code, text: `no TLS connection to ${place}: ${reason}` });
    socket.terminate();
  }

  private frames(): FrameSink {
    return {
      // The reader reuses its bytes after this call, and the sink may keep a packet.
      binaryReceived: (bytes, start, end) => this.sink?.packet(new Uint8Array(bytes.subarray(start, end))),
      pingReceived: () => this.write(pongFrame),
      pongReceived: () => undefined,
      closeReceived: (payload) => {
        this.end(parseCloseText(payload));
        this.socket?.end();
      },
    };
  }

  private write(bytes: Buffer): void {
    this.unsent.push(bytes);
    this.unsentBytes += bytes.length;
    this.flush();
    if (this.unsentBytes > unsentBytesMax) this.fail(closeSlowConsumer);
  }

  private flush(): void {
    if (this.socket === undefined) return;
    for (let first = this.unsent[0]; first !== undefined; first = this.unsent[0]) {
      const taken = Math.max(0, this.socket.write(first));
      this.unsentBytes -= taken;
      if (taken < first.length) {
        this.unsent[0] = first.subarray(taken);
        return;
      }
      this.unsent.shift();
    }
  }

  private broken(socket: Bun.Socket): void {
    this.reader.stop();
    socket.terminate();
    this.end(closeAbnormal);
  }

  private fail(reason: CloseReason): void {
    const { sink } = this;
    this.close(reason);
    sink?.closed(reason);
  }

  private end(reason: CloseReason): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.closed(reason);
  }
}
