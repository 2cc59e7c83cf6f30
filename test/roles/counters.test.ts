// Whatever clients do, and whatever fails, in the end nothing is counted any more: no counter leaks, and none is ever
// negative. Random sequences from a seed.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import type { LimitName } from "../../src/base/limits/table.ts";
import { LinkContext } from "../../src/service/link-context.ts";
import type { Located, PushHead } from "../../src/service/dispatcher.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { FanOut } from "../../src/roles/chat/fan-out.ts";
import { Reads } from "../../src/roles/chat/reads.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupJoinReqSchema,
  LoginReqSchema,
  MessageContentReqSchema,
  MessageIndexReqSchema,
  MessageReqSchema,
  MetaType,
} from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { createGroup, groupTalk } from "../support/commands.ts";
import { testLimits } from "../support/limits.ts";
import { FrameKeeper } from "../support/lone-gateway.ts";
import { Messenger } from "../support/messenger.ts";
import { Random, testSeed } from "../support/random.ts";
import { Turns } from "../support/turns.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "../support/wire-client.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { systemTimers } from "../../src/base/timers.ts";

/** What is in use as long as a client uses it, and no longer. */
const counted: readonly LimitName[] = [
  "pendingConnections",
  "pendingConnectionsPerAddress",
  "connectionsPerAddress",
  "unsentBytes",
  "unsentBytesInAll",
  "requestsPerLink",
  "unsentBytesPerLink",
  "readBytes",
  "readsWaitingBytes",
  "readBytesPerAccount",
  "fanOutBytes",
];

test("after any sequence of what clients do nothing is counted any more", async () => {
  const random = new Random(testSeed("counters"));
  // Small enough that most of them are reached.
  const limits = testLimits({
    pendingConnections: 12,
    unsentBytes: 200_000,
    unsentBytesInAll: 600_000,
    requestsPerLink: 50,
    readBytes: 100_000,
    readsWaitingBytes: 20_000,
    readBytesPerAccount: 300_000,
    fanOutBytes: 30_000,
    fanOutAtOnce: 20_000,
    requestsAtOnce: 200,
    signInFrameBytes: 4_000,
    devicesPerAccount: 3,
  });
  const messenger = await Messenger.start({ limits });
  try {
    const accounts = ["ann", "bob", "cat", "dan", "eve"] as const;
    const owner = await messenger.client("owner");
    const group = await createGroup(owner, [...accounts]);
    const stored: bigint[] = [];
    while (stored.length < 60) {
      // No more than may wait to be delivered.
      await until(() => limits.use("fanOutBytes") === 0, "all is delivered");
      const { messageId } = await groupTalk(owner, group, "y".repeat(8_000));
      stored.push(messageId);
    }
    owner.terminate();
    const used = (): (readonly [LimitName, number])[] => counted.map((name) => [name, limits.use(name) ?? -1]);
    const clients: WireClient[] = [];
    const anyone = (): WireClient | undefined => clients[random.below(clients.length + 1)];
    const longBody = (): string => "x".repeat(random.below(random.once(5) ? 8_000 : 100));
    const send = (client: WireClient, command: string, dest: string, body: Uint8Array): void =>
      client.send({ command, dest, sequence: 1 + random.below(1_000) }, body);
    const tokens = await Promise.all(accounts.map((account) => messenger.token(account)));
    const acts: readonly [() => unknown, ...(() => unknown)[]] = [
      async () => void clients.push(await messenger.stranger()),
      async () => void clients.push(await messenger.stranger()),
      ...Array.from({ length: 4 }, () => () => {
        const client = anyone();
        if (client === undefined) return;
        const token = random.once(6) ? "nonsense" : (tokens[random.below(tokens.length)] ?? "");
        const device = `device ${random.below(5)}`;
        send(client, Command.SignIn, "", toBinary(LoginReqSchema, create(LoginReqSchema, { token, device })));
      }),
      ...Array.from({ length: 4 }, () => () => {
        const client = anyone();
        if (client === undefined) return;
        for (let left = random.below(40); left > 0; left--) {
          const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: longBody() }));
          const isGroup = random.once(2);
          const dest = isGroup ? (random.once(8) ? "no group" : group) : random.pick(accounts);
          send(client, isGroup ? Command.GroupTalk : Command.UserTalk, dest, body);
        }
      }),
      ...Array.from({ length: 3 }, () => () => {
        const client = anyone();
        if (client === undefined) return;
        for (let left = random.below(8); left > 0; left--) {
          const messageIds = Array.from({ length: random.below(60) }, () => stored[random.below(stored.length)] ?? 0n);
          if (random.once(2))
            send(
              client,
              Command.OfflineContent,
              "",
              toBinary(MessageContentReqSchema, create(MessageContentReqSchema, { messageIds })),
            );
          else
            send(
              client,
              Command.OfflineIndex,
              "",
              toBinary(MessageIndexReqSchema, create(MessageIndexReqSchema, { messageId: 1n })),
            );
        }
      }),
      () => {
        const client = anyone();
        const command = random.once(2) ? Command.GroupJoin : Command.GroupQuit;
        const body = toBinary(
          GroupJoinReqSchema,
          create(GroupJoinReqSchema, { groupId: group, account: random.pick(accounts) }),
        );
        if (client !== undefined) send(client, command, "", body);
      },
      () => anyone()?.pause(),
      () => anyone()?.resume(),
      () => anyone()?.write(random.bytes(1 + random.below(50))),
      () => anyone()?.send({ command: "chat.nothing", sequence: 1 }, random.bytes(random.below(6_000))),
      () => {
        const [client] = clients.splice(random.below(clients.length + 1), 1);
        client?.terminate();
      },
      () => Bun.sleep(random.below(10)),
    ];
    for (let step = 0; step < 1_500; step++) {
      await random.pick(acts)();
      if (random.once(4)) await Bun.sleep(0);
      for (const [name, use] of used()) expect([name, use >= 0]).toEqual([name, true]);
    }
    for (const client of clients) client.terminate();
    await until(() => used().every(([, use]) => use === 0), "nothing is counted any more").catch(() => undefined);
    expect(used().filter(([, use]) => use !== 0)).toEqual([]);
    const channels = await (await fetch(`http://${messenger.monitor}/metrics`)).text();
    expect(channels).toMatch(/^roost_channels\{[^}]*\} 0$/m);
    // It was not for nothing: some clients met limits, and others were served all the same.
    expect(limits.reached.size).toBeGreaterThan(0);
    const last = await messenger.client("last");
    last.terminate();
  } finally {
    await messenger.stop();
  }
}, 60_000);

test("whatever fails, each delivery ends once and nothing of it stays", async () => {
  const random = new Random(testSeed("deliveries"));
  const turns = new Turns();
  const perhaps = <T>(value: T): T | Promise<T> => {
    if (random.once(12)) throw new Error("a bug");
    if (random.once(2)) return value;
    const fails = random.once(6);
    return Bun.sleep(random.below(3)).then(() => {
      if (fails) throw new Error("an engine is away");
      return value;
    });
  };
  const pushed = new Map<string, number[]>();
  const fanOut = new FanOut({
    bytesMax: 50_000,
    soon: turns.soon,
    sessions: {
      locate: (_app, accounts): Located | Promise<Located> =>
        perhaps(accounts.map((account) => [{ device: "", channelId: account, gateway: "g", incarnation: "1" }])),
    },
    dispatcher: {
      push(head: PushHead, body: Uint8Array, located: Located) {
        if (random.once(40)) throw new Error("a bug");
        for (const { channelId } of located.flat()) {
          const key = `${head.dest} ${channelId}`;
          const numbers = pushed.get(key) ?? [];
          pushed.set(key, numbers);
          numbers.push(Buffer.from(body).readUInt32BE(0));
        }
      },
    },
  });
  const ends: number[] = [];
  const failures: number[] = [];
  const count = 1_000;
  for (let number = 0; number < count; number++) {
    const group = `g${random.below(4)}`;
    const size = random.once(3) ? random.below(2_000) : random.below(20);
    fanOut.add({
      app: "app",
      head: { command: Command.GroupTalk, channelId: "", sequence: 1, dest: group },
      payer: `s${random.below(5)}`,
      audience: random.once(4) ? undefined : BigInt(random.below(2)),
      bytes: random.below(5_000),
      body() {
        if (random.once(60)) throw new Error("a bug");
        const body = Buffer.alloc(4);
        body.writeUInt32BE(number);
        return body;
      },
      accounts: () => perhaps(Array.from({ length: size }, (_, at) => `m${at}`)),
      done: () => void ends.push(number),
      failed: () => void failures.push(number),
    });
    expect(fanOut.bytes).toBeGreaterThanOrEqual(0);
    if (random.once(3)) turns.end();
    if (random.once(20)) await Bun.sleep(random.below(3));
  }
  let isSettled = false;
  void fanOut.settled().then(() => void (isSettled = true));
  await until(() => (turns.endAll(), isSettled), "all is delivered");
  expect(ends.toSorted((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, number) => number));
  expect(new Set(failures).size).toBe(failures.length);
  expect(failures.length).toBeLessThan(count);
  expect([fanOut.bytes, fanOut.hasRoom]).toEqual([0, true]);
  // Nobody gets two of a group in another order than that in which they were added, or one twice.
  for (const numbers of pushed.values()) {
    expect(numbers.every((number, at) => number > (numbers[at - 1] ?? -1))).toBe(true);
  }
}, 60_000);

test("whatever becomes of reads, and of the links that they came by, none is counted in the end", async () => {
  const random = new Random(testSeed("reads"));
  const limits = testLimits({ readBytes: 1_000, readsWaitingBytes: 20_000, readBytesPerAccount: 2_000 });
  const reads = new Reads(limits, systemRuntime);
  const links = Array.from({ length: 3 }, (_, at) => {
    const connection = new FrameKeeper();
    const gateway = `g${at}`;
    return {
      gateway,
      incarnation: "1",
      unanswered: 0,
      backlog: new LinkBacklog(gateway, connection, systemTimers),
      connection,
    };
  });
  const names = ["readBytes", "readsWaitingBytes", "readBytesPerAccount"] as const;
  const used = (): number[] => names.map((name) => limits.use(name) ?? -1);
  const running: Promise<unknown>[] = [];
  const scan = new PacketScan();
  for (let step = 0; step < 2_000; step++) {
    const link = links[random.below(links.length)];
    if (link === undefined) throw new Error("there are links");
    if (random.once(10)) link.connection.unsentBytes = random.once(2) ? 0 : 100_000_000;
    const account = `a${random.below(6)}`;
    const meta = [
      { key: "app", value: "app", type: MetaType.string },
      { key: "account", value: account, type: MetaType.string },
    ];
    const bodyBytes = random.once(30) ? 40_000 : random.below(400);
    const packet = Buffer.from(encodeLogicPacket({ command: Command.OfflineIndex, meta }, new Uint8Array(bodyBytes)));
    scanPacket(packet, scan);
    const context = new LinkContext(link, packet, scan, Command.OfflineIndex, "app", 0);
    const fails = random.once(4);
    const isBug = random.once(20);
    const restMs = random.below(3);
    const answerBytes = random.once(20) ? 300_000 : random.below(1_000);
    const read = (): Promise<number> => {
      if (isBug) throw new Error("a bug");
      return Bun.sleep(restMs).then(() => {
        if (fails) throw new Error("the store is away");
        return answerBytes;
      });
    };
    const bytes = 1 + random.below(1_500);
    running.push(reads.run(context, bytes, read, 1 + random.below(bytes)).catch(() => undefined));
    for (const use of used()) expect(use).toBeGreaterThanOrEqual(0);
    if (random.once(4)) await Bun.sleep(0);
  }
  for (const { connection } of links) connection.unsentBytes = 0;
  await Promise.all(running);
  expect(used()).toEqual([0, 0, 0]);
}, 60_000);
