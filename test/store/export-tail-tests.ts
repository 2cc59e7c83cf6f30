// What every store promises of pinned messages, invitations and requests to join, in exports and imports.

import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { joinRequestDays, pinnedMessagesMax } from "../../src/base/limits/fixed.ts";
import type { ExportScope, ImportOutcome } from "../../src/store/data.ts";
import type { DataRecord } from "../../src/store/data-records.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { type ConversationAsks, named } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

const stored = { result: "stored" } as const;

export function exportTailTests(asks: ConversationAsks): void {
  const { send, newGroup, quit, recall } = asks;
  const data = () => asks.store.backEnd.data;
  const groups = () => asks.store.groups;

  const exported = async (query: Partial<ExportScope> = {}): Promise<DataRecord[]> => {
    const records: DataRecord[] = [];
    for (let cursor = ""; ;) {
      const page = await data().export({ app: ofTest.app, limit: 2, ...query, cursor });
      if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
      records.push(...page.records);
      if (page.isEnd) return records;
      ({ cursor } = page);
    }
  };
  const importTo = (app: string, records: readonly DataRecord[], cursor = ""): Promise<ImportOutcome> =>
    data().import({ app, name: "copy", cursor, records, isLast: false });
  const pin = async (actor: string, to: string, messageId: bigint, isOff = false): Promise<void> => {
    const outcome = await groups().pin({ app: ofTest.app, actor, ...named(to), messageId, isOff });
    expect(outcome).toMatchObject(stored);
  };
  /** Codes are unique in a store, which tests share. */
  const codeOf = (name: string): string => `${name} of ${ofTest.app}`;
  const invite = async (actor: string, group: string, name: string, uses = 0): Promise<void> => {
    const draft = { app: ofTest.app, group, actor, code: codeOf(name), validSeconds: 3_600, uses };
    expect(await groups().invite(draft)).toMatchObject(stored);
  };
  const needApproval = (group: string, actor: string): Promise<unknown> =>
    groups().change({ app: ofTest.app, group, actor, kind: "update", hasApproval: true });
  const request = async (actor: string, group: string, text = ""): Promise<void> => {
    expect(await groups().request({ app: ofTest.app, group, actor, text })).toMatchObject(stored);
  };
  const pinsOf = async (query: Partial<ExportScope> = {}) => (await exported(query)).flatMap((one) => one.pin ?? []);
  const invitationsOf = async (query: Partial<ExportScope> = {}) =>
    (await exported(query)).flatMap((one) => one.invitation ?? []);
  const requestsOf = async (query: Partial<ExportScope> = {}) =>
    (await exported(query)).flatMap((one) => one.joinRequest ?? []);

  test("an export has the pins of its conversations, the oldest first, that its account may read", async () => {
    const first = await send("ann", "bob", { body: "one" });
    const second = await send("bob", "ann", { body: "two" });
    await newGroup("g1", "ann", "bob");
    const inGroup = await send("ann", "@g1", { body: "three" });
    await asks.join("joe", "g1");
    const later = await send("ann", "@g1", { body: "four" });
    for (const id of [second, first]) await pin("ann", "bob", id);
    for (const id of [later, inGroup]) await pin("ann", "@g1", id);
    const [direct, ofGroup] = [[second, first].map(String), [later, inGroup].map(String)];
    const ids = async (query: Partial<ExportScope>) => (await pinsOf(query)).map(({ messageId }) => messageId);
    // Groups come before direct conversations.
    for (const query of [{}, { account: "bob" }, { account: "ann" }])
      expect(await ids(query)).toEqual([...ofGroup, ...direct]);
    expect(await ids({ account: "joe" })).toEqual([`${later}`]);
    expect(await ids({ account: "bob", peer: "ann" })).toEqual(direct);
    expect(await ids({ account: "bob", peer: "bob" })).toEqual([]);
    expect(await ids({ group: "g1" })).toEqual(ofGroup);
    expect((await pinsOf()).map(({ account }) => account)).toEqual(["ann", "ann", "ann", "ann"]);
    await quit("bob", "g1");
    expect(await ids({ account: "bob" })).toEqual(direct);
    await recall("bob", second);
    await pin("bob", "ann", first, true);
    expect(await ids({ account: "bob" })).toEqual([]);
  });

  test("an export has valid invitations: of an app and a group all, of an account those that it made", async () => {
    for (const id of ["g1", "g2"]) await newGroup(id, "ann", "bob");
    await groups().change({ app: ofTest.app, group: "g1", actor: "ann", kind: "role", account: "bob", role: "admin" });
    await invite("ann", "g1", "any");
    await invite("bob", "g1", "twice", 2);
    await invite("ann", "g1", "once", 1);
    await invite("ann", "g2", "other");
    for (const [account, name] of [
      ["joe", "once"],
      ["eve", "twice"],
    ] as const)
      expect(await groups().joinInvited(ofTest.app, account, codeOf(name))).toMatchObject(stored);
    const names = async (query: Partial<ExportScope>) =>
      (await invitationsOf(query)).map(({ group, code, account, usesLeft }) => [
        group,
        code.split(" ")[0],
        account,
        usesLeft,
      ]);
    const [any, twice, other] = [
      ["g1", "any", "ann", 0],
      ["g1", "twice", "bob", 1],
      ["g2", "other", "ann", 0],
    ];
    expect(await names({})).toEqual([any, twice, other]);
    expect(await names({ group: "g1" })).toEqual([any, twice]);
    expect(await names({ account: "ann" })).toEqual([any, other]);
    expect(await names({ account: "bob" })).toEqual([twice]);
    expect(await names({ account: "ann", peer: "bob" })).toEqual([]);
    await groups().change({ app: ofTest.app, group: "g1", actor: "ann", kind: "role", account: "bob", role: "member" });
    expect(await names({ group: "g1" })).toEqual([any]);
  });

  test("an export has requests to join: of an app and a group all, of an account its own", async () => {
    for (const id of ["g1", "g2"]) {
      await newGroup(id, "ann");
      await needApproval(id, "ann");
    }
    await request("joe", "g1", "let me in");
    await request("eve", "g1");
    await request("joe", "g2");
    const names = async (query: Partial<ExportScope>) =>
      (await requestsOf(query)).map(({ group, account, text }) => [group, account, text]);
    const [first, second, third] = [
      ["g1", "joe", "let me in"],
      ["g1", "eve", ""],
      ["g2", "joe", ""],
    ];
    expect(await names({})).toEqual([first, second, third]);
    expect(await names({ group: "g2" })).toEqual([third]);
    expect(await names({ account: "joe" })).toEqual([first, third]);
    expect(await names({ account: "ann" })).toEqual([]);
    const answer = { app: ofTest.app, group: "g1", actor: "ann", account: "joe", isAccepted: true };
    expect(await groups().answer(answer)).toMatchObject(stored);
    expect(await names({})).toEqual([second, third]);
  });

  test("pins, invitations and requests can be used after an import, beside the app that they came from", async () => {
    await newGroup("g1", "ann", "bob");
    await needApproval("g1", "ann");
    const [first, second] = [await send("ann", "@g1", { body: "one" }), await send("ann", "@g1", { body: "two" })];
    for (const id of [second, first]) await pin("ann", "@g1", id);
    await invite("ann", "g1", "once", 1);
    await invite("ann", "g1", "any");
    await request("joe", "g1", "let me in");
    const app = `${ofTest.app} imported`;
    const records = await exported();
    const page = { app, name: "copy", cursor: "", records, isLast: true };
    for (const isRepeated of [false, true]) expect(await data().import(page)).toMatchObject({ ...stored, isRepeated });
    const copied = (await exported({ app })).flatMap(({ message }) =>
      message ? BigInt(message.messageId ?? "0") : [],
    );
    const pinned = await groups().pinned({ app, account: "bob", ...named("@g1") });
    if (pinned === "notFound") throw new Error("bob sees the pins of its group");
    expect(fromBinary(HistoryRespSchema, pinned).messages.map(({ messageId }) => messageId)).toEqual(copied);
    const listed = await groups().invitations({ app, group: "g1", actor: "ann" });
    expect(listed).toMatchObject({ items: [{ code: codeOf("once"), usesLeft: 1 }, { code: codeOf("any") }] });
    expect(await groups().requests({ app, group: "g1", actor: "ann" }, "", 10)).toMatchObject({
      items: [{ account: "joe", text: "let me in" }],
    });
    for (const of of [app, ofTest.app]) {
      expect(await groups().joinInvited(of, "eve", codeOf("once"))).toMatchObject({ ...stored, group: "g1" });
      expect(await groups().joinInvited(of, "dan", codeOf("once"))).toMatchObject({ result: "notFound" });
    }
    expect(await groups().revokeInvitation({ app, group: "g1", actor: "ann" }, codeOf("any"))).toEqual(stored);
    expect(await groups().joinInvited(app, "dan", codeOf("any"))).toMatchObject({ result: "notFound" });
    expect(await groups().joinInvited(ofTest.app, "dan", codeOf("any"))).toMatchObject(stored);
    expect(await groups().answer({ app, group: "g1", actor: "ann", account: "joe", isAccepted: true })).toMatchObject(
      stored,
    );
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("a mute comes back with its member, and one that was ended does not", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    const mute = (account: string, until: bigint): Promise<unknown> =>
      groups().change({ app: ofTest.app, group: "g1", actor: "ann", kind: "mute", account, until });
    const until = 4_000_000_000n;
    for (const account of ["bob", "joe"]) await mute(account, until);
    await quit("joe", "g1");
    await asks.join("joe", "g1");
    await mute("joe", 0n);
    const app = `${ofTest.app} imported`;
    expect(await importTo(app, await exported())).toMatchObject(stored);
    const query = { app, group: "g1", asker: "ann", after: "", limit: 10, isAdminsOnly: false };
    expect(await groups().members(query)).toMatchObject({
      items: [
        { account: "ann", mutedUntil: 0n },
        { account: "bob", mutedUntil: until },
        { account: "joe", mutedUntil: 0n },
      ],
    });
    expect(await asks.sent("bob", "@g1", { app })).toMatchObject({ result: "muted" });
  });

  const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
  const message = (messageId: number, change: object = {}): DataRecord => ({
    message: { messageId: `${messageId}`, sender: "ann", account: "bob", sendTime: "5", body: "b", ...change },
  });
  const pinOf = (messageId: number, account = "bob"): DataRecord => ({ pin: { account, messageId: `${messageId}` } });
  const invitation = (code: string, change: object = {}): DataRecord => ({
    invitation: { group: "g1", code, account: "ann", expiresAt: nowSeconds() + 86_400, usesLeft: 0, ...change },
  });
  const asking = (account: string, change: object = {}): DataRecord => ({
    joinRequest: { group: "g1", account, text: "", time: nowSeconds() - 86_400, ...change },
  });
  const group: readonly DataRecord[] = [
    { group: { id: "g1", owner: "ann" } },
    { member: { group: "g1", account: "ann", role: "owner" } },
  ];

  test("an import passes over what has ended, or is of messages that it has not brought", async () => {
    const app = `${ofTest.app} imported`;
    const records = [
      ...group,
      message(10),
      message(11, { recalled: true }),
      message(12),
      pinOf(12, ""),
      ...[11, 13, 10].map((id) => pinOf(id)),
      invitation("expired", { expiresAt: nowSeconds() - 1 }),
      asking("ann"),
      asking("bob", { time: nowSeconds() - joinRequestDays * 86_400 - 1 }),
      asking("joe"),
    ];
    expect(await importTo(app, records)).toMatchObject({ ...stored, stored: records.length });
    const copied = (await exported({ app })).flatMap(({ message: { messageId = "" } = {} }) =>
      messageId === "" ? [] : [messageId],
    );
    // A deleted account pinned the first.
    expect(await pinsOf({ app })).toEqual([
      { account: "ann", messageId: `${copied[2]}` },
      { account: "bob", messageId: `${copied[0]}` },
    ]);
    expect(await invitationsOf({ app })).toEqual([]);
    expect((await requestsOf({ app })).map(({ account }) => account)).toEqual(["joe"]);
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("a later record of a pin, an invitation or a request takes the place of an earlier one", async () => {
    const app = `${ofTest.app} imported`;
    const first = [
      ...group,
      message(10),
      message(11),
      pinOf(10),
      pinOf(11),
      invitation("c", { usesLeft: 3 }),
      asking("joe"),
    ];
    expect(await importTo(app, first)).toMatchObject(stored);
    const second = [pinOf(10, "ann"), invitation("c", { usesLeft: 1 }), asking("joe", { text: "again" })];
    expect(await importTo(app, second, `${first.length}`)).toMatchObject(stored);
    const copied = (await exported({ app })).flatMap(({ message: { messageId = "" } = {} }) =>
      messageId === "" ? [] : [messageId],
    );
    expect(await pinsOf({ app })).toEqual([
      { account: "bob", messageId: `${copied[1]}` },
      { account: "ann", messageId: `${copied[0]}` },
    ]);
    expect((await invitationsOf({ app })).map(({ code, usesLeft }) => [code, usesLeft])).toEqual([["c", 1]]);
    expect((await requestsOf({ app })).map(({ account, text }) => [account, text])).toEqual([["joe", "again"]]);
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("of more pins than there may be, as in an export that was gone on with, an import keeps the last", async () => {
    const app = `${ofTest.app} imported`;
    const ids = Array.from({ length: pinnedMessagesMax + 1 }, (_, at) => at + 1);
    const pins = ids.map((id) => pinOf(id));
    // Of all but the last, and, when the first one was unpinned for it, of all but the first.
    const records = [...ids.map((id) => message(id)), ...pins.slice(0, -1), ...pins.slice(1)];
    expect(await importTo(app, records)).toMatchObject({ ...stored, stored: records.length });
    const copied = (await exported({ app })).flatMap(({ message: { messageId = "" } = {} }) =>
      messageId === "" ? [] : [messageId],
    );
    expect((await pinsOf({ app })).map(({ messageId }) => messageId)).toEqual(copied.slice(1));
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("an import refuses more invitations and requests than there may be, and what has no group", async () => {
    const app = `${ofTest.app} imported`;
    expect(await importTo(app, group)).toMatchObject(stored);
    for (const [records, position, reason] of [
      [[invitation("c", { group: "g9" })], 0, /g9 has no record/],
      [[asking("joe", { group: "g9" })], 0, /g9 has no record/],
      [[asking("joe", { time: nowSeconds() + 86_400 })], 0, /in the future/],
      [Array.from({ length: 101 }, (_, at) => invitation(`c${at}`)), 100, /more invitations than 100/],
      [Array.from({ length: 1_001 }, (_, at) => asking(`a${at}`)), 1_000, /more requests than 1000/],
    ] as const)
      expect(await importTo(app, records, `${group.length}`)).toEqual({
        result: "invalid",
        position,
        reason: expect.stringMatching(reason),
      });
    expect((await exported({ app })).flatMap((one) => one.pin ?? one.invitation ?? one.joinRequest ?? [])).toEqual([]);
  });
}
