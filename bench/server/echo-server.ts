// The bare echo server, a process of its own: `bun echo-server.ts` prints its two ports as JSON. It sends every frame
// back as it came, over TCP and WebSocket, all that came in one read in one write, and does nothing else: no sign-in,
// no logic. What a generator gets out of it is the most that this machine and this generator have to give.

import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";

const frameBytesMax = 1024 * 1024;

/** One connection: answers are collected, and leave when the read is done. */
class Echo implements FrameSink {
  readonly reader = new FrameReader(this, frameBytesMax);
  private readonly socket: Bun.Socket<Echo | undefined>;
  private answers = Buffer.allocUnsafeSlow(4 * 1024);
  private start = 0;
  private end = 0;

  constructor(socket: Bun.Socket<Echo | undefined>) {
    this.socket = socket;
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    const payloadBytes = end - start;
    const frameBytes = frameHeaderBytes + payloadBytes;
    if (this.end + frameBytes > this.answers.length) this.makeRoom(frameBytes);
    writeFrameHeader(this.answers, this.end, OpCode.Binary, payloadBytes);
    bytes.copy(this.answers, this.end + frameHeaderBytes, start, end);
    this.end += frameBytes;
  }
  pingReceived(): void {}
  pongReceived(): void {}
  closeReceived(): void {
    this.socket.end();
  }

  flush(): void {
    if (this.end === this.start) return;
    const taken = this.socket.write(this.answers, this.start, this.end - this.start);
    if (taken > 0) this.start += taken;
    if (this.start === this.end) this.start = this.end = 0;
  }

  private makeRoom(bytes: number): void {
    const pending = this.end - this.start;
    const needed = pending + bytes;
    const target =
      needed > this.answers.length / 2 ? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(2 * needed))) : this.answers;
    this.answers.copy(target, 0, this.start, this.end);
    this.answers = target;
    this.start = 0;
    this.end = pending;
  }
}

const tcp = Bun.listen<Echo | undefined>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = new Echo(socket);
    },
    data(socket, chunk) {
      socket.data?.reader.push(chunk);
      socket.data?.flush();
    },
    drain: (socket) => socket.data?.flush(),
  },
});
const ws = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) =>
    server.upgrade(request, { data: undefined }) ? undefined : new Response("a WebSocket only", { status: 426 }),
  websocket: {
    perMessageDeflate: false,
    sendPings: false,
    maxPayloadLength: frameBytesMax,
    // Bun corks what is sent in here.
    message(socket, message) {
      socket.send(message);
    },
  },
});
console.log(JSON.stringify({ tcp: tcp.port, ws: ws.port }));
