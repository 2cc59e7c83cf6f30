// The feature `conversations` in a cluster of two releases: it is granted only where gateway and login node know it.
// Who has not got it is never pushed anything of it, also behind a gateway that could not cut a push.

import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  EventPushSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  LoginReqSchema,
  LoginRespSchema,
  MessageEditReqSchema,
  MessagePushSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { ClusterStage } from "../support/cluster-stage.ts";
import { createGroup, groupTalk, succeeded } from "../support/commands.ts";
import { endings } from "../support/endings.ts";
import { formerReleaseMissing } from "../support/former-release.ts";
import { startMixedCluster } from "../support/mixed-cluster.ts";
import type { WireClient } from "../support/wire-client.ts";

const size = { discovery: 1, gateways: 2, logins: 1, chats: 1 };
const ends = endings();

async function startMixed(isFormer: (name: string) => boolean): Promise<ClusterStage> {
  const stage = await startMixedCluster(size, {}, isFormer);
  ends.push(() => stage.close());
  return stage;
}

/** A client that asked for the feature, and what it was granted. */
async function asking(stage: ClusterStage, account: string, gateway: number, device: string) {
  const client: WireClient = await stage.stranger(gateway);
  const init = { token: await stage.cluster.token(account), device, features: ["conversations", "renew"] };
  const answer = succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
  return { client, features: fromBinary(LoginRespSchema, answer.body).features };
}

test.skipIf(formerReleaseMissing !== undefined)(
  "a gateway of the former release gets nothing of conversations, beside one of this release that does",
  async () => {
    const stage = await startMixed((name) => name === "gateway-1");
    // In the order of their names.
    const [former, current] = [0, 1];
    const ann = await asking(stage, "ann", current, "phone");
    expect(ann.features.toSorted()).toEqual(["conversations", "renew"]);
    const bob = await asking(stage, "bob", former, "phone");
    expect(bob.features).not.toContain("conversations");
    const tablet = await asking(stage, "bob", current, "tablet");
    const group = await createGroup(ann.client, ["bob"]);
    const { messageId } = await groupTalk(ann.client, group, "helo");
    const edit = { messageId, body: "hello" };
    succeeded(await ann.client.request(Command.MessageEdit, "", MessageEditReqSchema, edit));
    await groupTalk(ann.client, group, "last");
    expect(await tablet.client.pushed(Command.Event, EventPushSchema, 2)).toMatchObject([
      { kind: EntryKind.EntryGroupCreated },
      { kind: EntryKind.EntryEdited },
    ]);
    const [, last] = await tablet.client.pushed(Command.GroupTalk, MessagePushSchema, 2);
    expect(last?.previousEntryId).toBeGreaterThan(messageId);
    expect(await bob.client.pushed(Command.GroupTalk, MessagePushSchema, 2)).toMatchObject([
      { body: "helo", previousEntryId: 0n },
      { body: "last", previousEntryId: 0n },
    ]);
    expect(bob.client.pushes.filter(({ header }) => header.command === Command.Event)).toEqual([]);
    expect(bob.client.pushes.every(({ header }) => header.meta.length === 0)).toBe(true);
    // It is refused what it was not granted, and loses nothing: signed in through the other gateway, it has all of it.
    const refused = await bob.client.request(Command.History, "", HistoryReqSchema, { group });
    expect(refused.status).toBe(Status.InvalidCommand);
    const again = await asking(stage, "bob", current, "phone");
    expect(again.features.toSorted()).toEqual(["conversations", "renew"]);
    const { body } = succeeded(await again.client.request(Command.History, "", HistoryReqSchema, { group }));
    const texts = fromBinary(HistoryRespSchema, body).messages.map((message) => message.body);
    expect(texts).toEqual(["hello", "last"]);
  },
  120_000,
);

test.skipIf(formerReleaseMissing !== undefined)(
  "a login node of the former release grants nothing of conversations to clients of newer gateways",
  async () => {
    const stage = await startMixed((name) => name.startsWith("login"));
    const ann = await asking(stage, "ann", 0, "phone");
    const bob = await asking(stage, "bob", 1, "phone");
    for (const { features } of [ann, bob]) expect(features).not.toContain("conversations");
    const group = await createGroup(ann.client, ["bob"]);
    await groupTalk(ann.client, group, "hello");
    expect(await bob.client.pushed(Command.GroupTalk, MessagePushSchema)).toMatchObject([{ body: "hello" }]);
    for (const [command, schema, body] of [
      [Command.History, HistoryReqSchema, { group }],
      [Command.MessageEdit, MessageEditReqSchema, { messageId: 1n, body: "x" }],
    ] as const) {
      const refused = await ann.client.request(command, "", schema, body);
      expect([command, refused.status]).toEqual([command, Status.InvalidCommand]);
    }
    // Who joins and leaves is told by the notices of before, and by no entry.
    await groupTalk(ann.client, group, "last");
    await bob.client.pushed(Command.GroupTalk, MessagePushSchema, 2);
    for (const { client } of [ann, bob]) {
      expect(client.pushes.filter(({ header }) => header.command === Command.Event)).toEqual([]);
      expect(client.pushes.every(({ header }) => header.meta.length === 0)).toBe(true);
    }
  },
  120_000,
);
