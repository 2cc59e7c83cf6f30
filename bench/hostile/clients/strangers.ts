// Strangers: connections that never sign in, silent ones and such as begin what they do not end.

import { OpCode } from "../../../src/wire/opcode.ts";
import type { PlainTransport } from "../../server/target.ts";
import type { Attack } from "../attack.ts";
import { crowd } from "../crowd.ts";
import { RawClient, RawSocket } from "../raw-client.ts";

const unfinishedBytes = 1_000_000;
function unfinished(transport: PlainTransport, count: number): Attack {
  return {
    name: `unfinished-${transport}`,
    what: `${count} strangers send all but the last byte of a message of 1 MB`,
    scene: "standalone",
    prepare: async (stage) => () =>
      crowd(stage.many(count), async () => {
        const { socket, dialect } = await RawClient.connect(stage.place, transport);
        void socket.write(dialect.frame(Buffer.alloc(unfinishedBytes, "u"), OpCode.Binary).subarray(0, -1));
        return socket;
      }),
  };
}

function silent(transport: PlainTransport, count: number): Attack {
  return {
    name: `silent-${transport}`,
    what: `${count} connections say nothing, not even an upgrade, to a server with 1,024 open files`,
    scene: "standalone-few-files",
    prepare: async (stage) => () =>
      crowd(stage.many(count), () => RawSocket.connect(stage.place[transport]?.port ?? 0)),
  };
}

export const strangers: readonly Attack[] = [
  unfinished("tcp", 200),
  unfinished("ws", 100),
  silent("ws", 1_500),
  silent("tcp", 1_500),
];
