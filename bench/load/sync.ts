// Scenario `sync`: 10,000 messages wait for one client, who signs in, reads the index and all contents, and does so
// again for as long as it is measured. Latencies are those of a whole synchronisation; the first one is the cold one.
// With rows, the messages lie among that many others in the store of a server that has just started.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Bench, Plan } from "../bench.ts";
import { returning } from "../filled/population.ts";
import type { Load } from "../generator/load.ts";
import { LoadClient, tokenFor } from "../generator/load-client.ts";
import { runLoop } from "../generator/loop.ts";
import { TalkTemplate } from "../generator/numbered-talk.ts";
import { readIndex } from "../generator/offline-index.ts";
import { bodyBytes } from "../generator/people.ts";
import { eventsOf, Traffic } from "../generator/traffic.ts";
import { isGeneratorFree, sharesBetween, usageFields, usageOf } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageContentReqSchema, MessageContentRespSchema } from "../../src/wire/gen/pkt_pb.ts";

/** As many contents as one request may ask for. */
const idsPerRequest = 200;
const senderCount = 20;
/** A content stands in the answer with its body, so a body that is cut is found. */
const isWhole = (body: string): boolean => body.length === bodyBytes;

/** In the generator: `messages`, `rows`. */
export async function loadSync(load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const { messages, seconds, run } = settings;
  const account = settings.rows === 0 ? `returning-${run}` : returning;
  if (settings.rows === 0) await fill(load, account);
  const token = await tokenFor(target, account);
  const latency = new Latency();
  const before = usageOf(target);
  const endMs = before.atMs + seconds * 1000;
  let delivered = 0;
  let reordered = 0;
  let coldMs: number | undefined;
  do {
    const startMs = performance.now();
    const failing = Promise.withResolvers<never>();
    failing.promise.catch(() => undefined);
    const client = await LoadClient.signIn(
      target,
      account,
      {
        answered() {},
        pushed() {},
        lost: (reason) => failing.reject(new Error(`${reason} in the middle of the run`)),
      },
      { token, device: "bench" },
    );
    const synchronised = await Promise.race([synchronise(client), failing.promise]);
    const tookMs = performance.now() - startMs;
    latency.record(0, tookMs);
    coldMs ??= tookMs;
    client.disconnect();
    if (synchronised.whole !== messages)
      throw new Error(`of ${messages} messages that waited ${synchronised.whole} came; there is no figure for that`);
    delivered += synchronised.whole;
    reordered += synchronised.reordered;
    tell("measuring", 1 - Math.max(0, endMs - performance.now()) / (seconds * 1000));
  } while (performance.now() < endMs);
  const after = usageOf(target);
  const shares = sharesBetween(before, after);
  const elapsed = (after.atMs - before.atMs) / 1000;
  return [
    {
      connections: 1,
      seconds,
      sent: messages * latency.count,
      answered: latency.count,
      delivered,
      lost: 0,
      duplicated: 0,
      reordered,
      per_second: Math.round(delivered / elapsed),
      ...latency.fields(),
      ...usageFields(target, shares),
      // One client, who does one thing after another: it waits for the server, or works itself.
      valid: isGeneratorFree(shares) && reordered === 0,
      messages,
      cold_ms: coldMs,
    },
  ];
}

/** Messages from several senders, for no client that is online. */
async function fill(load: Load, account: string): Promise<void> {
  const { target, settings, tell } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  const share = Math.ceil(settings.messages / senderCount);
  try {
    for (let index = 0, left = settings.messages; left > 0; index++, left -= share) {
      const sender = traffic.sender();
      sender.client = await LoadClient.signIn(target, `sender-${settings.run}-${index}`, eventsOf(traffic, sender));
      const plan = { command: Command.UserTalk, dest: account, sender: index, bodyBytes };
      sender.requests = new TalkTemplate(sender.client.dialect, plan);
      for (let talk = 0; talk < Math.min(share, left); talk++) sender.talk(performance.now());
    }
    tell("filling", 0);
    await runLoop(traffic, { ...load, settings: { ...settings, window: 0, rate: 0, seconds: 0, warmUpMs: 0 } });
  } finally {
    traffic.disconnect();
  }
}

async function synchronise(client: LoadClient): Promise<{ whole: number; reordered: number }> {
  const { ids, reordered } = await readIndex(client);
  const pages: bigint[][] = [];
  for (let at = 0; at < ids.length; at += idsPerRequest) pages.push(ids.slice(at, at + idsPerRequest));
  let whole = 0;
  // A client shows what it has while it asks for more: two pages are on their way.
  const next = { page: 0 };
  const worker = async (): Promise<void> => {
    for (let page = pages[next.page++]; page !== undefined; page = pages[next.page++]) {
      const request = toBinary(MessageContentReqSchema, create(MessageContentReqSchema, { messageIds: page }));
      const { status, body } = await client.request(Command.OfflineContent, "", request);
      if (status !== 0) throw new Error(`contents were refused with status ${status}`);
      const { contents } = fromBinary(MessageContentRespSchema, body);
      for (const [index, content] of contents.entries())
        if (content.messageId === page[index] && isWhole(content.body)) whole++;
    }
  };
  await Promise.all([worker(), worker()]);
  return { whole, reordered };
}

export const sync: Scenario = {
  name: "sync",
  takesUrl: true,
  async run(bench) {
    const { topology, external } = bench.options;
    const messages = bench.waiting;
    const mayFill = external === undefined && topology === "standalone";
    if (bench.options.rows !== undefined && !mayFill)
      throw new Error("--rows fills the store of a standalone server that the bench starts");
    for (const transport of bench.transports.slice(0, 1)) {
      const plan = { scenario: "sync", load: "sync", transport, connections: senderCount } as const;
      bench.report(await bench.measure({ ...plan, settings: { messages } }));
      if (mayFill) await syncAmong(bench, plan);
    }
  },
};

/** The same, of a store that holds other messages. */
function syncAmong(bench: Bench, plan: Omit<Plan, "settings">): Promise<void> {
  return bench.onFilledServer("sync", async (server, facts) => {
    const settings = { messages: bench.waiting, rows: facts.rows };
    const results = await bench.measure({ ...plan, settings, server: (work) => work(server) });
    bench.report(results.map((result) => ({ ...result, ...facts })));
  });
}
