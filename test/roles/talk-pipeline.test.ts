// What becomes of talks around a failure: of a push, of which the sender does not hear, because the message is stored;
// of a batch; of what the store has to read first.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { AccountRates } from "../../src/roles/chat/account-rates.ts";
import { FanOut } from "../../src/roles/chat/fan-out.ts";
import { FanOutAllowance } from "../../src/roles/chat/fan-out-allowance.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { ToldChanges } from "../../src/roles/chat/told-changes.ts";
import { MissedPushes } from "../../src/roles/chat/missed-pushes.ts";
import { Notices } from "../../src/roles/chat/notices.ts";
import { Reads } from "../../src/roles/chat/reads.ts";
import type { ChatParts } from "../../src/roles/chat/chat-parts.ts";
import { TalkPipeline } from "../../src/roles/chat/talk-pipeline.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { type Store, StoreUnavailable, type Talk, type TalkOutcome } from "../../src/store/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { Command } from "../../src/wire/commands.ts";
import { HistoryRespSchema, MessagePushSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { contextOf, openConnection } from "../support/context.ts";
import { plainlyStored, talkStore } from "../support/talk-store.ts";
import { testLimits } from "../support/limits.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRuntime } from "../../src/base/runtime.ts";

/** Sessions of an engine that has gone away. */
function lostSessions(): Sessions {
  const memory = new MemorySessions();
  return {
    isHealthy: false,
    put: memory.put.bind(memory),
    restore: memory.restore.bind(memory),
    remove: memory.remove.bind(memory),
    removeGateway: memory.removeGateway.bind(memory),
    locate: () => Promise.reject(new Error("the session engine went away")),
    renew: memory.renew.bind(memory),
    suspect: memory.suspect.bind(memory),
    watchPresence: memory.watchPresence.bind(memory),
    watchLoss: memory.watchLoss.bind(memory),
    close: memory.close.bind(memory),
  };
}

const unasked: ChatParts["before"] = {
  asksOfTalks: () => false,
  ofTalk: () => Promise.resolve({ isAllowed: true }),
  ofEdit: () => Promise.resolve({ isAllowed: true }),
  asksOfGroups: () => false,
  ofGroup: () => Promise.resolve({ isAllowed: true }),
};

function pipelineOf(store: Store, sessions: Sessions, dispatcher: Dispatcher = new Dispatcher()): TalkPipeline {
  const metrics = new Metrics();
  const limits = testLimits();
  const audience = new GroupAudience(store, sessions);
  const allowance = new FanOutAllowance(limits, systemRuntime.clock);
  const fanOut = new FanOut({ dispatcher, sessions, bytesMax: 1024, soon: systemRuntime.timers.soon });
  const rareLog = new RareLog(silentLog, systemClock);
  return new TalkPipeline({
    store,
    sessions,
    dispatcher,
    audience,
    allowance,
    fanOut,
    notices: new Notices({ audience, allowance, fanOut, limits, rareLog }, systemRuntime),
    missed: new MissedPushes({ audience, fanOut }, "all", systemRuntime.timers),
    missedEvents: new MissedPushes({ audience, fanOut }, "conversations", systemRuntime.timers),
    told: new ToldChanges(),
    windows: defaultSettings("chat"),
    reads: new Reads(limits, systemRuntime),
    ...systemRuntime,
    latency: metrics.talkLatency,
    metrics: metrics.forService("chat", "chat"),
    limits,
    rates: new AccountRates(limits, systemRuntime.clock),
    before: unasked,
    rareLog,
  });
}

test("a push that fails leaves the message stored and the sender with Success", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-pipeline-"));
  const store = await openSqliteStore({
    path: join(folder, "m.db"),
    retentionDays: 0,
    log: silentLog,
  });
  const sessions = lostSessions();
  const answered = Promise.withResolvers<void>();
  const outbound = Buffer.alloc(4096);
  const connection = openConnection(outbound, () => queueMicrotask(answered.resolve));
  const context = contextOf({ command: Command.UserTalk, account: "alice", dest: "bob", sequence: 7 }, connection);
  const pipeline = pipelineOf(store, sessions);
  const talk = {
    app: "app",
    sender: "alice",
    toGroup: false,
    dest: "bob",
    type: 1,
    body: "kept",
    extra: "",
    clientId: "",
  };
  pipeline.add(context, talk);
  await answered.promise;
  const length = 8 + outbound.readUInt32BE(4);
  const answer = decodePacket(outbound.subarray(0, length + 4 + outbound.readUInt32BE(length)));
  expect(answer).toMatchObject({ kind: "logic", header: { status: Status.Success, sequence: 7 } });
  const query = { app: "app", account: "bob", device: "", after: 1n, includeSent: false, limit: 10 };
  expect(await store.index(query)).toHaveLength(1);
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

test("messages are pushed in the order of their commits, also when a batch between them is not stored", async () => {
  const outcome: TalkOutcome = plainlyStored;
  let batches = 0;
  const store: Store = {
    ...talkStore(outcome),
    append: (talks) =>
      ++batches === 2 ? Promise.reject(new StoreUnavailable("away")) : Promise.resolve(talks.map(() => outcome)),
  };
  const slow = Promise.withResolvers<void>();
  const location = { device: "", channelId: "d", gateway: "gate", incarnation: "1" };
  const sessions: Sessions = {
    ...lostSessions(),
    locate: async (_, [account]) => {
      if (account === "first") await slow.promise;
      return [[location]];
    },
  };
  const pushed: string[] = [];
  const last = Promise.withResolvers<void>();
  const dispatcher = new Dispatcher();
  dispatcher.push = ({ dest }) => {
    pushed.push(dest);
    if (pushed.length === 2) last.resolve();
  };
  const pipeline = pipelineOf(store, sessions, dispatcher);
  for (const dest of ["first", "second", "third"]) {
    const talk = { app: "app", sender: "alice", toGroup: false, dest, type: 1, body: "", extra: "", clientId: "" };
    pipeline.add(contextOf({ command: Command.UserTalk, account: "alice", dest }), talk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  slow.resolve();
  await last.promise;
  expect(pushed).toEqual(["first", "third"]);
});

test("a talk for which the store has to read first lets no other one wait, and fails alone", async () => {
  const outcome: TalkOutcome = plainlyStored;
  const reads = new Map<string, PromiseWithResolvers<void>>();
  const stored: string[][] = [];
  const store: Store = {
    ...talkStore(outcome),
    prepare: (talk) => {
      if (!talk.dest.startsWith("slow")) return undefined;
      const read = Promise.withResolvers<void>();
      reads.set(talk.dest, read);
      return read.promise.then(() => ({ ...talk, hasConversation: true }));
    },
    append: (talks) => {
      stored.push(talks.map(({ dest, hasConversation }) => `${dest} ${hasConversation ?? ""}`));
      return Promise.resolve(talks.map(() => outcome));
    },
  };
  const pipeline = pipelineOf(store, { ...lostSessions(), locate: () => [] });
  const answers = new Map<string, Buffer>();
  for (const dest of ["slow", "bob", "slow too", "eve"]) {
    const talk = { app: "app", sender: "ann", toGroup: false, dest, type: 1, body: "", extra: "", clientId: "" };
    const outbound = Buffer.alloc(4096);
    const connection = openConnection(outbound, () => answers.set(dest, outbound));
    pipeline.add(contextOf({ command: Command.UserTalk, account: "ann", dest }, connection), talk);
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(stored).toEqual([["bob ", "eve "]]);
  reads.get("slow too")?.reject(new StoreUnavailable("the reader is away"));
  await turn();
  expect(answers.keys().toArray()).toEqual(["bob", "eve", "slow too"]);
  const outbound = answers.get("slow too") ?? Buffer.alloc(0);
  const length = 8 + outbound.readUInt32BE(4);
  expect(decodePacket(outbound.subarray(0, length + 4 + outbound.readUInt32BE(length)))).toMatchObject({
    header: { status: Status.SystemException },
  });
  reads.get("slow")?.resolve();
  await turn();
  expect(stored.slice(1)).toEqual([["slow true"]]);
  expect(answers.has("slow")).toBe(true);
});

test("a repeat is pushed, once, if the store did not say that it had stored the talk before", async () => {
  const outcome: TalkOutcome = { ...plainlyStored, repeated: true };
  let batches = 0;
  const store: Store = {
    ...talkStore(outcome),
    append: (talks) =>
      ++batches === 1 ? Promise.reject(new StoreUnavailable("no answer")) : Promise.resolve(talks.map(() => outcome)),
    messages: (_app, _account, [messageId = 0n]) =>
      Promise.resolve(toBinary(HistoryRespSchema, create(HistoryRespSchema, { messages: [{ messageId, type: 1 }] }))),
  };
  const location = { device: "", channelId: "d", gateway: "gate", incarnation: "1" };
  const sessions: Sessions = { ...lostSessions(), locate: () => [[location]] };
  const pushed: string[] = [];
  const dispatcher = new Dispatcher();
  dispatcher.push = ({ dest }) => void pushed.push(dest);
  const pipeline = pipelineOf(store, sessions, dispatcher);
  for (let attempt = 0; attempt < 3; attempt++) {
    const talk = {
      app: "app",
      sender: "ann",
      toGroup: false,
      dest: "bob",
      type: 1,
      body: "",
      extra: "",
      clientId: "1",
    };
    pipeline.add(contextOf({ command: Command.UserTalk, account: "ann", dest: "bob" }), talk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(pushed).toEqual(["bob"]);
});

/** Two openings of one store, as two chat nodes have them. */
async function twoStores(): Promise<{
  readonly first: Store;
  readonly second: Store;
  readonly close: () => Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), "roost-pipeline-"));
  const open = (): Promise<Store> => openSqliteStore({ path: join(folder, "m.db"), retentionDays: 0, log: silentLog });
  const [first, second] = [await open(), await open()];
  const close = async (): Promise<void> => {
    await first.close();
    await second.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { first, second, close };
}

test("a repeat at another node pushes the talk, or chat.sync if its message was changed meanwhile", async () => {
  const { first, second, close } = await twoStores();
  const location = { device: "", channelId: "d", gateway: "gate", incarnation: "1" };
  const sessions: Sessions = { ...lostSessions(), locate: () => [[location]] };
  const pushes: { command: string; text: string }[] = [];
  const pushed = Promise.withResolvers<void>();
  const dispatcher = new Dispatcher();
  dispatcher.push = ({ command }, body) => {
    pushes.push({ command, text: Buffer.from(body).toString() });
    if (command === Command.Sync) pushed.resolve();
  };
  const pipeline = pipelineOf(second, sessions, dispatcher);
  const said = { app: "app", sender: "ann", toGroup: false, dest: "bob", type: 1, extra: "" };
  for (const kind of ["none", "edit", "recall"] as const) {
    const talk = { ...said, body: `text, ${kind}`, clientId: kind };
    // The node that stores it dies before it pushes.
    const [outcome] = await first.append([talk]);
    if (outcome?.result !== "stored") throw new Error("expected stored");
    const change = { app: "app", actor: "ann", messageId: outcome.messageId, windowMs: 60_000 };
    if (kind === "edit") await first.change({ ...change, kind, body: "later", extra: "", clientId: "" });
    if (kind === "recall") await first.change({ ...change, kind });
    pipeline.add(contextOf({ command: Command.UserTalk, account: "ann", dest: "bob" }), talk);
  }
  await pushed.promise;
  expect(pushes.map(({ command }) => command)).toEqual([Command.UserTalk, Command.Sync]);
  expect(pushes[0]?.text).toContain("text, none");
  await close();
});

test("a repeat at another node pushes no mentions and no reply but those that were stored", async () => {
  const { first, second, close } = await twoStores();
  const location = { device: "", channelId: "d", gateway: "gate", incarnation: "1" };
  const sessions: Sessions = { ...lostSessions(), locate: () => [[location]] };
  const pushes: { command: string; mentions: readonly string[]; replyTo: bigint }[] = [];
  const pushed = Promise.withResolvers<void>();
  const dispatcher = new Dispatcher();
  dispatcher.push = ({ command }, body) => {
    const { mentions, replyTo } = fromBinary(MessagePushSchema, body);
    pushes.push({ command, mentions, replyTo });
    if (command === Command.Sync) pushed.resolve();
  };
  const pipeline = pipelineOf(second, sessions, dispatcher);
  const said = { app: "app", sender: "ann", toGroup: false, dest: "bob", type: 1, body: "text", extra: "" };
  const sayAtFirst = async (talk: Talk): Promise<bigint> => {
    const [outcome] = await first.append([talk]);
    if (outcome?.result !== "stored") throw new Error("expected stored");
    return outcome.messageId;
  };
  const replyTo = await sayAtFirst({ ...said, clientId: "" });
  const talks: Talk[] = [];
  for (const links of [{}, { mentions: ["bob"] }, { replyTo }, { mentions: ["ann", "bob"], replyTo }]) {
    const talk = { ...said, ...links, clientId: `key ${talks.length}` };
    talks.push(talk);
    await sayAtFirst(talk);
  }
  const repeat = async (talk: Talk): Promise<void> => {
    pipeline.add(contextOf({ command: Command.UserTalk, account: "ann", dest: "bob" }), talk);
    await new Promise((resolve) => setImmediate(resolve));
  };
  // Nobody checks what a repetition mentions and answers.
  for (const talk of talks) {
    await repeat({ ...talk, mentions: ["eve"], replyTo: 5n });
    await repeat({ ...talk, mentions: ["bob", "ann"], replyTo: 0n });
  }
  for (const talk of talks) await repeat(talk);
  await pushed.promise;
  expect(pushes.filter(({ command }) => command === Command.UserTalk)).toEqual(
    talks.map(({ mentions = [], replyTo: answered = 0n }) => ({
      command: Command.UserTalk,
      mentions: [...mentions],
      replyTo: answered,
    })),
  );
  await close();
});
