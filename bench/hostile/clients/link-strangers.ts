// Strangers at a port where services take links: they begin a frame as large as a link may send.

import { frameHeaderBytes, writeFrameHeader } from "../../../src/wire/frame-writer.ts";
import { OpCode } from "../../../src/wire/opcode.ts";
import type { Attack } from "../attack.ts";
import { crowd } from "../crowd.ts";
import { RawSocket } from "../raw-client.ts";

const strangers = 64;
/** What a link's frame may have, less what the last byte would end. */
const declaredBytes = 16 * 1024 * 1024;

export const linkStrangers: Attack = {
  name: "link-strangers",
  what: `${strangers} strangers send all but the last byte of a frame of 16 MiB to a port for links`,
  scene: "links",
  async prepare({ place, many }) {
    const frame = Buffer.alloc(frameHeaderBytes + declaredBytes - 1, "s");
    writeFrameHeader(frame, 0, OpCode.Binary, declaredBytes);
    return () =>
      crowd(many(strangers), async () => {
        const socket = await RawSocket.connect(place.linkPort);
        void socket.write(frame);
        return socket;
      });
  },
};
