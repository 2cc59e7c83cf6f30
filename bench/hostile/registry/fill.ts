// A stranger who registers instances of services that nobody asks for, as fast as he is answered.

import { HttpConnection } from "../../registry/http-connection.ts";
import { registerRequest } from "../../registry/instances.ts";
import type { Attack } from "../attack.ts";
import { forwarded } from "../attacker-address.ts";

const connections = 8;
const perService = 100;
/** An instance that nobody renews is gone after 90 s, and within a minute more. */
const expiryMs = 160_000;

export const registryFill: Attack = {
  name: "registry-fill",
  what: `${connections} connections register instances as fast as they are answered`,
  scene: "registry",
  restMs: expiryMs,
  async prepare({ place }) {
    const writers = await Promise.all(
      Array.from({ length: connections }, () => HttpConnection.connect(place.registryPort)),
    );
    let number = 0;
    const one = async (writer: HttpConnection): Promise<void> => {
      for (;;) {
        const appid = `junk.service${Math.floor(number / perService)}`;
        // A registration that is refused is a good answer, and one of a registry that closes the connection, too.
        const answer = await writer
          .ask(forwarded(place, registerRequest({ appid, number: number++ })))
          .catch(() => undefined);
        if (answer === undefined) return;
      }
    };
    return async () => {
      await Promise.all(writers.map(one));
    };
  },
};
