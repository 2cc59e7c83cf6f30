// A group of which many are online, and some talk: every talk goes to all who are online but the one who says it.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { GroupCreateReqSchema, GroupCreateRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import type { Findings } from "../result.ts";
import { inBatches } from "./in-batches.ts";
import type { Load } from "./load.ts";
import { LoadClient, tokenFor } from "./load-client.ts";
import { runLoop } from "./loop.ts";
import { TalkTemplate } from "./numbered-talk.ts";
import { bodyBytes } from "./people.ts";
import { eventsOf, Traffic } from "./traffic.ts";

const abreast = 50;

/** Runs it with these numbers of members, of online members, and of senders among those. */
export async function loadGroupOf(
  load: Load,
  { members, online, senders }: { readonly members: number; readonly online: number; readonly senders: number },
): Promise<Findings[]> {
  const { target, settings, tell } = load;
  if (senders > online || online > members || online < 2)
    throw new Error(`a group of ${members} with ${online} online cannot have ${senders} senders`);
  const traffic = new Traffic({ audience: online - 1, until: "delivered" });
  const nameOf = (index: number): string => `member-${settings.run}-${index}`;
  const names = Array.from({ length: members }, (_, index) => nameOf(index));
  const group = await createGroup(load, names);
  await inBatches(
    online,
    abreast,
    async (index) => {
      const receiver = traffic.receiver();
      const sender = index < senders ? traffic.sender() : undefined;
      const token = await tokenFor(target, nameOf(index));
      const client = await LoadClient.signIn(target, nameOf(index), eventsOf(traffic, sender, receiver), { token });
      receiver.client = client;
      if (sender === undefined) return;
      sender.client = client;
      const plan = { command: Command.GroupTalk, dest: group, sender: sender.number, bodyBytes };
      sender.requests = new TalkTemplate(client.dialect, plan);
    },
    (done) => tell("signing in", done),
  );
  try {
    const [whole, ...parts] = await runLoop(traffic, load);
    if (whole === undefined) return [];
    return [{ ...whole, members, online, senders }, ...parts];
  } finally {
    traffic.disconnect();
  }
}

async function createGroup({ target, settings, tell }: Load, members: readonly string[]): Promise<string> {
  tell("creating the group", 0);
  const owner = await LoadClient.signIn(target, `owner-${settings.run}`, {
    answered() {},
    pushed() {},
    lost() {},
  });
  // The owner is a member, too, but is not there when anybody talks.
  const request = create(GroupCreateReqSchema, { name: "bench", members: [...members] });
  const { status, body } = await owner.request(Command.GroupCreate, "", toBinary(GroupCreateReqSchema, request));
  owner.disconnect();
  if (status !== 0) throw new Error(`a group of ${members.length} members was refused with status ${status}`);
  return fromBinary(GroupCreateRespSchema, body).groupId;
}
