// One connection that makes groups of as many members as a group may have, as fast as it is answered.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../../src/wire/commands.ts";
import { GroupCreateReqSchema } from "../../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../../src/wire/packet.ts";
import type { Attack } from "../attack.ts";
import { flood } from "../floods.ts";

const members = 10_000;
/** Far below the rate of requests: 10 groups a second. */
const bytesPerSecond = 2_000_000;

export const groupMaking: Attack = {
  name: "groups-made",
  what: `one connection makes groups of ${members} members, about 10 a second`,
  scene: "standalone",
  async prepare(stage) {
    const names = Array.from({ length: stage.many(members) }, (_, index) => `account-of-a-victim-${index}`);
    const body = toBinary(GroupCreateReqSchema, create(GroupCreateReqSchema, { name: "crowd", members: names }));
    return () =>
      flood(stage, {
        transport: "tcp",
        account: "founder",
        bytesPerSecond,
        frame: ({ dialect }) => dialect.frame(encodeLogicPacket({ command: Command.GroupCreate, sequence: 1 }, body)),
      });
  },
};
