// Requests whose headers cost more to read than they have bytes.

import { Command } from "../../../src/wire/commands.ts";
import { encodeLogicPacket } from "../../../src/wire/packet.ts";
import type { Attack } from "../attack.ts";
import { flood } from "../floods.ts";

/** As many as a header of 16 KiB holds. */
const metas = 8_100;
const bytesPerSecond = 10_000_000;

export const oddHeaders: Attack = {
  name: "metas",
  what: `one connection sends headers with a channelId and ${metas} empty metas at 10 MB/s`,
  scene: "standalone",
  prepare: async (stage) => () =>
    flood(stage, {
      transport: "tcp",
      account: "header-writer",
      bytesPerSecond,
      frame({ dialect }) {
        const meta = Array.from({ length: metas }, () => ({}));
        const header = { command: Command.UserTalk, dest: "nobody", sequence: 1, channelId: "x", meta };
        return dialect.frame(encodeLogicPacket(header, new Uint8Array(0)));
      },
    }),
};
