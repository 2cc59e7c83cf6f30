// Sign-ins as fast as they are answered, each on a connection of its own that ends with it.

import type { Attack } from "../attack.ts";
import { RawClient } from "../raw-client.ts";

const abreast = 50;
/** One that is refused tries again after this long. */
const pauseMs = 20;

export const signIns: Attack = {
  name: "sign-ins",
  what: `${abreast} connections at a time sign in and leave`,
  scene: "standalone",
  prepare:
    async ({ place, many }) =>
    async () => {
      const one = async (_: unknown, index: number): Promise<never> => {
        for (let turn = 0; ; turn++) {
          const client = await RawClient.signIn(place, "tcp", `passer-by-${index}-${turn % 100}`).catch(
            () => undefined,
          );
          if (client === undefined || client.socket.isClosed) await Bun.sleep(pauseMs);
          client?.socket.end();
        }
      };
      await Promise.all(Array.from({ length: many(abreast) }, one));
    },
};
