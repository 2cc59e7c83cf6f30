// Conversations over processes: two gateways, two chat nodes, and clients with the feature beside clients without it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  EventPushSchema,
  LoginReqSchema,
  LoginRespSchema,
  MessageEditReqSchema,
  MessagePushSchema,
  MessageRecallReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { createGroup, groupTalk, readContents, succeeded } from "../support/commands.ts";
import type { WireClient } from "../support/wire-client.ts";

let stage: ClusterStage;
beforeAll(async () => {
  stage = await ClusterStage.start({ gateways: 2, chats: 2 });
}, 60_000);
afterAll(() => stage.close());

/** A client that was granted the feature, at a gateway. */
async function newer(account: string, gateway: number, device: string): Promise<WireClient> {
  const client = await stage.stranger(gateway);
  const token = await stage.cluster.token(account);
  const init = { token, device, features: ["conversations"] };
  const answer = succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
  expect(fromBinary(LoginRespSchema, answer.body).features).toEqual(["conversations"]);
  return client;
}

test("an edit and a recall reach the connections with the feature at both gateways, and no others", async () => {
  const ann = await newer("ann", 0, "phone");
  const withFeature = [
    await newer("ann", 1, "tablet"),
    await newer("bob", 0, "phone"),
    await newer("bob", 1, "tablet"),
    await newer("cid", 1, "phone"),
  ];
  const without = [await stage.wire("bob", 0, "old"), await stage.wire("cid", 1, "old")];
  const group = await createGroup(ann, ["bob", "cid"]);
  const { messageId } = await groupTalk(ann, group, "helo");
  const edit = { messageId, body: "hello" };
  succeeded(await ann.request(Command.MessageEdit, "", MessageEditReqSchema, edit));
  for (const client of withFeature)
    expect(await client.pushed(Command.Event, EventPushSchema, 2)).toMatchObject([
      { kind: EntryKind.EntryGroupCreated, actor: "ann", group },
      { kind: EntryKind.EntryEdited, refersTo: messageId, actor: "ann", group },
    ]);
  for (const client of without)
    expect((await readContents(client, [messageId])).map(({ body }) => body)).toEqual(["hello"]);
  succeeded(await ann.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId }));
  // Gone at every node as soon as it is answered.
  for (const client of [...without, ...withFeature])
    expect((await readContents(client, [messageId])).map(({ body }) => body)).toEqual([""]);
  // One packet for each gateway, of which older connections get what they always did.
  const { messageId: last } = await groupTalk(ann, group, "last");
  for (const client of withFeature) {
    const [created, edited, recalled] = await client.pushed(Command.Event, EventPushSchema, 3);
    const pushes = await client.pushed(Command.GroupTalk, MessagePushSchema, 2);
    expect(pushes.at(-1)).toMatchObject({ messageId: last, previousEntryId: recalled?.entryId });
    expect(recalled?.previousEntryId).toBe(edited?.entryId);
    expect(edited?.previousEntryId).toBe(created?.entryId);
  }
  for (const client of without) {
    const pushes = await client.pushed(Command.GroupTalk, MessagePushSchema, 2);
    expect(pushes.at(-1)).toMatchObject({ messageId: last, previousEntryId: 0n });
    expect(new Set(client.pushes.map(({ header }) => header.command))).toEqual(
      new Set([Command.GroupCreate, Command.GroupTalk]),
    );
    expect(client.pushes.every(({ header }) => header.meta.length === 0)).toBe(true);
  }
}, 60_000);
