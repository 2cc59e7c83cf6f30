// Clients of the first version of the protocol, as KIM's are: they name neither a device nor a feature, and what they
// have read counts as acknowledged when they ask for what is above it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LinkContext } from "../../src/service/link-context.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { offlineIndex } from "../../src/roles/chat/offline-index.ts";
import { Reads } from "../../src/roles/chat/reads.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { featuresOf, isFirstVersion } from "../../src/session/sessions.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupJoinNotifySchema,
  GroupJoinReqSchema,
  LoginRenewReqSchema,
  LoginReqSchema,
  LoginRespSchema,
  MessageAckReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { BasicCode, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { passedFeatures } from "../../src/wire/features.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { createGroup, groupTalk, readIndex, succeeded, talk } from "../support/commands.ts";
import { testLimits } from "../support/limits.ts";
import { FrameKeeper } from "../support/lone-gateway.ts";
import { Messenger } from "../support/messenger.ts";
import { talkStore } from "../support/talk-store.ts";
import { frameOf, type WireClient } from "../support/wire-client.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { systemTimers } from "../../src/base/timers.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start({ limits: testLimits({ indexEntries: 3 }) });
});
afterAll(() => messenger.stop());

/** What is pushed to everybody; `chat.sync` came later, and a client that does not know a push ignores it. */
const firstPushes = [
  Command.SignIn,
  Command.UserTalk,
  Command.GroupTalk,
  Command.GroupCreate,
  Command.GroupJoin,
  Command.GroupQuit,
];

interface Named {
  readonly device?: string;
  readonly features?: string[];
}

/** A client that is signed in, and the features that it was granted. */
async function signedIn(account: string, named: Named = {}): Promise<{ client: WireClient; granted: string[] }> {
  const client = await messenger.stranger();
  const token = await messenger.token(account);
  const answer = succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token, ...named }));
  return { client, granted: fromBinary(LoginRespSchema, answer.body).features };
}

async function storeFor(account: string, count: number): Promise<bigint[]> {
  const { client } = await signedIn(`friend of ${account}`);
  const ids: bigint[] = [];
  for (let number = 0; number < count; number++) ids.push((await talk(client, account, `${number}`)).messageId);
  return ids;
}

const idsOf = async (client: WireClient, after = 0n): Promise<bigint[]> =>
  (await readIndex(client, after)).map(({ messageId }) => messageId);

test("a walk through the index leaves nothing to list at the next sign-in", async () => {
  const ids = await storeFor("f1", 7);
  const { client } = await signedIn("f1");
  const seen: bigint[] = [];
  for (let page = await idsOf(client); page.length > 0; page = await idsOf(client, page.at(-1))) seen.push(...page);
  expect(seen).toEqual(ids);
  expect(await idsOf((await signedIn("f1")).client)).toEqual([]);
});

test("the cursor counts as far as it goes, and never takes an acknowledgement back", async () => {
  const [a = 0n, b = 0n, c = 0n] = await storeFor("f2", 3);
  const { client } = await signedIn("f2");
  expect(await idsOf(client)).toEqual([a, b, c]);
  expect(await idsOf(client, b)).toEqual([c]);
  expect(await idsOf(client)).toEqual([c]);
  expect(await idsOf(client, a)).toEqual([b, c]);
  expect(await idsOf(client)).toEqual([c]);
});

test("a client that names a device, or a known feature, acknowledges by chat.talk.ack alone", async () => {
  const named: [string, Named, string[]][] = [
    ["f3", { device: "phone" }, []],
    ["f4", { features: ["renew"] }, ["renew"]],
    ["f5", { features: ["renew"], device: "phone" }, ["renew"]],
  ];
  for (const [account, names, expected] of named) {
    const [a = 0n, b = 0n] = await storeFor(account, 2);
    const { client, granted } = await signedIn(account, names);
    expect(granted).toEqual(expected);
    expect(await idsOf(client, a)).toEqual([b]);
    expect(await idsOf(client)).toEqual([a, b]);
    succeeded(await client.request(Command.TalkAck, "", MessageAckReqSchema, { messageId: a }));
    expect(await idsOf(client)).toEqual([b]);
  }
});

test("a feature that nobody knows is not granted, and makes nobody a newer client", async () => {
  const [a = 0n, b = 0n] = await storeFor("f6", 2);
  const { client, granted } = await signedIn("f6", { features: ["", "teleport", "renew ", "RENEW"] });
  expect(granted).toEqual([]);
  expect(await idsOf(client, a)).toEqual([b]);
  expect(await idsOf(client)).toEqual([b]);
});

test("is distinguished from a client whose gateway passes no features on, and from what a client claims", async () => {
  const behind = (passed: readonly string[], device = ""): boolean =>
    isFirstVersion({ device, channelId: "c", gateway: "g", incarnation: "1", ...featuresOf(passed) });
  expect(behind(passedFeatures([]))).toBe(true);
  expect(behind(passedFeatures(["of the future"]))).toBe(true);
  expect(behind([])).toBe(false);
  expect(behind(passedFeatures(["renew"]))).toBe(false);
  expect(behind(passedFeatures(["renew", "first-version"]))).toBe(false);
  expect(behind(passedFeatures([]), "phone")).toBe(false);
});

test("a history with one's own messages acknowledges nothing: includeSent is not of the first version", async () => {
  const ids = await storeFor("f14", 7);
  const { client } = await signedIn("f14");
  const seen: bigint[] = [];
  for (let after = 1n; ;) {
    const page = await readIndex(client, after, true);
    after = page.at(-1)?.messageId ?? 0n;
    if (after === 0n) break;
    seen.push(...page.map(({ messageId }) => messageId));
  }
  expect(seen).toEqual(ids);
  expect(await idsOf((await signedIn("f14")).client)).toEqual(ids.slice(0, 3));
});

test("a cursor of another server counts as none, and acknowledges nothing", async () => {
  const ids = await storeFor("f7", 2);
  const { client } = await signedIn("f7");
  for (const cursor of [2n ** 62n, 2n ** 63n - 1n]) {
    expect(await idsOf(client, cursor)).toEqual(ids);
    expect(await idsOf(client)).toEqual(ids);
  }
  const refused = await client.request(Command.OfflineIndex, "", MessageIndexReqSchema, { messageId: -1n });
  expect(refused.status).toBe(Status.InvalidPacketBody);
  expect(await idsOf(client)).toEqual(ids);
});

test("a cursor that no message has acknowledges what is below it", async () => {
  const [a = 0n, b = 0n] = await storeFor("f8", 2);
  const { client } = await signedIn("f8");
  expect(await idsOf(client, b - 1n)).toEqual([b]);
  expect(await idsOf(client)).toEqual([b]);
  expect(a).toBeLessThan(b);
});

test("is pushed what the first version knows, whatever newer clients do", async () => {
  const { client } = await signedIn("f9");
  const other = await signedIn("f10", { features: ["renew"], device: "phone" });
  const phone = await signedIn("f9", { features: ["renew"], device: "phone" });
  const group = await createGroup(other.client, ["f9"]);
  await groupTalk(phone.client, group, "to all");
  await talk(other.client, "f9", "hello");
  await client.pushed(Command.UserTalk, MessagePushSchema);
  const token = await messenger.token("f10");
  succeeded(await other.client.request(Command.Renew, "", LoginRenewReqSchema, { token }));
  const third = await signedIn("f11", { features: ["renew"] });
  for (const command of [Command.GroupJoin, Command.GroupQuit]) {
    succeeded(await third.client.request(command, "", GroupJoinReqSchema, { account: "f11", groupId: group }));
    await client.pushed(command, GroupJoinNotifySchema);
  }
  const newer = await signedIn("f9");
  expect((await client.ending()).code).toBe(CloseCode.Kicked);
  const commands = new Set(client.pushes.map(({ header }) => header.command));
  expect([...commands].toSorted()).toEqual(firstPushes.toSorted());
  expect(newer.client.pushes).toEqual([]);
});

test("the heartbeat of KIM's web SDK is answered, and other codes are not", async () => {
  const { client } = await signedIn("f12");
  for (const bytes of ["0100", "0001", "0002", "0200", "0101", "ffff"]) {
    client.write(frameOf(Buffer.from(`c315a765${bytes}0000`, "hex")));
  }
  client.write(frameOf(Buffer.from("c315a7650100000168", "hex")));
  await talk(client, "f13", "after them");
  const basic = client.payloads.map((payload) => decodePacket(payload)).filter(({ kind }) => kind === "basic");
  const pong = { kind: "basic" as const, code: BasicCode.Pong, body: new Uint8Array(0) };
  expect(basic.map((packet) => ({ ...packet, body: packet.body.slice() }))).toEqual([pong, pong, pong]);
});

test("while the store cannot write, the index is read all the same", async () => {
  const limits = testLimits();
  const link = { gateway: "g", incarnation: "1", unanswered: 0, connection: new FrameKeeper() };
  const body = toBinary(MessageIndexReqSchema, create(MessageIndexReqSchema, { messageId: 7n }));
  const packet = Buffer.from(encodeLogicPacket({ command: Command.OfflineIndex }, body));
  const scan = new PacketScan();
  scanPacket(packet, scan);
  const index = async (failure: Error): Promise<unknown> => {
    const handle = offlineIndex({
      store: {
        ...talkStore({ result: "unknown" }),
        acknowledge: () => Promise.reject(failure),
        index: ({ after }) =>
          Promise.resolve([{ messageId: after + 1n, direction: 0, sendTime: 1n, otherAccount: "b", group: "" }]),
      },
      reads: new Reads(limits, systemRuntime),
      limits,
    });
    const backlog = new LinkBacklog("g", link.connection, systemTimers);
    const context = new LinkContext({ ...link, backlog }, packet, scan, Command.OfflineIndex, "app", 0);
    context.location = { ...context.location, ...featuresOf(passedFeatures([])) };
    await handle(context);
    const answer = link.connection.packets.at(-1);
    return answer && [answer.header.status, fromBinary(MessageIndexRespSchema, answer.body).indexes[0]?.messageId];
  };
  expect(await index(new StoreUnavailable("the disk is full"))).toEqual([Status.Success, 8n]);
  await expect(index(new Error("a bug"))).rejects.toThrow("a bug");
});
