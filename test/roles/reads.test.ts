import { expect, test } from "bun:test";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { GatewayLink } from "../../src/service/context.ts";
import { LinkContext } from "../../src/service/link-context.ts";
import { Reads } from "../../src/roles/chat/reads.ts";
import { Command } from "../../src/wire/commands.ts";
import { MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { FrameKeeper, loneGateway } from "../support/lone-gateway.ts";
import { systemRuntime, type Time } from "../../src/base/runtime.ts";

function fixture(values: Partial<LimitValues>, time: Time = systemRuntime) {
  const limits = testLimits(values);
  const reads = new Reads(limits, time);
  const linkOf = (connection = new FrameKeeper()): GatewayLink & { connection: FrameKeeper } => ({
    gateway: "g",
    incarnation: "1",
    unanswered: 0,
    backlog: new LinkBacklog("g", connection, time.timers),
    connection,
  });
  const link = linkOf();
  const running: string[] = [];
  const ends: ((answerBytes: number) => void)[] = [];
  /** A read that runs until a test ends it; its promise says how it went. */
  const read = (
    account: string,
    bytes: number,
    by: GatewayLink = link,
    bodyBytes = 0,
    usualBytes = bytes,
  ): Promise<string> => {
    const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
    const packet = Buffer.from(
      encodeLogicPacket(
        { command: Command.OfflineIndex, meta: [meta("app", "app"), meta("account", account)] },
        new Uint8Array(bodyBytes),
      ),
    );
    const scan = new PacketScan();
    scanPacket(packet, scan);
    const context = new LinkContext(by, packet, scan, Command.OfflineIndex, "app", 0);
    const ran = reads.run(
      context,
      bytes,
      () => {
        running.push(account);
        return new Promise<number>((resolve) => ends.push(resolve));
      },
      usualBytes,
    );
    return ran.then(
      () => "answered",
      (error: unknown) => (error instanceof Error && "status" in error ? `refused ${String(error.status)}` : "failed"),
    );
  };
  const endOne = async (answerBytes = 0): Promise<void> => {
    ends.shift()?.(answerBytes);
    await Bun.sleep(0);
  };
  const endAll = async (): Promise<void> => {
    // Reads begin in a microtask.
    await Bun.sleep(0);
    while (ends.length > 0 || limits.use("readsWaitingBytes") !== 0) await endOne();
  };
  return { limits, reads, link, linkOf, running, read, endOne, endAll };
}

bound("readBytes", {
  at: async () => {
    const { read, running, endAll } = fixture({ readBytes: 100 });
    const all = [read("a", 50), read("b", 50)];
    await Bun.sleep(0);
    expect(running).toEqual(["a", "b"]);
    await endAll();
    expect(await Promise.all(all)).toEqual(["answered", "answered"]);
  },
  above: async () => {
    const { read, running, endOne, endAll, limits } = fixture({ readBytes: 100 });
    const all = [read("a", 50), read("b", 50), read("c", 1), read("d", 1)];
    await Bun.sleep(0);
    expect(running).toEqual(["a", "b"]);
    expect(limits.use("readBytes")).toBe(100);
    await endOne();
    expect(running).toEqual(["a", "b", "c", "d"]);
    await endAll();
    expect(await Promise.all(all)).toEqual(["answered", "answered", "answered", "answered"]);
    expect(limits.use("readBytes")).toBe(0);
  },
});

/** What one of the reads here holds while it waits: some 50 bytes of a request, and what is around it. */
const heldBytes = 600;

bound("readsWaitingBytes", {
  at: async () => {
    const { read, endAll } = fixture({ readBytes: 1, readsWaitingBytes: 2 * heldBytes });
    const all = [read("a", 1), read("b", 1), read("c", 1)];
    await endAll();
    expect(await Promise.all(all)).toEqual(["answered", "answered", "answered"]);
  },
  above: async () => {
    const { read, endAll, limits } = fixture({ readBytes: 1, readsWaitingBytes: 2 * heldBytes });
    const all = [read("a", 1), read("b", 1), read("c", 1), read("d", 1)];
    expect(await all[3]).toBe(`refused ${Status.ServiceUnavailable}`);
    expect(limits.reached.get("readsWaitingBytes")).toBe(1);
    await endAll();
    expect(await Promise.all(all.slice(0, 3))).toEqual(["answered", "answered", "answered"]);
    expect(limits.use("readsWaitingBytes")).toBe(0);
  },
});

bound("readBytesPerAccount", {
  at: async () => {
    const { read, endAll } = fixture({ readBytesPerAccount: 100 });
    const all = [read("a", 50), read("a", 50), read("b", 1)];
    await endAll();
    expect(await Promise.all(all)).toEqual(["answered", "answered", "answered"]);
  },
  above: async () => {
    const { read, endAll, limits } = fixture({ readBytesPerAccount: 100 });
    const all = [read("a", 50), read("a", 50), read("a", 1)];
    expect(await all[2]).toBe(`refused ${Status.RateLimited}`);
    expect(limits.use("readBytesPerAccount")).toBe(100);
    expect(limits.reached.get("readBytesPerAccount")).toBe(1);
    await endAll();
    const again = read("a", 1_000);
    await endAll();
    expect(await again).toBe("answered");
  },
});

bound("readerUnsentBytes", {
  at: () => {
    const { client, node } = loneGateway({ readerUnsentBytes: 1_000 });
    const alice = client("alice");
    alice.connection.unsentBytes = 1_000;
    for (const command of [Command.OfflineContent, Command.OfflineIndex])
      alice.send(encodeLogicPacket({ command, sequence: 1 }, new Uint8Array(0)));
    expect(node.frames).toHaveLength(2);
  },
  above: () => {
    const { client, node, bounds } = loneGateway({ readerUnsentBytes: 1_000 });
    const alice = client("alice");
    alice.connection.unsentBytes = 1_001;
    for (const command of [Command.OfflineContent, Command.OfflineIndex])
      alice.send(encodeLogicPacket({ command, sequence: 1 }, new Uint8Array(0)));
    expect(node.frames).toHaveLength(0);
    expect(alice.connection.packets.map(({ header }) => header.status)).toEqual([
      Status.RateLimited,
      Status.RateLimited,
    ]);
    expect(bounds.reached.get("readerUnsentBytes")).toBe(2);
    alice.send(encodeLogicPacket({ command: Command.UserTalk, dest: "bob", sequence: 2 }, new Uint8Array(0)));
    expect(node.frames).toHaveLength(1);
  },
});

test("an account is charged what an answer usually has: it may ask for all of its groups at once", async () => {
  const { read, link, endAll } = fixture({ readBytesPerAccount: 4_000_000, readBytes: 1_000_000 });
  const asked = Array.from({ length: 100 }, () => read("a", 1_000_000, link, 0, 40_000));
  const oneMore = read("a", 1_000_000, link, 0, 40_000);
  expect(await oneMore).toBe(`refused ${Status.RateLimited}`);
  await endAll();
  expect(new Set(await Promise.all(asked))).toEqual(new Set(["answered"]));
});

test("of an account few reads are made at the same time, and those of others come in between", async () => {
  const { read, running, endOne, endAll } = fixture({});
  const all = [...Array.from({ length: 20 }, () => read("a", 1)), read("b", 1)];
  await Bun.sleep(0);
  const first = [...Array.from({ length: 8 }, () => "a"), "b"];
  expect(running).toEqual(first);
  await endOne();
  expect(running).toEqual([...first, "a"]);
  await endAll();
  expect(await Promise.all(all)).toEqual(Array.from({ length: 21 }, () => "answered"));
});

test("an answer that may be larger than the bound is made alone", async () => {
  const { read, running, endOne, endAll } = fixture({ readBytes: 10 });
  const all = [read("a", 1_000), read("b", 1)];
  await Bun.sleep(0);
  expect(running).toEqual(["a"]);
  await endOne();
  expect(running).toEqual(["a", "b"]);
  await endAll();
  expect(await Promise.all(all)).toEqual(["answered", "answered"]);
});

test("no answer is made for a link on which much waits, and other links do not wait for it", async () => {
  const { read, running, linkOf, endAll } = fixture({});
  const full = linkOf();
  full.connection.unsentBytes = 9 * 1024 * 1024;
  const all = [read("a", 1, full), read("b", 1, full), read("c", 1)];
  while (running.length === 0) await Bun.sleep(1);
  await Bun.sleep(30);
  expect(running).toEqual(["c"]);
  full.connection.unsentBytes = 0;
  while (running.length < 3) await Bun.sleep(1);
  expect(running).toEqual(["c", "a", "b"]);
  await endAll();
  expect(await Promise.all(all)).toEqual(["answered", "answered", "answered"]);
});

test("a request to read that is no such small thing is refused, and holds nothing", async () => {
  const { read, limits, running } = fixture({});
  expect(await read("a", 1, undefined, 80 * 1024)).toBe(`refused ${Status.PayloadTooLarge}`);
  expect(running).toEqual([]);
  expect(limits.use("readBytesPerAccount")).toBe(0);
});

test("a read that need not wait is not refused because nothing may wait", async () => {
  const { read, limits, endAll } = fixture({ readBytes: 100, readsWaitingBytes: 1 });
  const first = read("a", 60);
  expect(await read("b", 60)).toBe(`refused ${Status.ServiceUnavailable}`);
  await endAll();
  expect(await first).toBe("answered");
  expect(limits.reached.get("readsWaitingBytes")).toBe(1);
  expect(limits.use("readBytesPerAccount")).toBe(0);
});

test("after a large answer reads rest that may be large, in order, and those pass that may not", async () => {
  const time = new ManualTimers();
  const { running, read, endOne, endAll } = fixture({}, time);
  const large = 1024 * 1024;
  const answered = [read("first", large)];
  await Bun.sleep(0);
  await endOne(large);
  answered.push(read("second", large), read("third", large), read("small", 1_000));
  await Bun.sleep(0);
  expect(running).toEqual(["first", "small"]);
  await time.pass(large / (128 * 1024) - 1, 1);
  expect(running).toEqual(["first", "small"]);
  time.advance(1);
  await endAll();
  expect(await Promise.all(answered)).toEqual(["answered", "answered", "answered", "answered"]);
  expect(running).toEqual(["first", "small", "second", "third"]);
});
