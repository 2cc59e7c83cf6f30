// The wire protocol's TCP frames on a Bun socket.

import { type CloseReason, closeAbnormal, closeNormal } from "../wire/close-reason.ts";
import { linkFrameBytesMax } from "../base/limits.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { closeFrame, frameHeaderBytes, parseCloseText, pongFrame, writeFrameHeader } from "../wire/frame-writer.ts";
import { OpCode } from "../wire/opcode.ts";
import type { WireLink, WireLinkEvents } from "./wire-link.ts";

/** One socket: frames in, frames out, in order. */
class TcpLink implements WireLink {
  private readonly events: WireLinkEvents;
  private readonly reader: FrameReader;
  private socket: Bun.Socket | undefined;
  private unsent: Buffer[] = [];
  private reason: CloseReason = closeAbnormal;

  constructor(events: WireLinkEvents) {
    this.events = events;
    const sink: FrameSink = {
      // The view dies with the call; bodies that are decoded later must not.
      binary: (payload) => this.events.packet(Uint8Array.from(payload)),
      ping: () => this.write(pongFrame),
      pong() {},
      close: (payload) => {
        this.reason = parseCloseText(payload);
        this.socket?.end();
      },
    };
    this.reader = new FrameReader(sink, linkFrameBytesMax);
  }

  async open(host: string, port: number): Promise<void> {
    this.socket = await Bun.connect({
      hostname: host,
      port,
      socket: {
        data: (socket, chunk) => {
          const fault = this.reader.push(chunk);
          if (fault === undefined) return;
          this.reason = fault;
          socket.end();
        },
        drain: () => this.flush(),
        close: () => this.events.closed(this.reason),
      },
    });
  }

  send(packet: Uint8Array): void {
    const frame = Buffer.allocUnsafe(frameHeaderBytes + packet.length);
    writeFrameHeader(frame, 0, OpCode.Binary, packet.length);
    frame.set(packet, frameHeaderBytes);
    this.write(frame);
  }

  close(): void {
    this.reason = closeNormal;
    this.write(closeFrame(closeNormal));
    this.socket?.end();
  }

  private write(frame: Buffer): void {
    this.unsent.push(frame);
    if (this.unsent.length === 1) this.flush();
  }

  private flush(): void {
    for (let frame = this.unsent[0]; frame !== undefined; frame = this.unsent[0]) {
      const taken = this.socket?.write(frame) ?? -1;
      if (taken < frame.length) {
        if (taken > 0) this.unsent[0] = frame.subarray(taken);
        return;
      }
      this.unsent.shift();
    }
  }
}

/** Opens `tcp://host:port`. */
export async function openTcpLink(url: string, events: WireLinkEvents, timeoutMs: number): Promise<WireLink> {
  const { hostname, port } = new URL(url);
  const link = new TcpLink(events);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer from ${url} within ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([link.open(hostname.replace(/^\[|\]$/g, ""), Number(port)), late]);
  } finally {
    clearTimeout(timer);
  }
  return link;
}
