// Attacks that write the same bytes again and again.

import type { PlainTransport } from "../server/target.ts";
import type { Stage } from "./attack.ts";
import { RawClient } from "./raw-client.ts";

/** About what one write takes to the kernel. */
const chunkBytes = 64 * 1024;
/** One that was closed comes back after this long, in milliseconds. */
const returnMs = 100;

export interface Flood {
  readonly transport: PlainTransport;
  readonly account: string;
  readonly bytesPerSecond?: number;
  /** Reads nothing. */
  readonly isDeaf?: boolean;
  /** Written once, before. */
  readonly opening?: (client: RawClient) => Buffer;
  /** What is repeated. */
  readonly frame: (client: RawClient) => Buffer;
}

/** One connection that signs in and floods; when the server closes it, it comes back. */
export async function flood({ place }: Stage, wish: Flood): Promise<void> {
  for (;;) {
    const client = await RawClient.signIn(place, wish.transport, wish.account).catch(() => undefined);
    if (client !== undefined && !client.socket.isClosed) {
      const { socket } = client;
      if (wish.isDeaf === true) socket.deafen();
      if (wish.opening !== undefined) await socket.write(wish.opening(client));
      await socket.flood(repeated(wish.frame(client)), wish.bytesPerSecond);
      socket.end();
    }
    await Bun.sleep(returnMs);
  }
}

/** Several of them at once, each an account of its own. */
export async function floods(stage: Stage, count: number, wish: Flood): Promise<void> {
  const one = (_: unknown, index: number): Promise<void> =>
    flood(stage, { ...wish, account: `${wish.account}-${index}` });
  await Promise.all(Array.from({ length: stage.many(count) }, one));
}

function repeated(frame: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.ceil(chunkBytes / frame.length)) }, () => frame));
}
