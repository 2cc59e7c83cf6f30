// Scenarios `history` and `conversations`: what people do with conversations, on a server whose store held
// many messages when it started, beside an open loop of talks. One server is filled for all parts of a scenario.

import { closeSync, openSync, writeSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Bench } from "../bench.ts";
import type { Load, LoadSettings } from "../generator/load.ts";
import { LoadClient } from "../generator/load-client.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { Latency } from "../latency.ts";
import type { Findings, Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import type { Waiter } from "./sync-filler.ts";
import { onFilledServer, type Start } from "./sync-rows.ts";
import { Command } from "../../src/wire/commands.ts";
import { Feature } from "../../src/wire/features.ts";
import {
  ConversationListReqSchema,
  type ConversationListResp,
  ConversationListRespSchema,
  HistoryReqSchema,
  type HistoryResp,
  HistoryRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";

const rowsDefault = 10_000_000;
const trialRows = 3_000;
const talksPerSecond = 20_000;
const trialTalksPerSecond = 500;
const senderCount = 50;
/** What a reader asks for a second, one request after another. */
const asksPerSecond = 50;
const page = 50;
/** Those whose histories are read; each has conversations of 500 messages. */
const readerCount = 20;
const readerPartners = 12;
const readerMessages = 500;
/** Conversations of the others: enough messages that no more than these are counted as unread. */
const fewConversations = { conversations: 500, each: 20 } as const;
const manyConversations = { conversations: 10_000, each: 5 } as const;

const readerName = (number: number): string => `reader-${number}`;
const listerName = (conversations: number): string => `lister-${conversations}`;

/** One request; its latency is measured. Throws when the answer is wrong. */
type Ask = () => Promise<void>;

/** In the generator: `attack` is the part, `rate` that of the talks, `messages` the conversations of who lists. */
export async function loadMessenger(load: Load): Promise<Findings[]> {
  const { settings } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  const clients: LoadClient[] = [];
  const signIn = async (account: string): Promise<LoadClient> => {
    const events = { answered() {}, pushed() {}, lost: (reason: string) => traffic.fail(reason) };
    const client = await LoadClient.signIn(load.target, account, events, {
      device: "bench",
      features: [Feature.Conversations],
    });
    clients.push(client);
    return client;
  };
  try {
    await connectPairs(traffic, load, false);
    const ask = settings.attack === "list" ? await listing(settings, signIn) : await reading(settings, signIn);
    const isCold = settings.attack === "cold" && !settings.isTrial && dropPageCache();
    const latency = new Latency();
    const [whole] = await beside(traffic, load, (isOver) => pace(traffic, ask, latency, isOver));
    if (whole === undefined) throw new Error("the talks gave no result");
    const { per_second: talks, ...rest } = whole;
    const coldness = settings.attack === "cold" ? { page_cache_dropped: isCold } : {};
    const isEnough = latency.count > 0;
    const valid = whole.valid && isEnough;
    return [
      { ...rest, talks_per_second: talks ?? null, ...latency.fields(), asked: latency.count, ...coldness, valid },
    ];
  } finally {
    for (const client of clients) client.disconnect();
    traffic.disconnect();
  }
}

/** Runs the talks, and the work beside them until they end. */
async function beside(
  traffic: Traffic,
  load: Load,
  work: (isOver: () => boolean) => Promise<void>,
): Promise<Findings[]> {
  let isOver = false;
  const working = work(() => isOver || performance.now() >= traffic.untilMs);
  const talking = runLoop(traffic, load).finally(() => {
    isOver = true;
  });
  const [findings] = await Promise.all([talking, working]);
  return findings;
}

/** Asks at a fixed pace. Latencies count from when a request was due; those of the warm-up do not count. */
async function pace(traffic: Traffic, ask: Ask, latency: Latency, isOver: () => boolean): Promise<void> {
  const startMs = performance.now();
  for (let number = 0; !isOver(); number++) {
    const dueMs = startMs + (number * 1000) / asksPerSecond;
    if (dueMs > performance.now()) await Bun.sleep(dueMs - performance.now());
    await ask();
    if (traffic.isMeasured(dueMs)) latency.record(dueMs, performance.now());
  }
}

type SignIn = (account: string) => Promise<LoadClient>;

async function listing({ messages, isTrial }: LoadSettings, signIn: SignIn): Promise<Ask> {
  const client = await signIn(listerName(messages));
  const each = messages === fewConversations.conversations ? fewConversations.each : manyConversations.each;
  const ask = async (): Promise<void> => {
    const { conversations, hasMore } = await list(client);
    const isRight = conversations.every(
      ({ account, unread, lastMessage }) =>
        account.startsWith("sender-") && unread === each && lastMessage !== undefined,
    );
    if (conversations.length !== page || !hasMore || !isRight)
      throw new Error(`the first page of ${messages} conversations is wrong: ${describe(conversations)}`);
  };
  // A trial stores fewer messages for each conversation.
  return isTrial ? async () => void (await list(client)) : ask;
}

function describe(conversations: ConversationListResp["conversations"]): string {
  return conversations.map(({ account, unread }) => `${account} ${unread}`).join(", ") || "it is empty";
}

async function list(client: LoadClient): Promise<ConversationListResp> {
  const request = create(ConversationListReqSchema, { limit: page });
  const body = toBinary(ConversationListReqSchema, request);
  return fromBinary(ConversationListRespSchema, await answerOf(client, Command.ConversationList, body));
}

async function answerOf(client: LoadClient, command: string, request: Uint8Array): Promise<Buffer> {
  const { status, body } = await client.request(command, "", request);
  if (status !== 0) throw new Error(`${command} was refused with status ${status}`);
  return body;
}

async function historyOf(client: LoadClient, account: string, where: object): Promise<HistoryResp> {
  const request = create(HistoryReqSchema, { account, limit: page, ...where });
  return fromBinary(HistoryRespSchema, await answerOf(client, Command.History, toBinary(HistoryReqSchema, request)));
}

/** The newest messages of one conversation after another; cold: anywhere in them, each place once. */
async function reading({ attack }: LoadSettings, signIn: SignIn): Promise<Ask> {
  const readers = await Promise.all(Array.from({ length: readerCount }, (_, index) => signIn(readerName(index))));
  const span = await spanOf(readers[0]);
  let asked = 0;
  return async () => {
    const number = asked++;
    const reader = readers[number % readerCount];
    if (reader === undefined) return;
    const partner = `sender-${Math.floor(number / readerCount) % readerPartners}`;
    // Multiples of the golden ratio are spread evenly and meet no place twice.
    const share = (number * 0.618_033_988_749_895) % 1;
    const around = span.first + BigInt(Math.floor(Number(span.last - span.first) * share));
    const { messages } = await historyOf(reader, partner, attack === "cold" ? { around } : {});
    if (messages.length === 0) throw new Error(`the history of ${readerName(number % readerCount)} is empty`);
  };
}

async function spanOf(reader: LoadClient | undefined): Promise<{ readonly first: bigint; readonly last: bigint }> {
  if (reader === undefined) throw new Error("nobody reads");
  const oldest = await historyOf(reader, "sender-0", { after: 1n });
  const newest = await historyOf(reader, "sender-0", {});
  const [first, last] = [oldest.messages[0]?.messageId, newest.messages.at(-1)?.messageId];
  if (first === undefined || last === undefined) throw new Error("there is no history to read");
  return { first, last };
}

/** Empties the kernel's page cache; false where that is not permitted. */
function dropPageCache(): boolean {
  try {
    const file = openSync("/proc/sys/vm/drop_caches", "w");
    try {
      writeSync(file, "1");
    } finally {
      closeSync(file);
    }
    return true;
  } catch {
    return false;
  }
}

/** A load and what its results are called. */
interface Part {
  readonly scenario: string;
  readonly attack: string;
  readonly conversations?: number;
}

function scenarioOf(name: string, parts: readonly Part[]): Scenario {
  return {
    name,
    takesUrl: false,
    run: (bench) => measureParts(bench, name, parts),
  };
}

async function measureParts(bench: Bench, name: string, parts: readonly Part[]): Promise<void> {
  const { isTrial, rows = isTrial ? trialRows : rowsDefault, rate, senders = senderCount } = bench.options;
  const start: Start = { fillSeconds: 0, readyMs: 0 };
  const order = { waiters: waitersOf(isTrial), rows };
  await onFilledServer(order, start, (done) => bench.tell(name, "storing rows", done))(async (server) => {
    for (const { scenario, attack, conversations = 0 } of parts) {
      const settings = {
        attack,
        senders,
        rows,
        messages: conversations,
        rate: rate ?? (isTrial ? trialTalksPerSecond : talksPerSecond),
      };
      const connections = senders + readerCount;
      const plan = { scenario, load: "messenger", transport: "tcp", connections, settings } as const;
      const results = await bench.measure({ ...plan, server: (work) => work(server) });
      bench.report(
        results.map((result): Result => {
          const of = conversations === 0 ? {} : { conversations };
          return { ...result, rows, ...of, fill_seconds: Math.round(start.fillSeconds), ready_ms: start.readyMs };
        }),
      );
    }
  });
}

function waitersOf(isTrial: boolean): Waiter[] {
  const readers = Array.from({ length: readerCount }, (_, index): Waiter => {
    const messages = readerPartners * (isTrial ? 5 : readerMessages);
    return { account: readerName(index), messages, senders: readerPartners };
  });
  const listers = [fewConversations, manyConversations].map(({ conversations: count, each }): Waiter => {
    return { account: listerName(count), messages: isTrial ? 500 : count * each, senders: count };
  });
  return [...readers, ...listers];
}

export const history = scenarioOf("history", [
  { scenario: "history", attack: "newest" },
  { scenario: "history-cold", attack: "cold" },
]);
export const conversations = scenarioOf("conversations", [
  { scenario: "conversations", attack: "list", conversations: fewConversations.conversations },
  { scenario: "conversations", attack: "list", conversations: manyConversations.conversations },
]);
