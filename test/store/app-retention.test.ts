// The retention of single apps on SQLite: every command that reads or changes messages passes over what is behind the
// watermark, which moves with trusted time, and the texts behind it are erased.

import { fromBinary } from "@bufbuild/protobuf";
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import type { Request } from "../../src/store/sqlite/protocol.ts";
import { indexSlots } from "../../src/store/sqlite/protocol.ts";
import { talkJob } from "../../src/store/jobs.ts";
import { ConversationListRespSchema, HistoryRespSchema, MessageContentRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { filesWith, pass } from "./erased-text.ts";
import { say, worlds, type World } from "./log-and-runs.ts";
import { commit, type Process } from "./log-process.ts";
import { draft, talk } from "./samples.ts";

const newWorld = worlds();
const hourMs = 3_600_000;
const mark = "a text that is long enough to be found";

/** Looks of so many hours, six in each. */
function passHours(world: World, process: Process, hours: number): void {
  for (let look = 0; look < hours * 6; look++) {
    world.nowMs += hourMs / 6;
    process.writer.look(0);
  }
}

interface Stage {
  readonly world: World;
  readonly process: Process;
  /** Before the watermark, and after it. */
  readonly old: { readonly direct: bigint; readonly group: bigint };
  readonly fresh: { readonly direct: bigint; readonly group: bigint };
}

/** A store in which everything of the first day is behind the watermark of the app, and nothing of other apps. */
function stage(flushMessages: number): Stage {
  const world = newWorld(flushMessages);
  const process = world.start();
  commit(process, [{ kind: "create", draft: draft({ id: "g1", members: ["bob"] }), isWhole: true }]);
  const both = (body: string, app = "app") => ({
    direct: say(process, { app, body, mentions: ["bob"] }),
    group: app === "app" ? say(process, { body, toGroup: true, dest: "g1", mentions: ["bob"] }) : 0n,
  });
  say(process, { sender: "@system" });
  passHours(world, process, 2);
  const old = both(mark);
  both(`${mark} of another app`, "other");
  const pins = { app: "app", actor: "ann", messageId: `${old.group}`, isOff: false } as const;
  process.writer.commitChanges([
    { kind: "react", app: "app", actor: "bob", messageId: `${old.direct}`, reaction: "+", isOff: false },
    { kind: "group", call: { call: "pin", ...pins, toGroup: true, dest: "g1" } },
  ]);
  process.writer.backEnd({ call: "setRetention", app: "app", days: 1 });
  passHours(world, process, 18);
  // An entry that is kept, about a message that is not.
  process.writer.commitChanges([
    { kind: "react", app: "app", actor: "bob", messageId: `${old.group}`, reaction: "+", isOff: false },
  ]);
  passHours(world, process, 9);
  return { world, process, old, fresh: both("new") };
}

const of = (account: string) => ({ app: "app", account });
const query = { limit: 50, includeSent: true, device: "", after: "1" } as const;

/** Every request that reads messages: the ids that its answer has. A new one has to be added here. */
const reads: Readonly<
  Partial<Record<Request["kind"], (from: Stage, to: { readonly toGroup: boolean; readonly dest: string }) => bigint[]>>
> = {
  index: ({ process }) => {
    const { numbers } = process.reader.index({ kind: "index", ...of("bob"), ...query });
    return [...numbers].filter((_, at) => at % indexSlots === 0);
  },
  entries: ({ process }) =>
    process.reader
      .entries({ kind: "entries", ...of("bob"), ...query, includeEvents: true })
      .entries.flatMap(({ kind, messageId, refersTo }) => (kind === 0 ? [messageId] : refersTo > 0n ? [refersTo] : [])),
  contents: ({ process, old, fresh }) => {
    const messageIds = [...Object.values(old), ...Object.values(fresh)].map(String);
    const body = process.reader.contents({ kind: "contents", ...of("bob"), messageIds });
    return fromBinary(MessageContentRespSchema, body).contents.map(({ messageId }) => messageId);
  },
  messages: ({ process, old, fresh }) => {
    const messageIds = [...Object.values(old), ...Object.values(fresh)].map(String);
    return ["bob", "@system"].flatMap((account) => {
      const body = process.reader.messages({ kind: "messages", ...of(account), messageIds });
      return fromBinary(HistoryRespSchema, body).messages.map(({ messageId }) => messageId);
    });
  },
  history: ({ process, old }, to) =>
    [
      { at: "newest" } as const,
      { at: "after", id: "1" } as const,
      { at: "around", id: `${old.direct}` } as const,
    ].flatMap((from) => {
      const request = { kind: "history", ...of("bob"), ...to, from, limit: 50, thread: "0" } as const;
      const page = fromBinary(HistoryRespSchema, process.reader.history(request) ?? new Uint8Array());
      expect(page.hasBefore).toBe(false);
      return page.messages.map(({ messageId }) => messageId);
    }),
  conversations: ({ process }) => {
    const body = process.reader.conversations({
      kind: "conversations",
      ...of("bob"),
      before: "0",
      limit: 50,
      includeHidden: true,
    });
    const { conversations } = fromBinary(ConversationListRespSchema, body);
    for (const { unread, unreadMentions } of conversations) expect([unread, unreadMentions]).toEqual([1, 1]);
    return conversations.map(({ lastMessage }) => lastMessage?.messageId ?? 0n);
  },
  activity: ({ process }, to) => [process.reader.activity({ kind: "activity", ...of("bob"), ...to }) ?? 0n],
  pinned: ({ process }) => {
    const body = process.reader.pinned({ ...of("bob"), toGroup: true, dest: "g1" });
    return fromBinary(HistoryRespSchema, body ?? new Uint8Array()).messages.map(({ messageId }) => messageId);
  },
  readers: ({ process, old, fresh }) =>
    [old.group, fresh.group].filter((id) => {
      const request = { kind: "readers", ...of("ann"), messageId: `${id}`, after: "", limit: 10 } as const;
      return process.reader.readers(request, 0n).result === "found";
    }),
  people: ({ process, old, fresh }) =>
    [old.direct, fresh.direct].filter((id) =>
      [undefined, "bob"].some((account) => {
        const question = { ask: "mediaOf", app: "app", account, messageId: `${id}` } as const;
        return process.reader.people(question, 0) !== undefined;
      }),
    ),
  backEndRead: ({ process }) =>
    [{}, { account: "bob" }, { account: "ann", peer: "bob" }, { group: "g1" }].flatMap((scope) => {
      const page = process.reader.backEnd(
        {
          call: "export",
          query: { app: "app", ...scope, cursor: "m0", limit: 100 },
        },
        Date.now(),
      );
      if (typeof page !== "object" || !("records" in page)) throw new Error("expected a page");
      return page.records.flatMap(({ message }) => (message === undefined ? [] : [BigInt(message.messageId ?? "0")]));
    }),
};

/** Requests that read no messages. */
const others: readonly Request["kind"][] = ["follow", "accountState", "detail", "membership"];

for (const flushMessages of [3, 1_000])
  test(`every command that reads passes over what is behind the watermark (${flushMessages} messages a run)`, () => {
    const from = stage(flushMessages);
    if (flushMessages < 10) from.process.settle();
    const fresh = new Set(Object.values(from.fresh));
    for (const [kind, read] of Object.entries(reads))
      for (const to of [
        { toGroup: false, dest: "ann" },
        { toGroup: true, dest: "g1" },
      ]) {
        const ids = read(from, to);
        if (kind !== "pinned") expect([kind, ids.length > 0]).toEqual([kind, true]);
        for (const id of ids) expect([kind, fresh.has(id)]).toEqual([kind, true]);
      }
    from.process.die();
  });

test("no request of the reader is forgotten here", async () => {
  const source = await Bun.file(new URL("../../src/store/sqlite/store-worker.ts", import.meta.url)).text();
  const body = /function readerAnswer\([\s\S]*?\n}\n/.exec(source)?.[0] ?? "";
  const kinds = [...body.matchAll(/case "(\w+)":/g)].map(([, kind]) => kind ?? "");
  expect(kinds.length).toBeGreaterThan(12);
  expect(kinds.toSorted()).toEqual([...Object.keys(reads), ...others].toSorted());
});

test("what is behind the watermark cannot be changed, answered, pinned or hidden, and no message names it", () => {
  const { process, old, fresh } = stage(1_000);
  const message = { app: "app", actor: "ann", messageId: `${old.direct}` };
  const results = process.writer.commitChanges([
    { kind: "edit", ...message, body: "x", extra: "", clientId: "", windowMs: 1_000 * hourMs },
    { kind: "recall", ...message, windowMs: 1_000 * hourMs },
    { kind: "react", ...message, reaction: "+", isOff: false },
    { kind: "group", call: { call: "pin", ...message, toGroup: false, dest: "bob", isOff: false } },
    { kind: "hide", ...of("bob"), messageIds: [`${old.direct}`] },
  ]);
  expect(results.map((result) => (result === "needsPairs" ? result : result.outcome.result))).toEqual([
    "notFound",
    "notFound",
    "notFound",
    "notFound",
    "unchanged",
  ]);
  const reply = talkJob(talk({ replyTo: old.direct }));
  const first = talkJob(talk({ sender: "joe", dest: "bob" }));
  const [answer, next] = commit(process, [reply, first]);
  expect(answer?.[0]).not.toBe(next?.[0]);
  expect(next?.[3]).toBe(fresh.direct);
  process.die();
});

test("the texts behind the watermark are gone from all files within an hour, and other apps keep theirs", () => {
  const { world, process } = stage(50);
  while (process.writer.purge());
  pass(world, process, 60);
  const other = `${mark} of another app`;
  expect(filesWith(world, other)).not.toEqual([]);
  expect(filesWith(world, mark).length).toBe(filesWith(world, other).length);
  const { numbers } = process.reader.index({ kind: "index", app: "other", account: "bob", ...query });
  expect(numbers.length).toBe(indexSlots);
  process.die();
});

test("a retention that ends moves the watermark no more, and never back", () => {
  const { world, process, fresh } = stage(1_000);
  const before = process.reader.backEnd({ call: "retention", app: "app" }, Date.now());
  expect(before).toMatchObject({ days: 1, watermarkId: expect.any(BigInt) });
  process.writer.backEnd({ call: "setRetention", app: "app", days: 0 });
  passHours(world, process, 60);
  expect(process.reader.backEnd({ call: "retention", app: "app" }, Date.now())).toEqual({ ...Object(before), days: 0 });
  process.writer.backEnd({ call: "setRetention", app: "app", days: 365 });
  passHours(world, process, 2);
  expect(process.reader.backEnd({ call: "retention", app: "app" }, Date.now())).toEqual({
    ...Object(before),
    days: 365,
  });
  expect(process.reader.index({ kind: "index", ...of("bob"), ...query }).numbers[0]).toBe(fresh.direct);
  process.die();
});

test("no retention is set while a program of the former schema uses the store", () => {
  const world = newWorld(200);
  const process = world.start();
  say(process);
  const set = (days: number) => process.writer.backEnd({ call: "setRetention", app: "app", days });
  // The name of a lease of such a program.
  const db = new Database(world.path);
  db.run("INSERT INTO node (number, holder, until_ms) VALUES (9, '0123456789abcdef', ?)", [world.nowMs + 20_000]);
  db.close();
  expect(set(1)).toBe("former");
  expect(set(0)).toMatchObject({ days: 0 });
  world.nowMs += 60_000;
  expect(set(1)).toBe("former");
  world.nowMs += 21_000;
  expect(set(1)).toMatchObject({ days: 1 });
  process.die();
});
