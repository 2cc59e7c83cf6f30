// Scenario `recalls`: messages of a group are recalled in a cluster of two gateways and two chat nodes, with
// PostgreSQL. Latencies are from a recall's Success until no answer to a member shows the text any more, through each
// gateway and each chat node.

import { nodeOfId } from "../../src/store/snowflake.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  MessageRespSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { ask, historyPage, listPage, signInForConversations } from "../generator/conversation-client.ts";
import type { Load } from "../generator/load.ts";
import type { LoadClient } from "../generator/load-client.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { Latency } from "../latency.ts";
import { type Findings, resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { type BenchCluster, clusterServer, onBenchCluster } from "../server/cluster.ts";
import { onPostgres, postgresMissing } from "../server/postgres.ts";
import { type Target, targetOf } from "../server/target.ts";
import { besideTalks, foundBeside, trialTalksPerSecond } from "./beside-talks.ts";

const name = "recalls";
const size = { discovery: 1, gateways: 2, logins: 1, chats: 2 } as const;
const secondsDefault = 10;
/** Talks a second beside: the cluster and the database share the cores with the generator. */
const talksBeside = 2_000;
const sendersDefault = 10;
/** Accounts that are tried until both chat nodes serve one at each gateway. */
const triesMax = 64;
/** A text that is still shown then stays. */
const goneMsMax = 10_000;
const pageOfHistory = 10;

/** One who reads, through one gateway and one chat node. */
interface Member {
  readonly client: LoadClient;
  readonly account: string;
}

/** In the generator: the talks' `senders` and `rate`, and `store`. Throws when a text stays. */
export function loadRecalls(load: Load): Promise<Findings[]> {
  const { store } = load.settings;
  return onBenchCluster({ size, store: store ?? undefined }, (cluster) => measure(cluster, load));
}

async function measure(cluster: BenchCluster, load: Load): Promise<Findings[]> {
  const targets = cluster.processes.gateways.map((_, number) => targetOf(clusterServer(cluster, number), "tcp"));
  const [first] = targets;
  if (first === undefined) throw new Error("there is no gateway");
  const traffic = new Traffic({ audience: 0, until: "answered" });
  const lost = (reason: string): void => traffic.fail(`${reason} in the middle of the run`);
  const clients: LoadClient[] = [];
  try {
    const inCluster = { ...load, target: first };
    await connectPairs(traffic, inCluster, false);
    const members = (await Promise.all(targets.map((target, number) => membersAt(target, number, lost)))).flat();
    const author = await signInForConversations(first, "author", { lost });
    clients.push(author, ...members.map(({ client }) => client));
    const group = await groupOf(author, members);
    const found = { gone: new Latency(), stale: 0, asked: 0, recalls: 0 };
    const talks = await besideTalks(traffic, inCluster, async (isOver) => {
      // The last one may end after the talks; one is measured, however short the time was meant to be.
      for (let number = 0; !isOver() || found.recalls === 0; number++) {
        const isMeasured = performance.now() >= traffic.fromMs;
        const text = `recalled ${number}`;
        const messageId = await talk(author, group, text);
        const places = members.map((member) => ({ ...member, group, messageId, text }));
        // Who never saw the text would not miss it.
        for (const seen of await Promise.all(places.map(showsText)))
          if (!seen) throw new Error(`a member does not see message ${number} of the group`);
        await ask(author, Command.MessageRecall, [MessageRecallReqSchema, { messageId }], MessageRecallReqSchema);
        const doneMs = performance.now();
        const asked = await Promise.all(places.map((member) => untilGone(member, doneMs)));
        if (!isMeasured) continue;
        found.recalls++;
        for (const { answers, atMs } of asked) {
          found.gone.record(doneMs, atMs);
          found.asked += answers;
          found.stale += answers - 1;
        }
      }
    });
    const { recalls, asked, stale, gone } = found;
    return [
      {
        ...foundBeside(talks, gone, { recalls, asked, stale }),
        transport: "tcp",
        topology: "processes",
        store: cluster.store,
      },
    ];
  } finally {
    for (const client of clients) client.disconnect();
    traffic.disconnect();
  }
}

/** Signs in accounts at a gateway until each chat node serves one of them; returns one of each. */
async function membersAt(target: Target, gateway: number, lost: (reason: string) => void): Promise<Member[]> {
  const found = new Map<number, Member>();
  for (let number = 0; found.size < size.chats; number++) {
    if (number === triesMax) throw new Error(`of ${triesMax} accounts at a gateway one chat node serves all`);
    const account = `member-${gateway}-${number}`;
    const client = await signInForConversations(target, account, { lost });
    // The id of a message names the node that stored it.
    const node = nodeOfId(await talk(client, undefined, "which node?"));
    if (found.has(node)) client.disconnect();
    else found.set(node, { client, account });
  }
  return [...found.values()];
}

async function groupOf(author: LoadClient, members: readonly Member[]): Promise<string> {
  const fields = { name, members: members.map(({ account }) => account) };
  const { groupId } = await ask(author, Command.GroupCreate, [GroupCreateReqSchema, fields], GroupCreateRespSchema);
  return groupId;
}

/** Talks to a group, or to nobody in particular; the message's id. */
async function talk(client: LoadClient, group: string | undefined, text: string): Promise<bigint> {
  const request = [MessageReqSchema, { type: 1, body: text }] as const;
  const [command, dest] = group === undefined ? [Command.UserTalk, "somebody"] : [Command.GroupTalk, group];
  const { messageId } = await ask(client, command, request, MessageRespSchema, dest);
  return messageId;
}

interface Place extends Member {
  readonly group: string;
  readonly messageId: bigint;
  readonly text: string;
}

/** Asks again and again; when the first answer without the text has come, and how many answers that took. */
async function untilGone(place: Place, fromMs: number): Promise<{ readonly answers: number; readonly atMs: number }> {
  for (let answers = 1; ; answers++) {
    const isShown = await showsText(place);
    const atMs = performance.now();
    if (!isShown) return { answers, atMs };
    if (atMs - fromMs > goneMsMax) throw new Error(`a recalled text is shown ${goneMsMax} ms later`);
  }
}

/** Whether the history, the list or the contents of old clients show the text. */
async function showsText({ client, group, messageId, text }: Place): Promise<boolean> {
  const [history, list, contents] = await Promise.all([
    historyPage(client, { group, limit: pageOfHistory }),
    listPage(client, 1),
    ask(
      client,
      Command.OfflineContent,
      [MessageContentReqSchema, { messageIds: [messageId] }],
      MessageContentRespSchema,
    ),
  ]);
  const bodies = [
    ...history.messages.map(({ body }) => body),
    ...list.conversations.map(({ lastMessage }) => lastMessage?.body ?? ""),
    ...contents.contents.map(({ body }) => body),
  ];
  return bodies.includes(text);
}

export const recalls: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { store, isTrial, rate, senders = sendersDefault } = bench.options;
    if (store === undefined && postgresMissing !== undefined) {
      bench.report([resultOf(name, { store: "postgres", valid: true, skipped: postgresMissing })]);
      return;
    }
    const measureIn = (url: string): Promise<void> => {
      const seconds = bench.secondsOr(secondsDefault);
      const talks = rate ?? (isTrial ? trialTalksPerSecond : talksBeside);
      return bench.measureAlone(name, name, { store: url, seconds, senders, rate: talks });
    };
    await (store === undefined ? onPostgres(measureIn) : measureIn(store));
  },
};
