// A gateway's copy of kicks and revocations: whom they end and refuse, and how it gets them.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, setSystemTime, test } from "bun:test";
import { SignJWT } from "jose";
import { signToken } from "../../src/auth/token.ts";
import { banMsMax } from "../../src/base/limits/fixed.ts";
import { encodeLinkState } from "../../src/link/link-state.ts";
import { Link } from "../../src/routing/links.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { restoreSessions } from "../../src/roles/gateway/login-link.ts";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { closeAbnormal, CloseCode } from "../../src/wire/close-reason.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, LoginReqSchema, MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import {
  decodeRevocationsQuestion,
  encodeRevocationsPage,
  encodeRevocationsState,
  type StoredRevocation,
} from "../../src/wire/revocations.ts";
import { FrameKeeper, loneGateway } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";

const nowMs = Date.now();
const key = new Uint8Array(32);

const kick = (id: bigint, account: string, change: Partial<StoredRevocation> = {}): StoredRevocation => ({
  id,
  app: "app",
  account,
  kind: "kick",
  device: undefined,
  beforeMs: nowMs,
  ...change,
});
const revoke = (id: bigint, account: string, change: Partial<StoredRevocation> = {}): StoredRevocation =>
  kick(id, account, { kind: "revoke", ...change });

/**
 * A gateway with a link to a chat node, which says what a test lets it say. `monotonicMs`: the system's clock, unless
 * given.
 */
function stage(monotonicMs?: () => number) {
  const lone = loneGateway({}, Date.now, monotonicMs);
  const { gateway, link, downlink, node } = lone;
  const hear = (body: Uint8Array, by: Downlink = downlink): void => {
    const meta = [{ key: MetaKey.DestServer, value: "gate", type: MetaType.string }];
    const packet = Buffer.from(encodeLogicPacket({ command: Command.Revocations, flag: Flag.Push, meta }, body));
    by.frame(packet, 0, packet.length);
  };
  /** What a chat node was asked: above which numbers it has rows. */
  const asked = (of: FrameKeeper = node): (bigint | undefined)[] =>
    of.packets
      .filter(({ header }) => header.command === Command.Revocations)
      .map(({ body }) => decodeRevocationsQuestion(Buffer.from(body)));
  const hasUpTo = (version: bigint, by?: Downlink, store = "store"): void =>
    hear(encodeRevocationsState({ store, version }), by);
  let clockMs = 0;
  const gets = (after: bigint, rows: readonly StoredRevocation[], store = "store", version?: bigint): void =>
    hear(
      encodeRevocationsPage({
        store,
        version: version ?? rows.at(-1)?.id ?? after,
        after,
        rows,
        nowMs: Date.now() + clockMs,
      }),
    );
  /** The chat node's clock is so far ahead of the gateway's. */
  const setClock = (aheadMs: number): void => void (clockMs = aheadMs);
  /** Tells of rows, and gives them. */
  const add = (...rows: readonly StoredRevocation[]): void => {
    hasUpTo(rows.at(-1)?.id ?? 0n);
    gets(asked().at(-1) ?? 0n, rows);
  };
  const client = (account: string, change: Partial<Channel> = {}) => {
    const made = lone.client(account);
    Object.assign(made.channel, { signedInMs: nowMs - 60_000, issuedAt: (nowMs - 60_000) / 1_000, ...change });
    return made;
  };
  return { ...lone, gateway, link, hear, asked, hasUpTo, gets, setClock, add, client };
}

test("a kick ends the account's connections, with a push of the old kind and 4001, and nobody else's", () => {
  const { add, client } = stage();
  const [ann, bob, other] = [client("ann"), client("bob"), client("ann2", { app: "other", account: "ann" })];
  add(kick(1n, "ann"));
  expect(ann.connection.reason).toEqual({ code: CloseCode.Kicked, text: "ended by an operator" });
  expect(ann.connection.packets.map(({ header }) => [header.command, header.flag])).toEqual([
    [Command.SignIn, Flag.Push],
  ]);
  expect([bob.connection.isOpen, other.connection.isOpen]).toEqual([true, true]);
});

test("a kick of a device ends that device's connections only", () => {
  const { add, client } = stage();
  const [phone, laptop, none] = ["phone", "laptop", ""].map((device) =>
    client(`at ${device}`, { account: "ann", device }),
  );
  add(kick(1n, "ann", { device: "phone" }));
  expect([phone, laptop, none].map((one) => one?.connection.isOpen)).toEqual([false, true, true]);
  add(kick(2n, "ann", { device: "" }));
  expect([laptop, none].map((one) => one?.connection.isOpen)).toEqual([true, false]);
});

test("a kick spares those who sign in when it is known, and, if late, who signed in long after it", () => {
  const { add, gets, hasUpTo, client } = stage();
  add(kick(1n, "ann"));
  const again = client("ann", { signedInMs: nowMs });
  const late = client("bob", { signedInMs: nowMs + 3_600_000 });
  const before = client("bob2", { account: "bob" });
  add(kick(2n, "bob"));
  // The same rows once more, by another node.
  hasUpTo(2n);
  gets(0n, [kick(1n, "ann"), kick(2n, "bob")]);
  expect([again, late, before].map(({ connection }) => connection.isOpen)).toEqual([true, true, false]);
});

test("a kick ends sessions begun just before it where the chat nodes' clocks are some seconds apart", () => {
  const { add, client } = stage();
  const ann = client("ann", { signedInMs: nowMs + 5_000 });
  add(kick(1n, "ann"));
  expect(ann.connection.isOpen).toBe(false);
});

test("a ban ends all connections of the account, whenever their tokens were issued, and nobody else's", () => {
  const { gateway, add, client } = stage();
  const [old, fresh, bob] = [
    client("ann"),
    client("ann2", { account: "ann", issuedAt: nowMs / 1_000 + 60 }),
    client("bob"),
  ];
  const other = client("ann3", { app: "other", account: "ann" });
  add(revoke(1n, "ann", { untilMs: nowMs + 3_600_000 }));
  const banned = { code: CloseCode.Unauthorised, text: "the account is banned" };
  expect([old, fresh].map(({ connection }) => connection.reason)).toEqual([banned, banned]);
  expect([bob, other].map(({ connection }) => connection.isOpen)).toEqual([true, true]);
  expect(gateway.revocations.bannedUntil("other", "ann")).toBeUndefined();
});

test("a ban lasts until its end by the chat nodes' clock, whatever this one says, and leaves tokens revoked", () => {
  for (const aheadMs of [-86_400_000, 0, 86_400_000]) {
    let monotonicMs = 1_000;
    const { gateway, add, setClock } = stage(() => monotonicMs);
    setClock(aheadMs);
    const untilMs = Date.now() + aheadMs + 3_600_000;
    add(revoke(1n, "ann", { untilMs }));
    monotonicMs += 3_590_000;
    const end = new Date(untilMs).toISOString().replace(".000Z", "Z");
    expect(gateway.revocations.bannedUntil("app", "ann")).toBe(`until ${end}`);
    monotonicMs += 11_000;
    expect(gateway.revocations.bannedUntil("app", "ann")).toBeUndefined();
    expect(gateway.revocations.refuses("app", "ann", nowMs / 1_000 - 1)).toBe(true);
    expect(gateway.revocations.refuses("app", "ann", nowMs / 1_000 + 1)).toBe(false);
  }
});

test("a ban without an end is for good; a row without one ends it", () => {
  const { gateway, add } = stage();
  add(revoke(1n, "ann", { untilMs: banMsMax }));
  expect(gateway.revocations.bannedUntil("app", "ann")).toBe("for good");
  add(revoke(2n, "ann"));
  expect(gateway.revocations.bannedUntil("app", "ann")).toBeUndefined();
});

test("rows of a node that knows no bans are read again from one that does, and end no ban", () => {
  const { gateway, hear, asked, gets, add, link } = stage();
  const former = (fields: object): void => hear(Buffer.from(JSON.stringify({ store: "store", ...fields })));
  const row = { id: "1", app: "app", account: "ann", kind: "revoke", device: null, beforeMs: nowMs };
  const banned = (): boolean => gateway.revocations.bannedUntil("app", "ann") !== undefined;
  former({ version: "1" });
  former({ version: "1", after: "0", now: nowMs, rows: [row] });
  expect([banned(), gateway.revocations.refuses("app", "ann", 1), gateway.revocations.isCurrent]).toEqual([
    false,
    true,
    true,
  ]);
  // It has the same row, with its ban.
  const isBanned = revoke(1n, "ann", { untilMs: nowMs + 3_600_000 });
  hear(encodeRevocationsState({ store: "store", version: 1n }));
  expect(asked().at(-1)).toBe(0n);
  gets(0n, [isBanned]);
  expect(banned()).toBe(true);
  // While it is there, the other one is not asked.
  const questions = asked().length;
  former({ version: "2" });
  former({ version: "2", after: "1", now: nowMs, rows: [{ ...row, id: "2" }] });
  expect([asked().length, gateway.revocations.isCurrent]).toEqual([questions, true]);
  // Without it, the other one's revocations count, and the ban stays.
  gateway.revocations.lost(link);
  former({ version: "2" });
  former({ version: "2", after: "1", now: nowMs, rows: [{ ...row, id: "2", beforeMs: nowMs + 9_000 }] });
  expect([banned(), gateway.revocations.refuses("app", "ann", nowMs / 1_000 + 8)]).toEqual([true, true]);
  add(revoke(3n, "ann"));
  expect(banned()).toBe(false);
});

test("a kick ends those who signed in before it and no others, whatever time the chat node takes it for", () => {
  for (const aheadMs of [-86_400_000, -3_600_000, -60_000, 60_000, 3_600_000, 86_400_000]) {
    const { add, client, setClock } = stage();
    setClock(aheadMs);
    // Ten seconds before it, and two minutes after it at a gateway that hears of it late.
    const [before, after] = [
      client("ann", { signedInMs: nowMs - 10_000 }),
      client("bob", { signedInMs: nowMs - 10_000 }),
    ];
    add(kick(1n, "ann", { beforeMs: nowMs + aheadMs }), kick(2n, "bob", { beforeMs: nowMs + aheadMs - 130_000 }));
    expect([aheadMs, before.connection.isOpen, after.connection.isOpen]).toEqual([aheadMs, false, true]);
  }
});

test("a kick ends those who signed in before it when the gateway's clock was set since", async () => {
  for (const aheadMs of [-3_600_000, 3_600_000]) {
    const { add, gateway, fresh } = stage(() => performance.now());
    gateway.links.add(new Link<Channel>("login", "login-1", new FrameKeeper()));
    const { channel, connection } = fresh();
    try {
      setSystemTime(new Date(Date.now() + aheadMs));
      const token = await signToken(key, { account: "ann", app: "app", ttlSeconds: 600 });
      const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
      const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, body));
      channel.frame(packet, 0, packet.length);
      await until(() => channel.state === ChannelState.Pending, "the sign-in is under way");
    } finally {
      setSystemTime();
    }
    add(kick(1n, "ann", { beforeMs: Date.now() }));
    expect([aheadMs, connection.reason?.code]).toEqual([aheadMs, CloseCode.Kicked]);
  }
});

test("a revocation ends connections whose token was issued before it, or does not say when, with 4003", () => {
  const { add, client, gateway } = stage();
  const old = client("old", { account: "ann" });
  const silent = client("silent", { account: "ann", issuedAt: undefined });
  const fresh = client("fresh", { account: "ann", issuedAt: nowMs / 1_000 });
  add(revoke(1n, "ann"));
  expect([old, silent, fresh].map(({ connection }) => connection.reason?.code)).toEqual([
    CloseCode.Unauthorised,
    CloseCode.Unauthorised,
    undefined,
  ]);
  expect(old.connection.packets).toEqual([]);
  const refuses = (issuedAt: number | undefined, account = "ann", app = "app"): boolean =>
    gateway.revocations.refuses(app, account, issuedAt);
  expect([refuses(undefined), refuses(nowMs / 1_000 - 1), refuses(nowMs / 1_000)]).toEqual([true, true, false]);
  expect([refuses(undefined, "bob"), refuses(undefined, "ann", "other")]).toEqual([false, false]);
  // A kick says nothing of tokens.
  add(kick(2n, "bob"));
  expect(refuses(undefined, "bob")).toBe(false);
});

test("a sign-in with a revoked token gets Unauthorized and 4003, one with a later token does not", async () => {
  const { add, fresh, gateway } = stage();
  const login = new FrameKeeper();
  gateway.links.add(new Link<Channel>("login", "login-1", login));
  add(revoke(1n, "ann"));
  const signIn = (token: string): FrameKeeper => {
    const { channel, connection } = fresh();
    const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
    const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, body));
    channel.frame(packet, 0, packet.length);
    return connection;
  };
  const claims = { account: "ann", app: "app", ttlSeconds: 600 };
  const silent = new SignJWT({ acc: "ann", app: "app" }).setExpirationTime("1h").setProtectedHeader({ alg: "HS256" });
  for (const token of [await signToken(key, claims, nowMs - 5_000), await silent.sign(key)]) {
    const connection = signIn(token);
    await until(() => !connection.isOpen, "it is refused");
    expect(connection.reason).toEqual({ code: CloseCode.Unauthorised, text: "the token was revoked" });
    expect(connection.packets.map(({ header }) => header.status)).toEqual([Status.Unauthorized]);
  }
  expect(login.packets).toEqual([]);
  signIn(await signToken(key, claims, nowMs + 2_000));
  signIn(await signToken(key, { ...claims, account: "bob" }, nowMs - 5_000));
  await until(() => login.packets.length === 2, "both are sent to the login service");
});

test("a kick ends a connection whose sign-in is not answered yet, without a word before that answer", () => {
  const { add, gateway, fresh } = stage();
  const { channel, connection } = fresh();
  Object.assign(channel, { id: "p", app: "app", account: "ann", signedInMs: nowMs - 100, state: ChannelState.Pending });
  gateway.channels.set("p", channel);
  add(kick(1n, "ann"));
  expect([connection.reason?.code, connection.packets]).toEqual([CloseCode.Kicked, []]);
});

test("the sessions of those who were ended are not sent again", () => {
  const { add, client, gateway } = stage();
  for (const account of ["ann", "bob", "joe"]) client(account);
  add(kick(1n, "ann"), revoke(2n, "bob"));
  const login = new FrameKeeper();
  // Their connections still wait for what is unsent: the channels are there.
  expect(gateway.channels.size).toBe(3);
  restoreSessions(gateway, new Link<Channel>("login", "login-1", login));
  expect(login.packets.map(({ header }) => header.channelId)).toEqual(["joe"]);
});

test("a session that is sent again by one link does not come back behind the sign-out that goes by another", () => {
  const { add, client, gateway } = stage();
  const [first, second] = [new FrameKeeper(), new FrameKeeper()];
  const [link, other] = [
    new Link<Channel>("login", "login-1", first),
    new Link<Channel>("login", "login-2", second),
  ] as const;
  for (const each of [link, other]) gateway.links.add(each);
  const said = (of: FrameKeeper): string[] =>
    of.packets.map(({ header }) => `${header.command.replace("login.", "")} ${header.channelId}`);
  const [ann, joe] = [client("ann"), client("joe")];
  // Whichever node a connection has signed in by.
  restoreSessions(gateway, link);
  restoreSessions(gateway, other);
  add(kick(1n, "ann"));
  ann.channel.closed(closeAbnormal);
  for (const node of [first, second]) expect(said(node)).toEqual(["restore ann", "restore joe", "signout ann"]);
  gateway.signOuts.lost(other);
  joe.channel.closed(closeAbnormal);
  expect(said(first).filter((line) => line === "signout joe")).toHaveLength(1);
});

test("it asks each node that has more for what it lacks, page by page, and again until it has it", () => {
  const { gateway, hasUpTo, gets, asked } = stage();
  const other = new FrameKeeper();
  const otherLink = new Link<Channel>("chat", "chat-2", other);
  const otherDown = new Downlink(gateway, otherLink);
  expect(gateway.revocations.isCurrent).toBe(true);
  hasUpTo(30n);
  hasUpTo(20n, otherDown);
  expect([asked(), asked(other)]).toEqual([[0n], [0n]]);
  gets(0n, [revoke(10n, "a")], "store", 10n);
  expect(asked()).toEqual([0n, 10n]);
  // A page that begins above what is known would leave a gap.
  gets(20n, [revoke(30n, "c")]);
  expect(gateway.revocations.refuses("app", "c", 1)).toBe(false);
  gateway.revocations.tick();
  expect([asked(), asked(other)]).toEqual([
    [0n, 10n, 10n, 10n],
    [0n, 10n],
  ]);
  gets(10n, [revoke(20n, "b")]);
  expect(gateway.revocations.isCurrent).toBe(false);
  // The last one is not kept any more; the node says that all up to it are there.
  gets(20n, [], "store", 30n);
  expect(gateway.revocations.isCurrent).toBe(true);
  hasUpTo(30n);
  gateway.revocations.tick();
  expect(asked().at(-1)).toBe(20n);
  expect(["a", "b", "c"].map((account) => gateway.revocations.refuses("app", account, 1))).toEqual([true, true, false]);
});

test("a gateway waits for each node to say how it is, before which the node says what there is", () => {
  const { gateway, link, downlink } = stage();
  const state = encodeLinkState({ load: 0, isReady: true, stores: unknownStores });
  gateway.revocations.linked(link);
  const gone = new Link<Channel>("chat", "chat-2", new FrameKeeper());
  gateway.revocations.linked(gone);
  expect(gateway.revocations.isCurrent).toBe(false);
  downlink.frame(Buffer.from(state), 0, state.length);
  expect(gateway.revocations.isCurrent).toBe(false);
  gateway.revocations.lost(gone);
  expect(gateway.revocations.isCurrent).toBe(true);
});

test("a node that goes away is not waited for", () => {
  const { gateway, hasUpTo, downlink } = stage();
  hasUpTo(5n);
  expect(gateway.revocations.isCurrent).toBe(false);
  downlink.closed(closeAbnormal);
  expect(gateway.revocations.isCurrent).toBe(true);
});

test("the copy becomes that of another store with its first rows, and is in force until then", () => {
  const { gateway, add, hasUpTo, gets, asked } = stage();
  add(revoke(50n, "ann"), revoke(60n, "bob"));
  hasUpTo(50n, undefined, "restored");
  expect(asked().at(-1)).toBe(0n);
  const refuses = (account: string): boolean => gateway.revocations.refuses("app", account, 1);
  expect([refuses("ann"), refuses("bob")]).toEqual([true, true]);
  // An answer of the former store comes late.
  gets(0n, [revoke(70n, "joe")]);
  gets(0n, [revoke(50n, "ann")], "restored");
  expect([refuses("ann"), refuses("bob"), refuses("joe")]).toEqual([true, false, false]);
});

test("what is no word of that kind is counted, and changes nothing", () => {
  const { gateway, hear } = stage();
  const faults: string[] = [];
  gateway.metrics.protocolFault = (kind: string) => void faults.push(kind);
  hear(Buffer.from("{}"));
  expect(faults).toEqual(["link-packet"]);
});
