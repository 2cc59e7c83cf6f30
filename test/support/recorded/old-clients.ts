// What clients of the first versions of the protocol do, in sessions: KIM's, which sign in with a token alone, those
// that name a device, and those that know the feature `renew`.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command, type CommandName } from "../../../src/wire/commands.ts";
import {
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupGetReqSchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  LoginRenewReqSchema,
  LoginReqSchema,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageIndexReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  MetaType,
  type LoginReq,
  type MessageReq,
} from "../../../src/wire/gen/pkt_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HeaderFields, Recorder, Transport } from "./recorder.ts";
import type { TokenSpec } from "./recording.ts";

type Init<Schema extends Parameters<typeof fromBinary>[0]> = Omit<MessageInitShape<Schema>, "$typeName" | "$unknown">;

const people = ["alice", "bob", "carol", "dave", "erin", "frank"];
const hour = 3_600;

/** Whose tokens the sessions use. */
export const oldTokens: Readonly<Record<string, TokenSpec>> = {
  ...Object.fromEntries(
    people.map((account) => [account, { account, app: "kim", ttlSeconds: 24 * hour, key: "first" as const }]),
  ),
  "alice, later": { account: "alice", app: "kim", ttlSeconds: 48 * hour, key: "first" },
  "alice elsewhere": { account: "alice", app: "other", ttlSeconds: 24 * hour, key: "first" },
  "bob elsewhere": { account: "bob", app: "other", ttlSeconds: 24 * hour, key: "first" },
  "without app": { account: "nina", ttlSeconds: 24 * hour, key: "first" },
  expired: { account: "alice", app: "kim", ttlSeconds: -hour, key: "first" },
  forged: { account: "alice", app: "kim", ttlSeconds: 24 * hour, key: "stranger" },
  "with a comma": { account: "a,b", app: "kim", ttlSeconds: 24 * hour, key: "first" },
  "of the second key": { account: "gina", app: "kim", ttlSeconds: 24 * hour, key: "second" },
};

const maxId = 2n ** 63n - 1n;
const malformed = Buffer.from("0aff", "hex");

/** The requests of a recorded client, as short as the sessions need them. */
export class OldClients {
  readonly recorder: Recorder;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  /** Connects and signs in. */
  async enter(by: string, transport: Transport, token: string, named: Partial<LoginReq> = {}): Promise<void> {
    await this.recorder.open(by, transport);
    await this.signIn(by, token, named);
  }

  async signIn(by: string, token: string, named: Partial<LoginReq> = {}): Promise<void> {
    const { $typeName: _, $unknown: __, ...fields } = named;
    const note = [`with the token ${token}`, ...Object.keys(named)].join(", ");
    const init = { token: this.recorder.token(token), ...fields };
    await this.recorder.request(by, Command.SignIn, LoginReqSchema, init, {}, note);
  }

  /** A talk; its id, or 0 if it was refused. */
  async talk(
    by: string,
    dest: string,
    said: Partial<Omit<MessageReq, "$typeName" | "$unknown">>,
    note = "",
    command: CommandName = Command.UserTalk,
  ): Promise<bigint> {
    const packet = await this.recorder.request(by, command, MessageReqSchema, { type: 1, ...said }, { dest }, note);
    return packet === undefined || packet.header.status !== 0
      ? 0n
      : fromBinary(MessageRespSchema, packet.body).messageId;
  }

  groupTalk(by: string, dest: string, body: string, clientId = "", note = ""): Promise<bigint> {
    return this.talk(by, dest, { body, clientId }, note, Command.GroupTalk);
  }

  async index(by: string, messageId: bigint, includeSent = false, note = ""): Promise<void> {
    const init = { messageId, includeSent };
    const words = [`${includeSent ? "with those sent, " : ""}${messageId === 0n ? "from the cursor" : "after an id"}`];
    if (note !== "") words.push(note);
    await this.recorder.request(by, Command.OfflineIndex, MessageIndexReqSchema, init, {}, words.join(", "));
  }

  async contents(by: string, messageIds: bigint[], note = ""): Promise<void> {
    await this.recorder.request(by, Command.OfflineContent, MessageContentReqSchema, { messageIds }, {}, note);
  }

  async ack(by: string, messageId: bigint, note = ""): Promise<void> {
    await this.recorder.request(by, Command.TalkAck, MessageAckReqSchema, { messageId }, {}, note);
  }

  async create(by: string, init: Init<typeof GroupCreateReqSchema>, note = ""): Promise<string> {
    const packet = await this.recorder.request(by, Command.GroupCreate, GroupCreateReqSchema, init, {}, note);
    return packet === undefined || packet.header.status !== 0
      ? ""
      : fromBinary(GroupCreateRespSchema, packet.body).groupId;
  }

  async join(by: string, groupId: string, account: string, note = ""): Promise<void> {
    const init = { groupId, account };
    await this.recorder.request(by, Command.GroupJoin, GroupJoinReqSchema, init, {}, note || account);
  }

  async quit(by: string, groupId: string, account: string, note = ""): Promise<void> {
    const init = { groupId, account };
    await this.recorder.request(by, Command.GroupQuit, GroupQuitReqSchema, init, {}, note || account);
  }

  async detail(by: string, groupId: string, note = ""): Promise<void> {
    await this.recorder.request(by, Command.GroupDetail, GroupGetReqSchema, { groupId }, {}, note);
  }

  async members(by: string, groupId: string, note = ""): Promise<void> {
    await this.recorder.request(by, Command.GroupMembers, GroupGetReqSchema, { groupId }, {}, note);
  }

  async renew(by: string, token: string, note = ""): Promise<void> {
    await this.recorder.request(
      by,
      Command.Renew,
      LoginRenewReqSchema,
      { token: this.token(token) },
      {},
      note || token,
    );
  }

  private token(name: string): string {
    return name in oldTokens ? this.recorder.token(name) : name;
  }

  async refused(by: string, command: string, note: string, body = Buffer.alloc(0), fields: HeaderFields = {}) {
    await this.recorder.requestBytes(by, command, body, fields, note);
  }
}

/** Records all of it. */
export async function recordOldClients(recorder: Recorder): Promise<void> {
  const clients = new OldClients(recorder);
  const sessions = {
    directTalks,
    heartbeats,
    catchingUp,
    devices,
    renewing,
    groups,
    apps,
    refusals,
    closes,
    strangers,
  };
  for (const [name, record] of Object.entries(sessions)) {
    recorder.begin(name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
    await record(clients);
    await recorder.closeAll();
  }
  recorder.begin("a key is removed");
  await removedKey(clients);
  await recorder.closeAll();
  recorder.begin("the server leaves");
  await leaving(clients);
}

async function directTalks(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("alice", "tcp", "alice", { isp: "an isp", zone: "zone_1", tags: ["web", "v1"] });
  await clients.enter("bob", "ws", "bob", { tags: ["web"] });
  const first = await clients.talk("alice", "bob", { body: "hello bob", clientId: "one" });
  await clients.talk("alice", "bob", { body: "hello bob", clientId: "one" }, "the same again");
  await clients.talk("alice", "bob", { body: "another text", clientId: "one" }, "its clientId with another text");
  await clients.talk("alice", "alice", { body: "hello bob", clientId: "one" }, "its clientId with another receiver");
  await clients.talk("bob", "alice", { body: "hello alice", clientId: "one" }, "the clientId of somebody else");
  await clients.talk("bob", "alice", { body: "", extra: "{}" }, "an empty body");
  await clients.talk(
    "bob",
    "alice",
    { type: -1, body: "größer 漢字 😀", extra: "é\u0000'\"" },
    "unicode, a negative type",
  );
  await clients.talk("bob", "alice", { type: 2 ** 31 - 1, body: "x", clientId: "漢".repeat(21) }, "the largest type");
  await clients.talk("alice", "alice", { body: "a note to myself" });
  await clients.talk("alice", "carol", { body: "are you there?" }, "who is away");
  await clients.talk("alice", "nobody yet", { body: "for later" }, "whom nobody has used");
  await clients.talk("alice", "bob", { body: "b".repeat(16 * 1024) }, "the longest body");
  const body = Buffer.from("08011202 6869".replaceAll(" ", ""), "hex");
  const fields = {
    dest: "bob",
    channelId: "made up",
    ticket: 7,
    meta: [
      { key: "dest.server", value: "chat", type: MetaType.string },
      { key: "account", value: "carol", type: MetaType.string },
      { key: "app", value: "other", type: MetaType.string },
      { key: "own", value: "3", type: MetaType.int },
    ],
  };
  await recorder.requestBytes("alice", Command.UserTalk, body, fields, "reserved fields, which are dropped");
  const unknown = Buffer.concat([body, Buffer.from("c23e03616263", "hex")]);
  await recorder.requestBytes("alice", Command.UserTalk, unknown, { dest: "bob" }, "an unknown field");
  await recorder.requestBytes("alice", Command.UserTalk, body, { dest: "bob", flag: 1 }, "flagged as a response");
  await recorder.requestBytes("alice", Command.UserTalk, body, { dest: "bob", flag: 2 }, "flagged as a push");
  await recorder.requestBytes("alice", Command.UserTalk, body, { dest: "bob", sequence: 0 }, "sequence 0");
  await recorder.requestBytes("alice", Command.UserTalk, body, { dest: "bob", sequence: 2 ** 32 - 1 }, "the last one");
  const said = (text: string): Buffer => Buffer.concat([Buffer.from([8, 1, 0x12, text.length]), Buffer.from(text)]);
  await recorder.together(
    "bob",
    "three talks at once",
    ["1", "2", "3"].map((text) => [{ command: Command.UserTalk, dest: "alice" }, said(text)] as const),
  );
  await clients.ack("alice", first, "somebody else's message");
}

async function heartbeats(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("alice", "tcp", "alice");
  await clients.enter("bob", "ws", "bob");
  for (const by of ["alice", "bob"]) {
    await recorder.payload(by, "a ping", Buffer.from("c315a76500010000", "hex"));
    await recorder.payload(by, "a ping with a body", Buffer.from("c315a76500010003616263", "hex"));
    await recorder.payload(by, "a ping as KIM's web SDK sends it", Buffer.from("c315a76501000000", "hex"));
    await recorder.payload(by, "a pong", Buffer.from("c315a76500020000", "hex"));
    await recorder.payload(by, "an unknown code", Buffer.from("c315a76500070000", "hex"));
  }
  await recorder.bytes("alice", "a frame of length 0", Buffer.from("0200000000", "hex"));
  await recorder.bytes("alice", "a ping frame", Buffer.from("0900000000", "hex"));
  await recorder.bytes("alice", "a ping frame with a payload", Buffer.from("0900000003616263", "hex"));
  await recorder.bytes("alice", "a pong frame", Buffer.from("0a00000000", "hex"));
  await recorder.bytes("bob", "a WebSocket ping", Buffer.from("89830000000061 6263".replaceAll(" ", ""), "hex"));
  await recorder.bytes("bob", "a WebSocket pong", Buffer.from("8a8000000000", "hex"));
}

async function catchingUp(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("dave", "tcp", "dave");
  const ids: bigint[] = [];
  for (const body of ["one", "two", "three", "four"]) ids.push(await clients.talk("dave", "erin", { body }));
  const [one = 0n, two = 0n, three = 0n, four = 0n] = ids;
  await clients.enter("erin", "ws", "erin");
  await clients.index("erin", 0n);
  await clients.contents("erin", ids);
  await clients.contents("erin", [four, one, one, 12_345n, maxId, 0n, -1n], "unsorted, repeated and unknown ids");
  await clients.contents("erin", [], "of nothing");
  const answer = await clients.talk("erin", "dave", { body: "I am here", extra: "an extra" });
  await clients.index("erin", 0n, true);
  await clients.index("erin", two, true, "which acknowledges nothing");
  await clients.index("erin", 0n, false, "all");
  await clients.index("erin", two, false, "which acknowledges it");
  await clients.index("erin", 0n, false, "what is left");
  await clients.index("erin", maxId, false, "of another server");
  await clients.ack("erin", three);
  await clients.ack("erin", one, "backwards");
  await clients.ack("erin", 0n, "0");
  await clients.ack("erin", maxId, "not yet assigned");
  await clients.ack("erin", -1n, "negative");
  await clients.index("erin", 0n, false, "what is left");
  await clients.index("erin", 1n, false, "everything");
  await recorder.close("erin");
  const late = await clients.talk("dave", "erin", { body: "five", clientId: "five" }, "who is away");
  await clients.enter("erin again", "tcp", "erin", { features: ["renew"] });
  await clients.index("erin again", 0n);
  await clients.index("erin again", late, false, "which acknowledges nothing with a feature");
  await clients.index("erin again", 0n);
  await clients.ack("erin again", late);
  await clients.index("erin again", 0n);
  await clients.talk("dave", "erin", { body: "five", clientId: "five" }, "repeated");
  await clients.enter("frank", "ws", "frank");
  await clients.contents("frank", [one, answer], "of others");
  await clients.index("frank", 0n, true);
  await clients.index("frank", one, false, "of others");
}

async function devices(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("phone", "tcp", "carol", { device: "phone" });
  await clients.enter("laptop", "ws", "carol", { device: "laptop", features: ["renew"] });
  await clients.enter("browser", "ws", "carol");
  await clients.enter("dave", "tcp", "dave", { device: "phone" });
  const id = await clients.talk("dave", "carol", { body: "to all of your devices" });
  await clients.talk("phone", "dave", { body: "from my phone", extra: "x" });
  await clients.talk("browser", "carol", { body: "to myself" });
  await clients.index("phone", 0n);
  await clients.index("laptop", 0n, true);
  await clients.ack("phone", id);
  await clients.index("phone", 0n);
  await clients.index("laptop", 0n);
  await clients.index("phone", id, false, "which acknowledges nothing with a device");
  const groupId = await clients.create("phone", { name: "devices", members: ["dave"] });
  await clients.groupTalk("laptop", groupId, "to the group");
  await clients.enter("new phone", "tcp", "carol", { device: "phone" });
  await clients.enter("new browser", "ws", "carol");
  await clients.index("new phone", 0n);
  await clients.enter("tablet", "tcp", "carol", { device: "d".repeat(64) });
  await clients.enter("one too many", "tcp", "carol", { device: "a fifth device" });
  await recorder.close("tablet");
  await clients.enter("long device", "tcp", "carol", { device: "d".repeat(65) });
  await clients.enter("odd device", "ws", "carol", { device: "d\n" });
}

async function renewing(clients: OldClients): Promise<void> {
  await clients.enter("alice", "tcp", "alice", { features: ["renew", "of tomorrow"] });
  await clients.renew("alice", "alice, later");
  await clients.renew("alice", "alice");
  await clients.renew("alice", "forged");
  await clients.renew("alice", "expired");
  await clients.renew("alice", "bob", "somebody else's token");
  await clients.renew("alice", "alice elsewhere", "another app's token");
  await clients.renew("alice", "no token");
  await clients.renew("alice", "");
  await clients.refused("alice", Command.Renew, "a malformed body", malformed);
  await clients.enter("bob", "ws", "bob", { device: "phone", features: [] });
  await clients.renew("bob", "bob", "without the feature");
  await clients.enter("carol", "ws", "carol", { features: ["of tomorrow"] });
  await clients.renew("carol", "carol", "without the feature");
  await clients.index("carol", 0n, true, "a client of unknown features");
}

async function groups(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("alice", "tcp", "alice");
  await clients.enter("bob", "ws", "bob");
  await clients.enter("carol", "tcp", "carol", { device: "phone" });
  const group = await clients.create("alice", {
    name: "group1",
    avatar: "an avatar",
    introduction: "größer 漢字",
    owner: "bob",
    members: ["alice", "bob", "bob", "erin", "somebody new"],
  });
  const detail = [Command.GroupDetail, Command.GroupMembers] as const;
  await clients.detail("alice", group);
  await clients.members("bob", group);
  await clients.detail("carol", group, "a stranger");
  await clients.members("carol", group, "a stranger");
  const hello = await clients.groupTalk("alice", group, "hellogroup", "g1");
  await clients.groupTalk("alice", group, "hellogroup", "g1", "the same again");
  await clients.groupTalk("alice", group, "another text", "g1", "its clientId with another text");
  await clients.talk("alice", "bob", { body: "hellogroup", clientId: "g1" }, "its clientId with another receiver");
  await clients.groupTalk("carol", group, "let me in", "", "a stranger");
  await clients.join("carol", group, "carol");
  await clients.join("carol", group, "carol", "again");
  const welcome = await clients.groupTalk("bob", group, "welcome carol");
  await clients.contents("carol", [hello, welcome], "the first one was before its join");
  await clients.index("carol", 0n);
  await clients.join("carol", group, "dave", "carol adds dave, who is not the owner");
  await clients.join("alice", group, "dave", "the owner adds dave");
  const closed = await clients.create("carol", { name: "closed", members: ["alice"], closed: true });
  await clients.join("bob", closed, "bob", "closed");
  await clients.join("alice", closed, "bob", "closed, by a member");
  await clients.join("carol", closed, "bob", "closed, by its owner");
  await clients.members("bob", closed);
  await clients.groupTalk("bob", closed, "in a closed group");
  await clients.quit("bob", group, "dave", "bob removes dave, who is not the owner");
  await recorder.patiently(() => clients.quit("alice", group, "dave", "the owner removes dave"));
  await recorder.patiently(() => clients.quit("carol", group, "carol"));
  await clients.quit("carol", group, "carol", "again");
  const after = await clients.groupTalk("bob", group, "carol has left");
  await clients.contents("carol", [welcome, after], "the last one was after its leave");
  await clients.groupTalk("carol", group, "still here?", "", "after its leave");
  await clients.detail("carol", group, "after its leave");
  await recorder.patiently(() => clients.quit("alice", group, "alice", "the owner leaves"));
  await clients.detail("bob", group, "who owns it now");
  await recorder.patiently(() => clients.quit("alice", closed, "alice"));
  await recorder.patiently(() => clients.quit("bob", closed, "bob"));
  await recorder.patiently(() => clients.quit("carol", closed, "carol", "the last one"));
  await clients.groupTalk("carol", closed, "nobody is left", "", "after everybody has left");
  await clients.join("carol", closed, "carol", "after everybody has left");
  await clients.detail("carol", closed, "after everybody has left");
  await clients.create("alice", {}, "without a name");
  await clients.members("alice", await clients.create("alice", { name: "g" }, "of its owner alone"));
  for (const command of detail) await clients.refused("alice", command, "a malformed body", malformed);
  await clients.detail("alice", "no such group", "unknown");
  await clients.detail("alice", "", "without an id");
  await clients.groupTalk("alice", "no such group", "to nobody", "", "unknown");
  await clients.groupTalk("alice", "", "to nobody", "", "without an id");
  await clients.join("alice", "no such group", "alice", "unknown");
  await clients.quit("alice", "no such group", "alice", "unknown");
  await clients.join("alice", group, "", "without an account");
  await clients.quit("bob", group, "frank", "who never was in it");
  await clients.create("alice", { name: "n".repeat(4 * 1024 + 1) }, "a name too long");
  await clients.create("alice", { name: "bad members", members: ["a,b", "", "x".repeat(61)] }, "names that are none");
  for (const command of [Command.GroupCreate, Command.GroupJoin, Command.GroupQuit, Command.GroupTalk])
    await clients.refused("alice", command, "a malformed body", malformed, { dest: group });
  await clients.enter("erin", "ws", "erin", { device: "phone" });
  await clients.index("erin", 0n, true, "a member who was away");
  await clients.contents("erin", [hello, welcome, after]);
  const quit = Buffer.from(
    toBinary(GroupQuitReqSchema, create(GroupQuitReqSchema, { account: "erin", groupId: "none" })),
  );
  const quits = Array.from({ length: 22 }, () => [{ command: Command.GroupQuit }, quit] as const);
  await recorder.together("erin", "more changes of groups than it may make", quits);
}

async function apps(clients: OldClients): Promise<void> {
  await clients.enter("alice", "tcp", "alice");
  await clients.enter("alice elsewhere", "ws", "alice elsewhere");
  await clients.enter("bob elsewhere", "tcp", "bob elsewhere", { device: "phone" });
  await clients.enter("nina", "ws", "without app");
  const here = await clients.talk("nina", "alice", { body: "in the default app" });
  const there = await clients.talk("bob elsewhere", "alice", { body: "in another app" });
  await clients.contents("alice", [here, there]);
  await clients.contents("alice elsewhere", [here, there]);
  await clients.index("alice elsewhere", 0n);
  const group = await clients.create("bob elsewhere", { name: "elsewhere", members: ["alice"] });
  await clients.detail("alice elsewhere", group);
  await clients.detail("alice", group, "of another app");
}

async function refusals(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  await clients.enter("alice", "ws", "alice");
  await clients.enter("bob", "tcp", "bob", { device: "phone" });
  for (const by of ["alice", "bob"]) {
    const unknown = ["chat.unknown", "foo.bar", "nodot", "", ".", "chat.", "chat.user.talk.more", "CHAT.USER.TALK"];
    for (const command of unknown) await clients.refused(by, command, "no such command");
    const inner = [Command.Sync, Command.Revocations, Command.Resync, Command.Restore, Command.Census, Command.SignOut];
    for (const command of inner) await clients.refused(by, command, "not a client's");
    await clients.signIn(by, by);
    const bodies = [Command.UserTalk, Command.TalkAck, Command.OfflineIndex, Command.OfflineContent];
    for (const command of bodies) await clients.refused(by, command, "a malformed body", malformed, { dest: "bob" });
  }
  await clients.talk("alice", "", { body: "hello" }, "without a receiver");
  for (const dest of ["a,b", " bob", "bob ", "x".repeat(61), "a\u200bb", "b\n"])
    await clients.talk("alice", dest, { body: "hello" }, "no name");
  await clients.talk("alice", "x".repeat(60), { body: "hello" }, "the longest name");
  await clients.talk("alice", "bob", { body: "b".repeat(16 * 1024 + 1) }, "a body too long");
  await clients.talk("alice", "bob", { body: "b", extra: "e".repeat(4 * 1024) }, "the longest extra");
  await clients.talk("alice", "bob", { body: "b", extra: "e".repeat(4 * 1024 + 1) }, "an extra too long");
  await clients.talk("alice", "bob", { body: "b", clientId: "c".repeat(64) }, "the longest clientId");
  await clients.talk("alice", "bob", { body: "b", clientId: "c".repeat(65) }, "a clientId too long");
  const ids = Array.from({ length: 201 }, (_, number) => BigInt(number + 1));
  await clients.contents("alice", ids.slice(1), "the most ids");
  await clients.contents("alice", ids, "more ids than it may ask for");
  const metas = (count: number) =>
    Array.from({ length: count }, (_, number) => ({ key: `k${number}`, value: "v", type: MetaType.string }));
  const talk = Buffer.from("0801120161", "hex");
  await recorder.requestBytes("alice", Command.UserTalk, talk, { dest: "bob", meta: metas(64) }, "64 metas");
  await recorder.requestBytes("alice", Command.UserTalk, talk, { dest: "bob", meta: metas(65) }, "65 metas");
  await recorder.requestBytes("alice", Command.UserTalk, Buffer.from("12028080", "hex"), { dest: "bob" }, "not UTF-8");
  await recorder.requestBytes("alice", Command.UserTalk, Buffer.from("0a0161", "hex"), { dest: "bob" }, "a wrong type");
}

async function closes(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  const hex = (text: string): Buffer => Buffer.from(text, "hex");
  const tcp: readonly (readonly [string, Buffer])[] = [
    ["a close frame", hex("0800000000")],
    ["a close frame with a text", Buffer.concat([hex("0800000008"), Buffer.from("1000 bye")])],
    ["a text frame", hex("010000000161")],
    ["an unknown opcode", hex("0700000000")],
    ["a continuation", hex("000000000161")],
    ["a frame too large", hex("0200100001")],
    ["a ping frame too large", Buffer.concat([hex("090000007e"), Buffer.alloc(126)])],
    ["a packet that is too short", hex("0200000004c311a365")],
    ["a packet of no kind", hex("020000000cc311a3660000000000000000")],
    ["a packet whose lengths are wrong", hex("0200000010c311a36500000008000000000000000000")],
    ["a header that is no message", hex("020000000ec311a365000000020aff00000000")],
    ["a header too large", Buffer.concat([hex("0200004010c311a36500004004"), Buffer.alloc(16_388), hex("00000000")])],
  ];
  for (const [what, bytes] of tcp) {
    const by = `alice, ${what}`;
    await clients.enter(by, "tcp", "alice");
    await recorder.bytes(by, what, bytes);
    await recorder.closeAll();
  }
  const ws: readonly (readonly [string, Buffer])[] = [
    ["a close frame", hex("88820000000003e8")],
    ["a close frame without a code", hex("888000000000")],
    ["a text message", hex("81810000000061")],
    ["an empty message", hex("828000000000")],
    ["a message too large", hex("82ff000000000010000100000000")],
    ["a packet of no kind", hex("828c00000000c311a3660000000000000000")],
    ["a header that is no message", hex("828e00000000c311a365000000020aff00000000")],
    ["a frame without a mask", hex("820161")],
  ];
  for (const [what, bytes] of ws) {
    const by = `bob, ${what}`;
    await clients.enter(by, "ws", "bob", { device: "web" });
    await recorder.bytes(by, what, bytes);
    await recorder.closeAll();
  }
}

async function strangers(clients: OldClients): Promise<void> {
  const { recorder } = clients;
  for (const transport of ["tcp", "ws"] as const) {
    for (const token of ["expired", "forged", "with a comma", "without app"]) {
      const by = `${transport}, ${token}`;
      await clients.enter(by, transport, token);
    }
    const first = async (what: string, act: (by: string) => Promise<unknown>): Promise<void> => {
      const by = `${transport}, ${what}`;
      await recorder.open(by, transport);
      await act(by);
    };
    const signIn = Buffer.from("c311a365000000100a0c6c6f67696e2e7369676e696e180100000000", "hex");
    await first("a sign-in without a token", (by) => recorder.payload(by, "an empty body", signIn));
    await first("a malformed sign-in", (by) => clients.refused(by, Command.SignIn, "a malformed body", malformed));
    await first("a talk first", (by) => clients.talk(by, "bob", { body: "hello" }));
    await first("a ping first", (by) => recorder.payload(by, "a ping", Buffer.from("c315a76500010000", "hex")));
    await first("an index first", (by) => clients.index(by, 0n));
    await first("an unknown command first", (by) => clients.refused(by, "foo.bar", "no such command"));
    await first("a renewal first", (by) => clients.renew(by, "alice"));
    await first("a large frame first", (by) => recorder.payload(by, "33 KiB", Buffer.alloc(33 * 1024)));
    await recorder.closeAll();
  }
  await recorder.open("http", "ws", "GET / HTTP/1.1\r\nHost: chat.example.org\r\n\r\n");
}

async function removedKey(clients: OldClients): Promise<void> {
  await clients.enter("gina", "tcp", "of the second key");
  await clients.enter("gina's phone", "ws", "of the second key", { device: "phone", features: ["renew"] });
  await clients.enter("alice", "tcp", "alice");
  await clients.recorder.patiently(() =>
    clients.recorder.act("the key of gina's tokens is removed", "remove second key"),
  );
  await clients.talk("alice", "gina", { body: "who was signed out" });
}

async function leaving(clients: OldClients): Promise<void> {
  await clients.enter("alice", "tcp", "alice");
  await clients.enter("bob", "ws", "bob", { device: "phone" });
  await clients.recorder.act("the server leaves", "end");
}
