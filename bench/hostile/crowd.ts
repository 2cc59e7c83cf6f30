// Connections that are there all the time: one that ends, or that the server does not take, is replaced.

import type { RawSocket } from "./raw-client.ts";

/** A server that takes no more connections must not hold the others up. */
const beginMsMax = 2_000;
/** One that was closed comes back after this long. */
const returnMs = 1_000;

/** So many of them. `begin` connects one and does with it what it is there for. */
export async function crowd(count: number, begin: (index: number) => Promise<RawSocket>): Promise<void> {
  const one = async (_: unknown, index: number): Promise<never> => {
    for (;;) {
      const beginning = begin(index).catch(() => undefined);
      const socket = await Promise.race([beginning, Bun.sleep(beginMsMax)]);
      await socket?.ended;
      await Bun.sleep(returnMs);
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}
