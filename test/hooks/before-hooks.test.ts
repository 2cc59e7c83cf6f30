// Before hooks: a chat service asks a back end before it stores a message or changes a group.

import { afterEach, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Webhook } from "standardwebhooks";
import { until } from "../../scripts/harness/until.ts";
import { type Store, StoreUnavailable } from "../../src/store/store.ts";
import { Command, type CommandName } from "../../src/wire/commands.ts";
import {
  GroupAddReqSchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupJoinReqSchema,
  GroupPinReqSchema,
  GroupQuitReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer } from "../support/chat-link.ts";
import { onEachEngine } from "./hook-places.ts";
import { loopback } from "./hook-stage.ts";
import { testSecret } from "./receiver.ts";

interface Asked {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}
type Judge = (questions: readonly Asked[]) => Response | Promise<Response>;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A back end that is asked; the requests that it got. */
function backEnd(judge: Judge) {
  const requests: (readonly Asked[])[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const body = await request.text();
      new Webhook(testSecret).verify(body, Object.fromEntries(request.headers));
      const { questions }: { questions: Asked[] } = JSON.parse(body);
      requests.push(questions);
      return judge(questions);
    },
  });
  ends.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/`, requests };
}

onEachEngine((makePlace) => {
  async function stage(
    url: string,
    change: { isFailOpen?: boolean; timeoutMs?: number; spoil?: (store: Store) => void } = {},
  ) {
    const place = await makePlace();
    ends.push(() => place.remove());
    const store: Store = await place.open();
    ends.push(() => store.close());
    const link = chatLink(store, {}, { hookAllow: loopback, hookTimeoutMs: change.timeoutMs ?? 5_000 });
    await store.backEnd.hooks.set({
      app,
      name: "moderation",
      url,
      secret: testSecret,
      events: ["before.send", "before.group"],
      isFailOpen: change.isFailOpen ?? false,
    });
    await link.signIn("ann", "a1", newer);
    await link.signIn("cid", "c1", newer);
    change.spoil?.(store);
    await link.service.prepared();
    ends.push(() => {
      // Nobody answers the service's ping.
      link.lose();
      return link.service.drain(2_000);
    });
    return { link, store };
  }

  const bodies = async (store: Store): Promise<unknown[]> => {
    const { records } = await store.backEnd.hooks.page({
      after: 0n,
      limit: 1_000,
      apps: [app],
      hasMessages: true,
      hasEntries: false,
    });
    return records.map(({ data }) => JSON.parse(data).body);
  };

  test("a message is refused with the back end's sentence, changed, or let pass", async () => {
    const { url, requests } = backEnd((questions) =>
      Response.json({
        answers: questions.flatMap(({ id, data }): object[] => {
          if (data["body"] === "rude") return [{ id, allow: false, reason: "be polite" }];
          return data["body"] === "long" ? [{ id, body: "short", extra: "cut" }] : [];
        }),
      }),
    );
    const { link, store } = await stage(url);
    const say = (body: string) => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body }, "bob");
    const refused = await say("rude");
    expect([refused.status, new TextDecoder().decode(refused.body)]).toEqual([
      Status.Forbidden,
      expect.stringContaining("be polite"),
    ]);
    expect((await say("long")).status).toBe(Status.Success);
    expect((await say("fine")).status).toBe(Status.Success);
    expect((await bodies(store)).slice(-2)).toEqual(["short", "fine"]);
    expect(requests.at(-1)?.[0]).toMatchObject({ type: "before.send", data: { from: "ann", to: "bob", body: "fine" } });
  });

  test("messages of a sender stay in order, many a request, whatever the answers take", async () => {
    let count = 0;
    const { url, requests } = backEnd(async () => {
      await Bun.sleep(count++ % 2 === 0 ? 30 : 1);
      return new Response(null, { status: 204 });
    });
    const { link, store } = await stage(url);
    const say = (body: string) => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body }, "bob");
    const before = (await bodies(store)).length;
    const asked = requests.length;
    const said = Array.from({ length: 300 }, (_, at) => `${at}`);
    const answers: Promise<unknown>[] = [];
    for (const body of said) {
      answers.push(say(body));
      if (answers.length % 37 === 0) await Bun.sleep(1);
    }
    await Promise.all(answers);
    expect((await bodies(store)).slice(before)).toEqual(said);
    expect(requests.length - asked).toBeLessThan(100);
  });

  test("without an answer in time a message fails, or passes where that was set", async () => {
    for (const isFailOpen of [false, true]) {
      const pending = Promise.withResolvers<Response>();
      const { url, requests } = backEnd(() => pending.promise);
      const { link } = await stage(url, { isFailOpen, timeoutMs: 100 });
      const say = () => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body: "hi" }, "bob");
      const { status } = await say();
      expect(requests.length).toBe(1);
      expect(status).toBe(isFailOpen ? Status.Success : Status.ServiceUnavailable);
      pending.resolve(new Response(null, { status: 204 }));
    }
  });

  test("an answer that is none counts as no answer", async () => {
    const answers = [
      new Response("no JSON"),
      Response.json([]),
      Response.json({ answers: 7 }),
      new Response(null, { status: 500 }),
      Response.redirect("http://127.0.0.1:1/", 302),
      Response.json({ answers: [{ id: "0", body: "x".repeat(60_000) }] }),
    ];
    const { url, requests } = backEnd(() => answers[requests.length - 1] ?? new Response(null, { status: 204 }));
    const { link, store } = await stage(url);
    const say = (body: string) => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body }, "bob");
    for (const _ of answers) expect((await say("bad")).status).not.toBe(Status.Success);
    expect((await say("good")).status).toBe(Status.Success);
    expect(await bodies(store)).not.toContain("bad");
  });

  test("changes of groups are asked about, reading them is not", async () => {
    const { url, requests } = backEnd((questions) =>
      Response.json({
        answers: questions.map(({ id, data }) => ({ id, allow: data["by"] !== "cid", reason: "not you" })),
      }),
    );
    const { link } = await stage(url);
    const make = (by: readonly [string, string]) =>
      link.request(by, Command.GroupCreate, GroupCreateReqSchema, { name: "n", members: [] });
    const refused = await make(["cid", "c1"]);
    expect([refused.status, new TextDecoder().decode(refused.body)]).toEqual([
      Status.Forbidden,
      expect.stringContaining("not you"),
    ]);
    expect((await make(["ann", "a1"])).status).toBe(Status.Success);
    expect(requests.at(-1)?.[0]).toMatchObject({
      type: "before.group",
      data: { by: "ann", command: Command.GroupCreate },
    });
    const asked = requests.length;
    await link.request(["ann", "a1"], Command.GroupDetail, GroupCreateReqSchema, {}, "nothing");
    expect(requests.length).toBe(asked);
  });

  test("what was allowed for one message is not allowed for another with its clientId", async () => {
    const { url } = backEnd((questions) =>
      Response.json({
        answers: questions.flatMap(({ id, data }) => (data["body"] === "rude" ? [{ id, body: "***" }] : [])),
      }),
    );
    const { link, store } = await stage(url);
    const ask = (command: CommandName, body: string, dest: string) =>
      link.request(["ann", "a1"], command, MessageReqSchema, { body, clientId: "c" }, dest);
    // It is allowed, and stored nowhere.
    expect((await ask(Command.GroupTalk, "fine", "no-such-group")).status).not.toBe(Status.Success);
    expect((await ask(Command.UserTalk, "rude", "bob")).status).toBe(Status.Success);
    expect((await bodies(store)).at(-1)).toBe("***");
  });

  test("an edit is asked about as the message that it would make, refused, changed, or let pass", async () => {
    const { url, requests } = backEnd((questions) =>
      Response.json({
        answers: questions.flatMap(({ id, data }): object[] => {
          if (data["body"] === "rude") return [{ id, allow: false, reason: "be polite" }];
          return data["body"] === "long" ? [{ id, body: "short", extra: "cut" }] : [];
        }),
      }),
    );
    const { link, store } = await stage(url);
    const said = await link.request(
      ["ann", "a1"],
      Command.UserTalk,
      MessageReqSchema,
      { type: 7, body: "fine" },
      "bob",
    );
    const { messageId } = fromBinary(MessageRespSchema, said.body);
    const edit = (body: string, by: readonly [string, string] = ["ann", "a1"]) =>
      link.request(by, Command.MessageEdit, MessageEditReqSchema, { messageId, body });
    const refused = await edit("rude");
    expect([refused.status, new TextDecoder().decode(refused.body)]).toEqual([
      Status.Forbidden,
      expect.stringContaining("be polite"),
    ]);
    expect(await bodies(store)).toEqual(["fine"]);
    expect(requests.at(-1)?.[0]).toMatchObject({
      type: "before.send",
      data: { from: "ann", to: "bob", type: 7, body: "rude", extra: "", edits: `${messageId}` },
    });
    // Nor is it a way around that its author does not see the message any more.
    await link.request(["ann", "a1"], Command.MessageHide, MessageHideReqSchema, { messageIds: [messageId] });
    expect((await edit("rude")).status).toBe(Status.Forbidden);
    expect((await edit("long")).status).toBe(Status.Success);
    expect(await bodies(store)).toEqual(["short"]);
    expect((await edit("better")).status).toBe(Status.Success);
    expect(await bodies(store)).toEqual(["better"]);
    // What the store refuses anyway is nobody else's business.
    const asked = requests.length;
    expect((await edit("mine", ["cid", "c1"])).status).not.toBe(Status.Success);
    expect([requests.length, await bodies(store)]).toEqual([asked, ["better"]]);
  });

  test("a back end that does not answer stops an edit", async () => {
    let isUp = true;
    const { url } = backEnd(() => new Response(null, { status: isUp ? 204 : 500 }));
    const { link, store } = await stage(url);
    const said = await link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body: "fine" }, "bob");
    const { messageId } = fromBinary(MessageRespSchema, said.body);
    isUp = false;
    const edit = () =>
      link.request(["ann", "a1"], Command.MessageEdit, MessageEditReqSchema, { messageId, body: "other" });
    expect((await edit()).status).toBe(Status.ServiceUnavailable);
    expect(await bodies(store)).toEqual(["fine"]);
    isUp = true;
    expect((await edit()).status).toBe(Status.Success);
  });

  test("edits and messages of a sender stay in order, whatever the answers take", async () => {
    let count = 0;
    const { url } = backEnd(async () => {
      await Bun.sleep(count++ % 2 === 0 ? 30 : 1);
      return new Response(null, { status: 204 });
    });
    const { link, store } = await stage(url);
    const say = (body: string) => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body }, "bob");
    const { messageId } = fromBinary(MessageRespSchema, (await say("first")).body);
    const answers: Promise<{ status: Status }>[] = [];
    const released: number[] = [];
    for (let at = 0; at < 100; at++) {
      const answer =
        at % 2 === 0
          ? link.request(["ann", "a1"], Command.MessageEdit, MessageEditReqSchema, { messageId, body: `${at}` })
          : say(`${at}`);
      answers.push(answer);
      void answer.then(() => released.push(at));
      if (at % 7 === 0) await Bun.sleep(3);
    }
    expect((await Promise.all(answers)).every(({ status }) => status === Status.Success)).toBe(true);
    expect(await bodies(store)).toEqual(["98", ...Array.from({ length: 50 }, (_, at) => `${2 * at + 1}`)]);
    const edits = await store.backEnd.hooks.page({
      after: 0n,
      limit: 1_000,
      apps: [app],
      hasMessages: false,
      hasEntries: true,
    });
    expect(edits.records.length).toBe(50);
  });

  test("a question about a group names the group of the request, whatever its dest says", async () => {
    const { url, requests } = backEnd((questions) =>
      Response.json({ answers: questions.map(({ id, data }) => ({ id, allow: data["group"] !== "g" })) }),
    );
    const { link } = await stage(url);
    const made = await link.request(["ann", "a1"], Command.GroupCreate, GroupCreateReqSchema, { name: "n" }, "other");
    const { groupId: group } = fromBinary(GroupCreateRespSchema, made.body);
    expect(requests.at(-1)?.[0]?.data).toEqual({ by: "ann", command: Command.GroupCreate });
    const by = ["ann", "a1"] as const;
    const named = () => requests.at(-1)?.[0]?.data;
    await link.request(by, Command.GroupAdd, GroupAddReqSchema, { group, accounts: ["bob"] }, "other");
    expect(named()).toEqual({ by: "ann", command: Command.GroupAdd, group });
    await link.request(by, Command.GroupPin, GroupPinReqSchema, { group, messageId: 1n }, "other");
    expect(named()).toEqual({ by: "ann", command: Command.GroupPin, group });
    await link.request(by, Command.GroupQuit, GroupQuitReqSchema, { groupId: group, account: "bob" }, "other");
    expect(named()).toEqual({ by: "ann", command: Command.GroupQuit, group });
    // An invitation is to a group of its own.
    await link.request(
      by,
      Command.GroupJoin,
      GroupJoinReqSchema,
      { groupId: group, account: "ann", code: "c" },
      "other",
    );
    expect(named()).toEqual({ by: "ann", command: Command.GroupJoin });
    const asked = requests.length;
    await link.request(by, Command.GroupPin, GroupPinReqSchema, { account: "bob", messageId: 1n }, group);
    expect(requests.length).toBe(asked);
  });

  test("what comes while the store does not say whom to ask waits for it, and does not pass unasked", async () => {
    const { url, requests } = backEnd(() => new Response(null, { status: 204 }));
    let isAway = true;
    const spoil = ({ backEnd: { hooks } }: Store): void => {
      const look = hooks.look.bind(hooks);
      hooks.look = () => (isAway ? Promise.reject(new StoreUnavailable("away")) : look());
    };
    const { link, store } = await stage(url, { spoil });
    const say = () => link.request(["ann", "a1"], Command.UserTalk, MessageReqSchema, { body: "hi" }, "bob");
    await Promise.allSettled([say(), say()]);
    expect([requests.length, await bodies(store)]).toEqual([0, []]);
    isAway = false;
    await until(async () => (await bodies(store)).length === 2, "the store has answered");
    expect(requests.length).toBeGreaterThan(0);
  });
});
