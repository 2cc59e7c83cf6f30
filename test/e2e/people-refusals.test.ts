// What a raw client of the protocol must not do to groups, people and presence, against the executable: each request is
// answered with its status and its sentence, changes nothing, and the server lives.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Command, type CommandName } from "../../src/wire/commands.ts";
import {
  AccountSettingsReqSchema,
  BlockedReqSchema,
  BlockReqSchema,
  Consent,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupAliasReqSchema,
  GroupAnswerReqSchema,
  GroupCreateReqSchema,
  GroupDismissReqSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupInvitationsReqSchema,
  GroupInviteReqSchema,
  GroupJoinReqSchema,
  GroupListReqSchema,
  GroupMuteReqSchema,
  GroupPinnedReqSchema,
  GroupPinReqSchema,
  GroupRemoveReqSchema,
  GroupRequestNotifySchema,
  GroupRequestReqSchema,
  GroupRequestsReqSchema,
  GroupRevokeReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  InvitationSchema,
  LoginReqSchema,
  PresenceReqSchema,
  PresenceStatesSchema,
  ProfileReqSchema,
  ProfileSetReqSchema,
  SignalSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ServerProcess, run } from "../../scripts/harness/server-process.ts";
import { ask, asked, createGroup, groupTalk, succeeded, talk } from "../support/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type Answer, sentenceOf, WireClient } from "../support/wire-client.ts";

const folder = temporaryFolder("people-refusals-");
const { InvalidPacketBody: badBody, PayloadTooLarge: tooLarge, Forbidden: forbidden, NotFound: notFound } = Status;
const nameRule = "1 to 60 visible characters without commas or surrounding spaces";
let server: ServerProcess;
/** Ann owns the group, bob is its admin, cid a member; dan knows none of them. */
let ann: WireClient;
let bob: WireClient;
let cid: WireClient;
let dan: WireClient;
/** Bob's connection without the feature, and ann of another app. */
let plain: WireClient;
let foreign: WireClient;
let group: string;
let said: bigint;

beforeAll(async () => {
  server = await ServerProcess.start(folder);
  [ann, bob, cid, dan] = [await person("ann"), await person("bob"), await person("cid"), await person("dan")];
  plain = await person("bob", { device: "old", features: [] });
  foreign = await person("ann", { app: "another" });
  group = await createGroup(ann, ["bob", "cid"]);
  const role = GroupRole.GroupRoleAdmin;
  succeeded(await ask(ann, Command.GroupRole, GroupRoleReqSchema, { group, account: "bob", role }));
  said = (await groupTalk(ann, group, "what ann said")).messageId;
  await talk(ann, "bob", "hello");
}, 60_000);
afterAll(() => server.end("SIGKILL"));

async function person(account: string, { app = "", device = "phone", features = ["conversations"] } = {}) {
  const { out } = await run(["token", "--account", account, ...(app === "" ? [] : ["--app", app])], folder);
  const client = await stranger();
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token: out.trim(), device, features }));
  return client;
}

const stranger = () => WireClient.connect(server.tcp.replace("tcp://", ""));
/** A command with a body. */
interface Asking {
  readonly command: CommandName;
  readonly body: Uint8Array;
}

const asking = <Desc extends DescMessage>(
  command: CommandName,
  schema: Desc,
  init: MessageInitShape<Desc>,
): Asking => ({
  command,
  body: toBinary(schema, create(schema, init)),
});

/** A good request of each command, about what is named so. */
function good({ group: id, account, messageId }: { group: string; account: string; messageId: bigint }): Asking[] {
  const of = { group: id, account };
  return [
    asking(Command.GroupList, GroupListReqSchema, { after: id, limit: 10 }),
    asking(Command.GroupUpdate, GroupUpdateReqSchema, { group: id, name: "n", closed: true }),
    asking(Command.GroupAdd, GroupAddReqSchema, { group: id, accounts: [account] }),
    asking(Command.GroupRemove, GroupRemoveReqSchema, { group: id, accounts: [account] }),
    asking(Command.GroupRole, GroupRoleReqSchema, { ...of, role: GroupRole.GroupRoleMember }),
    asking(Command.GroupTransfer, GroupTransferReqSchema, of),
    asking(Command.GroupMute, GroupMuteReqSchema, { ...of, until: 4_000_000_000n }),
    asking(Command.GroupDismiss, GroupDismissReqSchema, { group: id }),
    asking(Command.GroupAlias, GroupAliasReqSchema, { group: id, alias: "a" }),
    asking(Command.GroupPin, GroupPinReqSchema, { group: id, messageId }),
    asking(Command.GroupUnpin, GroupPinReqSchema, { account, messageId }),
    asking(Command.GroupPinned, GroupPinnedReqSchema, { group: id }),
    asking(Command.GroupInvite, GroupInviteReqSchema, { group: id }),
    asking(Command.GroupRevoke, GroupRevokeReqSchema, { group: id, code: "x".repeat(22) }),
    asking(Command.GroupInvitations, GroupInvitationsReqSchema, { group: id }),
    asking(Command.GroupRequest, GroupRequestReqSchema, { group: id, text: "t" }),
    asking(Command.GroupRequests, GroupRequestsReqSchema, { group: id, after: account }),
    asking(Command.GroupAnswer, GroupAnswerReqSchema, { ...of, accept: true }),
    asking(Command.AccountBlock, BlockReqSchema, { account }),
    asking(Command.AccountUnblock, BlockReqSchema, { account }),
    asking(Command.AccountBlocked, BlockedReqSchema, { after: account }),
    asking(Command.AccountSettings, AccountSettingsReqSchema, { add: Consent.ConsentEverybody }),
    asking(Command.AccountProfile, ProfileReqSchema, { accounts: [account], versions: [5n] }),
    asking(Command.AccountSetProfile, ProfileSetReqSchema, { name: "n", avatar: "https://example.org/a", extra: "e" }),
    asking(Command.PresenceWatch, PresenceReqSchema, { accounts: [account] }),
    asking(Command.PresenceUnwatch, PresenceReqSchema, { accounts: [account] }),
    asking(Command.Signal, SignalSchema, { group: id, kind: "typing" }),
  ];
}

const send = (client: WireClient, { command, body }: Asking): Promise<Answer> => client.requestBytes(command, "", body);

/** What the server holds in memory, in bytes. */
function residentBytes(): number {
  const [, pages = "0"] = readFileSync(`/proc/${server.pid}/statm`, "utf8").split(" ");
  return Number(pages) * 4_096;
}

/** The group as ann sees it, and all that anybody was pushed. */
async function seen(): Promise<unknown> {
  const wanted = { groupId: group, limit: 200 };
  const page = await asked(ann, Command.GroupMembers, GroupGetReqSchema, wanted, GroupGetRespSchema);
  const all = [ann, bob, cid, dan, plain, foreign];
  for (const client of all) await ask(client, Command.GroupDetail, GroupGetReqSchema, { groupId: "none" });
  return { page, pushes: all.map(({ pushes }) => pushes.map(({ header }) => header.command)) };
}

type Case = readonly [what: string, ask: () => Promise<Answer>, status: Status, says: string];

/** Expects each request to be refused so, and to leave everything and everybody as they were. */
async function refused(cases: readonly Case[]): Promise<void> {
  const before = await seen();
  for (const [what, sent, status, says] of cases) {
    const answer = await sent();
    const sentence = answer.status === Status.Success ? "" : sentenceOf(answer);
    expect([what, answer.status, sentence]).toEqual([what, status, says]);
  }
  expect(await seen()).toEqual(before);
}

/** A case of a request by a client. */
const by =
  (client: () => WireClient) =>
  <Desc extends DescMessage>(
    what: string,
    command: CommandName,
    schema: Desc,
    init: MessageInitShape<Desc>,
    status: Status,
    says: string,
  ): Case => [`${command}: ${what}`, () => ask(client(), command, schema, init), status, says];
const [annSends, cidSends, danSends] = [by(() => ann), by(() => cid), by(() => dan)];

test("a connection without the feature is refused each command, and one without a session is closed", async () => {
  const all = good({ group, account: "cid", messageId: said });
  expect(new Set(all.map(({ command }) => command)).size).toBe(27);
  await refused(
    all.map((each): Case => {
      const sentence = `${each.command} needs the feature "conversations": name it at the sign-in`;
      return [each.command, () => send(plain, each), Status.InvalidCommand, sentence];
    }),
  );
  for (const each of all) {
    const client = await stranger();
    const answer = await send(client, each);
    expect([each.command, answer.status, sentenceOf(answer)]).toEqual([
      each.command,
      Status.InvalidCommand,
      "sign in first",
    ]);
    await client.ending();
  }
}, 60_000);

test("what is another app's is answered as if it did not exist, byte for byte", async () => {
  const before = await seen();
  const plainly = async (named: Parameters<typeof good>[0]) => {
    const answers = [];
    for (const each of good(named)) {
      const { header, status, body } = await send(foreign, each);
      // What an account sets for itself has a version of now.
      const isOwn = [Command.AccountBlock, Command.AccountUnblock].some((command) => command === header.command);
      const isSet = header.command === Command.AccountSettings || header.command === Command.AccountSetProfile;
      answers.push([header.command, status, isOwn || isSet ? "" : Buffer.from(body).toString("utf8")]);
    }
    return answers;
  };
  const theirs = await plainly({ group, account: "bob", messageId: said });
  const nobodys = await plainly({ group: "x".repeat(group.length), account: "x-b", messageId: 5n });
  expect(theirs.map(([command, status, body]) => [command, status, String(body).replaceAll("bob", "x-b")])).toEqual(
    nobodys,
  );
  expect(await seen()).toEqual(before);
  const { code } = await asked(ann, Command.GroupInvite, GroupInviteReqSchema, { group }, InvitationSchema);
  const join = { code };
  const guess = await ask(foreign, Command.GroupJoin, GroupJoinReqSchema, join);
  expect([guess.status, sentenceOf(guess)]).toEqual([notFound, wrongCode]);
}, 60_000);

test("bodies that are cut, random or long are answered, and end nothing", async () => {
  const random = new Random(testSeed("bodies of groups and people"));
  const allowed = new Set<Status>([
    Status.Success,
    ...[badBody, tooLarge, forbidden, notFound, Status.RateLimited, Status.ServiceUnavailable],
  ]);
  const eve = await person("eve");
  for (const { command, body } of good({ group: "x".repeat(22), account: "nobody", messageId: 5n })) {
    const bodies = [
      ...Array.from(body, (_, at) => body.subarray(0, at)),
      ...Array.from({ length: 20 }, () => random.bytes(random.below(64))),
      // A field that nobody knows, a length beyond the end, a group that never ends, ten bytes of a varint.
      ...["ba3e0161", "0aff7f", "0b", "08ffffffffffffffffff7f", "0a03eda080"].map((hex) => Buffer.from(hex, "hex")),
      Buffer.alloc(300_000, 0x0a),
    ];
    const answers = await Promise.all(bodies.map((each) => eve.requestBytes(command, "", each)));
    for (const { status } of answers) expect([command, status, allowed.has(status)]).toEqual([command, status, true]);
    expect([command, answers.at(-1)?.status]).toEqual([command, tooLarge]);
  }
  expect(eve.isClosed).toBe(false);
  eve.terminate();
}, 60_000);

test("names and texts at, just below and just above each of their bounds", async () => {
  const frank = await person("frank");
  const mine = await createGroup(frank, []);
  const franks = <Desc extends DescMessage>(command: CommandName, schema: Desc, init: MessageInitShape<Desc>) =>
    ask(frank, command, schema, init);
  const bounds: readonly (readonly [string, number, (text: string) => Promise<Answer>, Status, string])[] = [
    ...(["name", "avatar", "introduction", "announcement"] as const).map(
      (field) =>
        [
          "x",
          4_096,
          (text: string) => franks(Command.GroupUpdate, GroupUpdateReqSchema, { group: mine, [field]: text }),
          tooLarge,
          `a group's ${field} has at most 4096 bytes`,
        ] as const,
    ),
    [
      "é",
      64,
      (alias) => franks(Command.GroupAlias, GroupAliasReqSchema, { group: mine, alias }),
      badBody,
      "alias has at most 64 characters",
    ],
    [
      "👍",
      64,
      (name) => franks(Command.AccountSetProfile, ProfileSetReqSchema, { name }),
      badBody,
      "name has at most 64 characters",
    ],
    [
      "x",
      512 - "https://a/".length,
      (rest) => franks(Command.AccountSetProfile, ProfileSetReqSchema, { avatar: `https://a/${rest}` }),
      tooLarge,
      "avatar has at most 512 bytes",
    ],
    [
      "é",
      512,
      (extra) => franks(Command.AccountSetProfile, ProfileSetReqSchema, { extra }),
      tooLarge,
      "extra has at most 1024 bytes",
    ],
    [
      "x",
      1_024,
      (body) => franks(Command.Signal, SignalSchema, { account: "frank", kind: "k", body }),
      tooLarge,
      "a signal's body has at most 1024 bytes",
    ],
    [
      "é",
      16,
      (kind) => franks(Command.Signal, SignalSchema, { account: "frank", kind }),
      badBody,
      "kind must have 1 to 32 bytes without control characters",
    ],
    [
      "é",
      60,
      (account) => franks(Command.AccountBlock, BlockReqSchema, { account }),
      badBody,
      `account must be a name: ${nameRule}`,
    ],
  ];
  for (const [at, [letter, most, sending, status, says]] of bounds.entries()) {
    for (const count of [most - 1, most]) {
      const answer = await sending(letter.repeat(count));
      expect([at, count, answer.status]).toEqual([at, count, Status.Success]);
    }
    const answer = await sending(letter.repeat(most + 1));
    expect([at, answer.status, sentenceOf(answer)]).toEqual([at, status, says]);
  }
  const requestText = (text: string) => franks(Command.GroupRequest, GroupRequestReqSchema, { group: "none", text });
  expect((await requestText("é".repeat(256))).status).toBe(notFound);
  const long = await requestText("é".repeat(257));
  expect([long.status, sentenceOf(long)]).toEqual([tooLarge, "text has at most 512 bytes"]);
}, 60_000);

test("control and direction characters, and bytes that are no text, in names", async () => {
  const cases = ["a\u0000b", "a\nb", "\u202eevil", "a\u200fb", "\ufeffa", "\u2066x"].flatMap((name): Case[] => [
    annSends(
      JSON.stringify(name),
      Command.GroupUpdate,
      GroupUpdateReqSchema,
      { group, name },
      badBody,
      "name must have no control or format characters",
    ),
    annSends(
      JSON.stringify(name),
      Command.GroupCreate,
      GroupCreateReqSchema,
      { name },
      badBody,
      "name must have no control or format characters",
    ),
    annSends(
      JSON.stringify(name),
      Command.GroupAlias,
      GroupAliasReqSchema,
      { group, alias: name },
      badBody,
      "alias must have no control or format characters",
    ),
    annSends(
      JSON.stringify(name),
      Command.AccountSetProfile,
      ProfileSetReqSchema,
      { name },
      badBody,
      "name must have no control or format characters",
    ),
    annSends(
      JSON.stringify(name),
      Command.AccountBlock,
      BlockReqSchema,
      { account: `a${name}` },
      badBody,
      `account must be a name: ${nameRule}`,
    ),
  ]);
  await refused(cases);
  // Half of a surrogate pair, as UTF-8 would write it if it could.
  const id = Buffer.from(group);
  const half = Buffer.from("eda080", "hex");
  const field = (number: number, bytes: Buffer) => Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);
  for (const [command, body] of [
    [Command.GroupUpdate, Buffer.concat([field(1, id), field(2, half)])],
    [Command.GroupAlias, Buffer.concat([field(1, id), field(2, half)])],
    [Command.AccountSetProfile, field(1, half)],
  ] as const) {
    const answer = await ann.requestBytes(command, "", body);
    expect([command, answer.status]).toEqual([command, badBody]);
  }
  // Scripts and emoji need these two.
  succeeded(await ask(cid, Command.GroupAlias, GroupAliasReqSchema, { group, alias: "👩‍👩‍👧 نم‌یخ" }));
  succeeded(await ask(cid, Command.GroupAlias, GroupAliasReqSchema, { group, alias: "" }));
}, 60_000);

test("numbers that are negative or huge, lists that are empty or too long, and oneself", async () => {
  const many = (count: number) => Array.from({ length: count }, (_, at) => `a${at}`);
  const top = 2n ** 63n - 1n;
  const pages = [-1, 201, 2 ** 31 - 1].flatMap((limit): Case[] => {
    const says = "limit must be 1 to 200, or 0 for 50";
    return [
      annSends(`limit ${limit}`, Command.GroupList, GroupListReqSchema, { limit }, badBody, says),
      annSends(`limit ${limit}`, Command.GroupMembers, GroupGetReqSchema, { groupId: group, limit }, badBody, says),
      annSends(`limit ${limit}`, Command.GroupRequests, GroupRequestsReqSchema, { group, limit }, badBody, says),
      annSends(`limit ${limit}`, Command.AccountBlocked, BlockedReqSchema, { limit }, badBody, says),
    ];
  });
  const roles = "role must be that of a member or an admin; chat.group.transfer changes the owner";
  const year = "expiresIn must be 1 to 31622400 seconds, or 0 for 604800";
  const inSeconds = "until is in seconds since 1970, and before the year 10000";
  const adding = (what: string, accounts: string[], status: Status, says: string) =>
    annSends(what, Command.GroupAdd, GroupAddReqSchema, { group, accounts }, status, says);
  const removing = (what: string, accounts: string[], status: Status, says: string) =>
    annSends(what, Command.GroupRemove, GroupRemoveReqSchema, { group, accounts }, status, says);
  const muting = (account: string, until: bigint, status: Status, says: string) =>
    annSends(
      `${account} until ${until}`,
      Command.GroupMute,
      GroupMuteReqSchema,
      { group, account, until },
      status,
      says,
    );
  await refused([
    ...pages,
    muting("cid", -1n, badBody, "until must not be negative"),
    muting("cid", 253_402_300_800n, badBody, inSeconds),
    muting("cid", top, badBody, inSeconds),
    muting("ann", 0n, forbidden, "only the owner of a group mutes admins, and only the owner and admins mute members"),
    muting("dan", 0n, notFound, "the account is no member of this group"),
    annSends("-1 s", Command.GroupInvite, GroupInviteReqSchema, { group, expiresIn: -1n }, badBody, year),
    annSends("too long", Command.GroupInvite, GroupInviteReqSchema, { group, expiresIn: 31_622_401n }, badBody, year),
    annSends("for ever", Command.GroupInvite, GroupInviteReqSchema, { group, expiresIn: top }, badBody, year),
    annSends(
      "uses",
      Command.GroupInvite,
      GroupInviteReqSchema,
      { group, uses: 100_001 },
      badBody,
      "uses must be 1 to 100000, or 0 for any number",
    ),
    annSends(
      "a version",
      Command.AccountProfile,
      ProfileReqSchema,
      { accounts: ["bob"], versions: [-1n] },
      badBody,
      "each of versions must not be negative",
    ),
    annSends(
      "more versions",
      Command.AccountProfile,
      ProfileReqSchema,
      { accounts: ["bob"], versions: [1n, 2n] },
      badBody,
      "there must not be more versions than accounts",
    ),
    annSends(
      "201",
      Command.AccountProfile,
      ProfileReqSchema,
      { accounts: many(201) },
      tooLarge,
      "at most 200 accounts in one request",
    ),
    annSends(
      "201",
      Command.PresenceWatch,
      PresenceReqSchema,
      { accounts: many(201) },
      tooLarge,
      "a request names at most 200 accounts",
    ),
    annSends("none", Command.PresenceWatch, PresenceReqSchema, {}, badBody, "accounts must name at least one account"),
    annSends(
      "a role that is none",
      Command.GroupRole,
      GroupRoleReqSchema,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a number that the protocol does not have
      { group, account: "cid", role: 77 as GroupRole },
      badBody,
      roles,
    ),
    annSends(
      "the owner's role",
      Command.GroupRole,
      GroupRoleReqSchema,
      { group, account: "cid", role: GroupRole.GroupRoleOwner },
      badBody,
      roles,
    ),
    annSends(
      "a setting that is none",
      Command.AccountSettings,
      AccountSettingsReqSchema,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
      { write: 3 as Consent },
      badBody,
      "write must be 0 to 2: everybody, conversations, nobody",
    ),
    annSends("nothing", Command.GroupUpdate, GroupUpdateReqSchema, { group }, badBody, nothingSet),
    annSends("no name", Command.GroupUpdate, GroupUpdateReqSchema, { group, name: "" }, badBody, noName),
    annSends("nothing", Command.AccountSetProfile, ProfileSetReqSchema, {}, badBody, nothingShown),
    ...["javascript:alert(1)", "data:text/html,x", "https://", "http://a b", "//example.org"].map((avatar) =>
      annSends(avatar, Command.AccountSetProfile, ProfileSetReqSchema, { avatar }, badBody, badAvatar),
    ),
    adding("1,001", many(1_001), tooLarge, "at most 1000 accounts in one request"),
    removing("1,001", many(1_001), tooLarge, "at most 1000 accounts in one request"),
    adding("none", [], badBody, "accounts must name others"),
    adding("oneself, twice", ["ann", "ann"], badBody, "accounts must name others"),
    adding("no name", ["eve", ""], badBody, `each of accounts must be a name: ${nameRule}`),
    removing("none", [], badBody, "accounts must not be empty"),
    removing("oneself", ["cid", "ann"], forbidden, "nobody removes itself: leave the group with chat.group.quit"),
    annSends("oneself", Command.AccountBlock, BlockReqSchema, { account: "ann" }, badBody, "nobody blocks itself"),
    annSends(
      "oneself",
      Command.GroupRole,
      GroupRoleReqSchema,
      { group, account: "ann", role: GroupRole.GroupRoleMember },
      forbidden,
      "only the owner of a group changes roles, and never its own",
    ),
    annSends(
      "a stranger",
      Command.GroupTransfer,
      GroupTransferReqSchema,
      { group, account: "dan" },
      notFound,
      "the account is no member of this group",
    ),
  ]);
  // What is so already, and duplicates of it, are Success.
  const twice = { group, accounts: ["bob", "bob", "cid"] };
  const added = await asked(ann, Command.GroupAdd, GroupAddReqSchema, twice, GroupAddRespSchema);
  expect(added).toMatchObject({ entryId: 0n, leftOut: [], unwilling: [] });
  succeeded(await ask(ann, Command.GroupTransfer, GroupTransferReqSchema, { group, account: "ann" }));
}, 60_000);

test("who may not, and a group that is none", async () => {
  const admins = "only the owner and the admins of a group may do this";
  const none = "there is no such group";
  const [membersCannot, strangersCannot] = [cidSends, danSends];
  await refused([
    ...[membersCannot, strangersCannot].flatMap((sends) => [
      sends("", Command.GroupUpdate, GroupUpdateReqSchema, { group, name: "n" }, forbidden, cannotUpdate),
      sends("", Command.GroupAdd, GroupAddReqSchema, { group, accounts: ["eve"] }, forbidden, cannotAdd),
      sends("", Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: ["bob"] }, forbidden, cannotRemove),
      sends("", Command.GroupTransfer, GroupTransferReqSchema, { group, account: "bob" }, forbidden, cannotGive),
      sends("", Command.GroupDismiss, GroupDismissReqSchema, { group }, forbidden, cannotDismiss),
      sends("", Command.GroupInvite, GroupInviteReqSchema, { group }, forbidden, admins),
      sends("", Command.GroupRevoke, GroupRevokeReqSchema, { group, code: "c" }, forbidden, admins),
      sends("", Command.GroupInvitations, GroupInvitationsReqSchema, { group }, forbidden, admins),
      sends("", Command.GroupRequests, GroupRequestsReqSchema, { group }, forbidden, admins),
      sends("", Command.GroupAnswer, GroupAnswerReqSchema, { group, account: "eve" }, forbidden, cannotAnswer),
      sends("", Command.GroupPin, GroupPinReqSchema, { group, messageId: said }, forbidden, cannotPin),
    ]),
    danSends(
      "",
      Command.GroupAlias,
      GroupAliasReqSchema,
      { group, alias: "a" },
      forbidden,
      "only members have a name in a group",
    ),
    danSends("", Command.GroupPinned, GroupPinnedReqSchema, { group }, notFound, "you have no such conversation"),
    danSends("", Command.Signal, SignalSchema, { group, kind: "k" }, forbidden, "you are not a member of this group"),
    danSends("", Command.GroupRequest, GroupRequestReqSchema, { group }, forbidden, takesEverybody),
    ...good({ group: "x".repeat(22), account: "bob", messageId: said })
      .filter(({ command }) => /^chat\.group\.(?!list|pin|unpin|pinned|answer)/.test(command))
      .map((each): Case => [`${each.command} of no group`, () => send(dan, each), notFound, none]),
  ]);
}, 60_000);

test("codes that are expired, revoked, used up or guessed have one answer, and guessing is slowed down", async () => {
  const invite = (init: { expiresIn?: bigint; uses?: number }) =>
    asked(ann, Command.GroupInvite, GroupInviteReqSchema, { group, ...init }, InvitationSchema);
  const join = (client: WireClient, code: string) => ask(client, Command.GroupJoin, GroupJoinReqSchema, { code });
  const [short, once, revoked] = [await invite({ expiresIn: 1n }), await invite({ uses: 1 }), await invite({})];
  const [gil, hal] = [await person("gil"), await person("hal")];
  succeeded(await ask(ann, Command.GroupRevoke, GroupRevokeReqSchema, { group, code: revoked.code }));
  succeeded(await join(gil, once.code));
  await Bun.sleep(2_100);
  const codes = [short.code, once.code, revoked.code, "x", "x".repeat(22), once.code.toLowerCase(), "é".repeat(1_000)];
  for (const code of codes) {
    const answer = await join(hal, code);
    expect([code, answer.status, sentenceOf(answer)]).toEqual([code, notFound, wrongCode]);
  }
  const guesses = await Promise.all(Array.from({ length: 40 }, (_, at) => join(hal, `guess${at}`)));
  const statuses = guesses.map(({ status }) => status);
  expect(statuses.filter((status) => status === notFound)).toHaveLength(13);
  const slowed = guesses.filter(({ status }) => status !== notFound);
  expect(new Set(slowed.map((answer) => `${answer.status} ${sentenceOf(answer)}`))).toEqual(
    new Set([
      `${Status.RateLimited} too many of your invitations were wrong: at most 1 a minute, 20 at once; try again later`,
    ]),
  );
  // Right ones of others are not slowed down by that.
  const valid = await invite({});
  for (let times = 0; times < 30; times++) succeeded(await join(gil, valid.code));
  succeeded(await ask(ann, Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: ["gil"] }));
  for (const client of [gil, hal]) client.terminate();
}, 60_000);

test("twenty requests to join are one, told once", async () => {
  const open = await createGroup(ann, []);
  succeeded(await ask(ann, Command.GroupUpdate, GroupUpdateReqSchema, { group: open, approval: true }));
  for (let times = 0; times < 20; times++)
    succeeded(await ask(dan, Command.GroupRequest, GroupRequestReqSchema, { group: open, text: `${times}` }));
  const told = await ann.pushed(Command.GroupRequest, GroupRequestNotifySchema);
  expect(told.map(({ request: of }) => [of?.account, of?.text])).toEqual([["dan", "0"]]);
  const page = { groupId: open, withoutMembers: true };
  expect(await asked(ann, Command.GroupDetail, GroupGetReqSchema, page, GroupGetRespSchema)).toMatchObject({
    requestCount: 1,
  });
  const accept = { group: open, account: "eve", accept: true };
  const answer = await ask(ann, Command.GroupAnswer, GroupAnswerReqSchema, accept);
  expect([answer.status, sentenceOf(answer)]).toEqual([
    notFound,
    "there is no such group, or the account does not ask to join it any more",
  ]);
}, 60_000);

test("strangers, and those who block one, look like accounts that never were", async () => {
  const ivy = await person("ivy");
  await talk(ivy, "ann", "hello");
  succeeded(await ask(ann, Command.AccountBlock, BlockReqSchema, { account: "ivy" }));
  const accounts = ["ann", "bob", "x-x", "ivy"];
  const states = await asked(ivy, Command.PresenceWatch, PresenceReqSchema, { accounts }, PresenceStatesSchema);
  expect(states.states.map(({ account, devices, lastSeen }) => [account, devices, lastSeen])).toEqual([
    ["ann", 0, 0n],
    ["bob", 0, 0n],
    ["x-x", 0, 0n],
    ["ivy", 1, 0n],
  ]);
  await refused([
    [
      "a signal to who blocks",
      () => ask(ivy, Command.Signal, SignalSchema, { account: "ann", kind: "typing" }),
      forbidden,
      "the account does not let you write to it; invite it to a group instead",
    ],
    [
      "a pin there",
      () => ask(ivy, Command.GroupPin, GroupPinReqSchema, { account: "ann", messageId: 5n }),
      notFound,
      "there is no such message in this conversation, or it was recalled",
    ],
  ]);
  // 1,000 watches of a connection, whoever is watched.
  const watch = (from: number) =>
    ask(ivy, Command.PresenceWatch, PresenceReqSchema, {
      accounts: Array.from({ length: 200 }, (_, at) => `w${from + at}`),
    });
  for (let from = 0; from < 600; from += 200) succeeded(await watch(from));
  const beyond = [await watch(600), await watch(800)].at(-1);
  expect([beyond?.status, beyond && sentenceOf(beyond)]).toEqual([
    forbidden,
    "a connection watches at most 1000 accounts; end watches by presence.unwatch",
  ]);
  succeeded(await ask(ivy, Command.PresenceUnwatch, PresenceReqSchema, {}));
  succeeded(await watch(800));
  ivy.terminate();
}, 60_000);

test("typing in a group of ten thousand is Success, and signals have a rate", async () => {
  const joe = await person("joe");
  const large = await createGroup(
    joe,
    Array.from({ length: 9_999 }, (_, at) => `large${at}`),
  );
  const answers = await Promise.all(
    Array.from({ length: 150 }, () => ask(joe, Command.Signal, SignalSchema, { group: large, kind: "typing" })),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === Status.Success).length).toBeGreaterThanOrEqual(100);
  const slow = answers.find(({ status }) => status !== Status.Success);
  expect([slow?.status, slow && sentenceOf(slow)]).toEqual([
    Status.RateLimited,
    "you send signals too fast: at most 20 a second, 100 at once",
  ]);
  joe.terminate();
}, 60_000);

test("a client that watches and never reads holds little, and harms nobody", async () => {
  const kay = await person("kay");
  const before = residentBytes();
  kay.pause();
  const accounts = Array.from({ length: 200 }, (_, at) => `${"k".repeat(50)}${at}`);
  const { body } = asking(Command.PresenceWatch, PresenceReqSchema, { accounts });
  const asks = Array.from({ length: 3_000 }, () =>
    kay.requestBytes(Command.PresenceWatch, "", body).catch(() => undefined),
  );
  const watched = { accounts: ["bob"] };
  for (let times = 0; times < 20; times++) {
    await Bun.sleep(100);
    succeeded(await ask(ann, Command.PresenceWatch, PresenceReqSchema, watched));
  }
  expect(residentBytes() - before).toBeLessThan(200 * 1024 * 1024);
  kay.terminate();
  await Promise.all(asks);
}, 60_000);

test("after all of this everybody is connected, the store is in order, and the server ends in order", async () => {
  for (const client of [ann, bob, cid, dan, plain, foreign]) expect(client.isClosed).toBe(false);
  expect(server.log).not.toMatch(/ error /);
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await run(["check"], folder)).toMatchObject({ status: 0 });
});

const wrongCode = "there is no such invitation, or it is not valid any more";
const nothingSet = "at least one of the group's texts and settings must be set";
const noName = "name must not be empty";
const nothingShown = "at least one of name, avatar and extra must be set";
const badAvatar = "avatar must be an http or https URL, or empty";
const cannotUpdate = "only the owner and the admins of a group change it";
const cannotAdd = "only the owner and the admins of a group add members";
const cannotRemove = "only the owner of a group removes admins, and only the owner and admins remove members";
const cannotGive = "only the owner of a group gives it to another";
const cannotDismiss = "only the owner of a group dismisses it";
const cannotAnswer = "only the owner and the admins of a group answer requests to join it";
const takesEverybody = "the group takes everybody: join it with chat.group.join";
const cannotPin = "only the owner and the admins of a group pin its messages";
