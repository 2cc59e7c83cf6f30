// Whatever happens, in whatever order, over connections that break: in the end every device shows what the server has,
// and each message of an outbox is stored once, in its order.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { ChatMessage, ConversationState, Partner, Timeline } from "../../../src/sdk/messenger/messenger.ts";
import { until } from "../../../scripts/harness/until.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { Random, testSeed } from "../../support/random.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { afterwards, endAll } from "../support.ts";
import { type Device, device, fresh } from "./support.ts";

const steps = Number(process.env["STEPS"] ?? 150);
const agreeMsMax = 10_000;

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

interface Opened {
  readonly partner: Partner;
  readonly timeline: Timeline;
}

interface Member extends Device {
  readonly name: string;
  readonly proxy: TcpProxy;
  readonly partners: readonly [Partner, ...Partner[]];
  readonly open: Opened[];
  /** The types of the messages that it has sent to each partner: no edit changes them. */
  readonly sent: Map<string, number[]>;
}

const listed = (items: Iterable<ConversationState>) =>
  [...items].map(({ key, unread, unreadMentions, readId, peerReadId, isPinned, isMuted, lastMessage }) => [
    ...[key, unread, unreadMentions, readId, peerReadId, isPinned, isMuted],
    lastMessage && [lastMessage.id, lastMessage.body, lastMessage.isRecalled],
  ]);
const shown = (messages: readonly ChatMessage[]) =>
  messages.map(({ id, body, isEdited, isRecalled, reactions }) => [
    ...[id, body, isEdited, isRecalled],
    reactions.map(({ reaction, count, isMine }) => `${reaction} ${count} ${isMine}`).toSorted(),
  ]);
const isStored = ({ state }: ChatMessage): boolean => state === "stored";

test("every device agrees with the server in the end", async () => {
  const random = new Random(testSeed("convergence"));
  const names: [string, ...string[]] = [fresh("alice"), fresh("bob"), fresh("cat")];
  const [alice, bob, cat] = names;
  const founder = await device(server, bob ?? "", "founder");
  const group = await founder.client.createGroup({ name: "team", members: [alice, cat ?? ""] });
  await founder.client.close();
  const join = async (account: string, name: string): Promise<Member> => {
    const proxy = await TcpProxy.start(portOf());
    afterwards(() => proxy.stop());
    const url = `tcp://127.0.0.1:${proxy.port}`;
    const joined = await device(server, account, name, { url, requestTimeoutMs: 2_000 });
    const partners = names.filter((other) => other !== account).map((other) => ({ account: other }));
    const open: Opened[] = [];
    for (const partner of [{ group }, ...partners]) {
      if (random.once(3)) continue;
      open.push({ partner, timeline: await joined.client.conversation(partner).timeline({ limit: 5 }) });
    }
    return { ...joined, name: `${account} ${name}`, proxy, partners: [{ group }, ...partners], open, sent: new Map() };
  };
  const all: [Member, ...Member[]] = [await join(alice, "phone"), await join(alice, "tablet")];
  for (const account of [bob, cat]) all.push(await join(account ?? "", "phone"));
  const ids: [bigint, ...bigint[]] = [1n];
  for (const { client } of all) client.on("message", ({ id }) => void (ids.includes(id) || ids.push(id)));
  let number = 0;
  for (let at = 0; at < steps; at++) await step(random, random.pick(all), ids, alice, ++number);
  await until(() => all.every(({ client }) => client.isOnline), "all are online");
  const isSent = ({ client }: Member): boolean => client.pending().length === 0;
  await until(() => all.every(isSent), "everything is sent");
  for (const one of all) await compare(one);
}, 120_000);

const portOf = (): number => Number(server.tcp.split(":")[1]);

async function step(
  random: Random,
  { client, partners, open, proxy, sent }: Member,
  ids: [bigint, ...bigint[]],
  alice: string,
  number: number,
): Promise<void> {
  const partner = random.pick(partners);
  const to = client.conversation(partner);
  const id = random.pick(ids);
  const body = `body ${number}`;
  const quietly = (work: Promise<unknown>): void => void work.catch(() => undefined);
  const dice = random.below(20);
  if (dice < 6) {
    const key = JSON.stringify(partner);
    const isMention = "group" in partner && client.account !== alice && random.once(2);
    sent.set(key, [...(sent.get(key) ?? []), 1_000 + number]);
    to.send({ body, type: 1_000 + number, mentions: isMention ? [alice] : [] });
  } else if (dice === 6) quietly(client.edit(id, { body }));
  else if (dice === 7) quietly(client.recall(id));
  else if (dice === 8) quietly(client.react(id, random.pick(["+1", "-1"]), !random.once(3)));
  else if (dice === 9) quietly(to.markRead());
  else if (dice === 10) quietly(to.markRead(id));
  else if (dice === 11) quietly(to.pin(random.once(2)));
  else if (dice === 12) quietly(to.mute(random.once(2)));
  else if (dice === 13) quietly(to.hide(random.once(2)));
  else if (dice === 14) quietly(random.once(4) ? to.clear(id) : client.hideMessages([id]));
  else if (dice === 15) for (const { timeline } of open) quietly(timeline.loadBefore());
  else if (dice === 16) {
    proxy.losesAnswers = true;
    await Bun.sleep(random.below(30));
    proxy.switchTo(portOf());
    proxy.losesAnswers = false;
    client.reconnect();
  } else if (dice === 17) {
    proxy.isShut = true;
    proxy.switchTo(portOf());
    setTimeout(() => (proxy.isShut = false), random.below(1_000));
  } else await Bun.sleep(random.below(100));
}

async function compare({ client, name, open, sent }: Member): Promise<void> {
  const judge = await device(server, client.account, "judge");
  const list = async () => {
    const { conversations } = judge.client;
    const read = Promise.withResolvers<void>();
    const stop = judge.client.on("conversationsChanged", () => read.resolve());
    conversations.readAgain();
    await read.promise;
    stop();
    return listed(conversations);
  };
  await agree(() => listed(client.conversations), list, `the list of ${name}`);
  for (const { timeline, partner } of open) {
    const stored = () => timeline.messages.filter(isStored);
    const history = async () => {
      const messages: ChatMessage[] = [];
      for await (const page of judge.client.conversation(partner).history()) messages.unshift(...page.messages);
      return shown(timeline.hasBefore ? messages.slice(-stored().length) : messages);
    };
    await agree(() => shown(stored()), history, `the timeline of ${name} with ${JSON.stringify(partner)}`);
  }
  const entries = (await judge.client.index(1n, true)).filter(({ direction }) => direction === 1);
  const types = (await judge.client.contents(entries.map(({ messageId }) => messageId))).map(({ type }) => type);
  for (const wanted of sent.values()) expect(types.filter((type) => wanted.includes(type))).toEqual(wanted);
  await judge.client.close();
}

async function agree(actual: () => unknown, wanted: () => Promise<unknown>, what: string): Promise<void> {
  await until(
    async () => {
      const want = await wanted();
      expect(actual(), what).toEqual(want);
      return true;
    },
    what,
    agreeMsMax,
  );
}
