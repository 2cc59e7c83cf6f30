// One client within its allowance of requests, and a group of many who are online: each talk is a thousand pushes.

import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../../src/wire/commands.ts";
import { GroupJoinReqSchema, GroupQuitReqSchema, MessageReqSchema } from "../../../src/wire/gen/pkt_pb.ts";
import type { Attack, Stage } from "../attack.ts";
import { ownerOf } from "../owner.ts";
import { RawClient, signInAll } from "../raw-client.ts";

const members = 1_000;
/** Of the 2,000 that an account may send. */
const requestsPerSecond = 1_900;
const bodyBytes = 100;
const paceMs = 5;

/** Makes a group of members who are online, each at an address of its own; its id. */
async function gather({ place, many }: Stage): Promise<string> {
  const names = Array.from({ length: many(members) }, (_, index) => `member-${index}`);
  const { client, group } = await ownerOf(place, names);
  client.disconnect();
  const online = await signInAll(
    place,
    "tcp",
    names.length,
    "member",
    (index) => `198.51.${index >> 8}.${index & 255}`,
  );
  if (online.length < names.length) throw new Error(`${online.length} of ${names.length} members could sign in`);
  return group;
}

/** Sends requests when they are due, one after another, until it is over or the server closes the connection. */
async function paced({ place }: Stage, send: (client: RawClient, turn: number) => void): Promise<void> {
  const client = await RawClient.signIn(place, "tcp", "member-0");
  const startMs = performance.now();
  for (let turn = 0; !client.socket.isClosed;) {
    const due = ((performance.now() - startMs) / 1000) * requestsPerSecond;
    for (; turn < due; turn++) send(client, turn);
    await Bun.sleep(paceMs);
  }
  client.socket.end();
}

const groupTalks: Attack = {
  name: "group-talks",
  what: `one member talks ${requestsPerSecond} times a second to a group of ${members} who are online`,
  scene: "standalone",
  async prepare(stage) {
    const group = await gather(stage);
    const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: "x".repeat(bodyBytes) }));
    return () => paced(stage, (client, turn) => void client.send(Command.GroupTalk, group, body, turn + 2));
  },
};

const joinsAndQuits: Attack = {
  name: "group-joins",
  what: `one account joins and leaves a group of ${members} who are online, ${requestsPerSecond} times a second`,
  scene: "standalone",
  async prepare(stage) {
    const groupId = await gather(stage);
    const account = "member-0";
    const quit = toBinary(GroupQuitReqSchema, create(GroupQuitReqSchema, { account, groupId }));
    const join = toBinary(GroupJoinReqSchema, create(GroupJoinReqSchema, { account, groupId }));
    return () =>
      paced(stage, (client, turn) => {
        if (turn % 2 === 0) void client.send(Command.GroupQuit, "", quit, turn + 2);
        else void client.send(Command.GroupJoin, "", join, turn + 2);
      });
  },
};

export const largeGroups: readonly Attack[] = [groupTalks, joinsAndQuits];
