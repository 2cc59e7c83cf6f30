// What waits to leave: room for frames, the pool's buffers, and the one flush at a turn's end.

import type { BufferPool } from "../../src/transport/buffer-pool.ts";
import { type Flushable, Flusher } from "../../src/transport/flusher.ts";
import { OutboundBuffer } from "../../src/transport/outbound-buffer.ts";
import type { Topic } from "./case.ts";
import { talkPacket } from "./sample.ts";

const connections = 100;

/** A connection to a socket that takes everything. */
class Taken implements Flushable {
  isDirty = false;
  private readonly queue: OutboundBuffer;

  constructor(pool: BufferPool) {
    this.queue = new OutboundBuffer(pool);
  }

  add(payload: Buffer): void {
    const at = this.queue.reserve(payload.length);
    payload.copy(this.queue.bytes, at);
  }

  flush(): void {
    this.queue.consume(this.queue.pendingBytes);
  }
}

export function outboundTopic(): Topic {
  const flusher = new Flusher();
  const alone = new Taken(flusher.queues.buffers);
  const many = Array.from({ length: connections }, () => new Taken(flusher.queues.buffers));
  const turn = (): Promise<number> => new Promise((resolve) => setImmediate(resolve, connections));
  return {
    cases: [
      {
        name: "outbound/one frame in and out",
        run: () => {
          alone.add(talkPacket);
          alone.flush();
          return alone;
        },
      },
      {
        name: "outbound/32 frames in, out at once",
        run: () => {
          for (let frame = 0; frame < 32; frame++) alone.add(talkPacket);
          alone.flush();
          return alone;
        },
      },
      {
        name: `outbound/a turn that flushes ${connections} connections`,
        run: () => {
          for (const connection of many) {
            connection.add(talkPacket);
            flusher.mark(connection);
          }
          return turn();
        },
      },
    ],
  };
}
