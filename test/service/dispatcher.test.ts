// Whom pushes reach: every connection of the accounts once, through its gateway, and the one that caused it not at all.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { linkHeaderBytesMax, pushChannelsCharactersMax } from "../../src/base/limits/fixed.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { Dispatcher, othersIn } from "../../src/service/dispatcher.ts";
import type { Location } from "../../src/session/sessions.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { testSeed } from "../support/random.ts";
import { StubConnection } from "../support/stub-connection.ts";
import { systemTimers } from "../../src/base/timers.ts";

const seed = testSeed("dispatcher");
const head = { command: Command.UserTalk, channelId: "sender", sequence: 7, dest: "somebody" };
const body = Buffer.from("body");

/** A connection that shows the packets which were written into it. */
class PacketsOf extends StubConnection {
  private readonly written: Buffer[] = [];
  private readonly show: (packet: Buffer) => void;

  constructor(show: (packet: Buffer) => void) {
    super();
    this.show = show;
  }

  override reserve(payloadBytes: number): number {
    this.outbound = Buffer.alloc(payloadBytes);
    this.written.push(this.outbound);
    return 0;
  }
  override send(payload: Uint8Array): boolean {
    this.outbound.set(payload, this.reserve(payload.length));
    return true;
  }

  /** To be called when all has been written. */
  read(): void {
    for (const packet of this.written.splice(0)) this.show(packet);
  }
}

/** The links of gateways, and which channels were pushed to through each. */
function linked(gateways: readonly string[]): { dispatcher: Dispatcher; pushed: () => Map<string, string[]> } {
  const dispatcher = new Dispatcher();
  const pushed = new Map<string, string[]>();
  const connections: PacketsOf[] = [];
  for (const gateway of gateways) {
    const connection = new PacketsOf((packet) => {
      const decoded = decodePacket(packet, linkHeaderBytesMax);
      if (decoded.kind !== "logic") throw new Error("not a logic packet");
      const { header } = decoded;
      const meta = new Map(header.meta.map(({ key, value }) => [key, value]));
      expect(header).toMatchObject({ ...head, flag: Flag.Push });
      expect(meta.get(MetaKey.DestServer)).toBe(gateway);
      expect(Buffer.from(decoded.body)).toEqual(body);
      const channels = (meta.get(MetaKey.DestChannels) ?? "").split(",");
      pushed.set(gateway, [...(pushed.get(gateway) ?? []), ...channels]);
    });
    connections.push(connection);
    dispatcher.addLink({
      gateway,
      incarnation: "1",
      connection,
      unanswered: 0,
      backlog: new LinkBacklog(gateway, connection, systemTimers),
    });
  }
  return {
    dispatcher,
    pushed: () => {
      for (const connection of connections) connection.read();
      return pushed;
    },
  };
}

const locationOf = (gateway: string, channelId: string): Location => ({
  device: "",
  channelId,
  gateway,
  incarnation: "1",
});

test("each location of each account is pushed to once, but the excepted one and those without a link", () => {
  const gateway = fc.constantFrom("g1", "g2", "away");
  const accounts = fc.array(fc.array(gateway, { maxLength: 3 }), { maxLength: 5 });
  fc.assert(
    fc.property(accounts, fc.nat(6), (gateways, excepted) => {
      let channels = 0;
      const located = gateways.map((of) => of.map((name) => locationOf(name, `channel-${channels++}`)));
      const except = `channel-${excepted}`;
      const wanted = located.flat().filter(({ channelId }) => channelId !== except);
      const { dispatcher, pushed } = linked(["g1", "g2"]);
      dispatcher.push(head, body, located, except);
      const reached = pushed();
      for (const name of ["g1", "g2"]) {
        const expected = wanted.filter(({ gateway: of }) => of === name).map(({ channelId }) => channelId);
        expect(reached.get(name) ?? []).toEqual(expected);
      }
      expect(othersIn(located, except)).toBe(wanted.length);
    }),
    { seed, numRuns: 500 },
  );
});

test("an audience whose ids are longer than a header takes several packets, and each of it is reached", () => {
  const located = Array.from({ length: 3_000 }, (_, index) => [
    locationOf("g1", `gateway-1_account-${index}_${"k".repeat(20)}`),
  ]);
  const { dispatcher, pushed } = linked(["g1"]);
  dispatcher.push(head, body, located, "");
  expect(pushed().get("g1")).toEqual(located.flat().map(({ channelId }) => channelId));
});

test("a body that is not for everybody reaches each as far as it may, by one packet for each gateway", () => {
  const account = fc.array(fc.tuple(fc.constantFrom("g1", "g2"), fc.boolean()), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(account, { maxLength: 5 }), fc.constantFrom(0, 2, 4), (accounts, plainBytes) => {
      let channels = 0;
      const located = accounts.map((of) =>
        of.map(([name, isNew]) => ({
          ...locationOf(name, `channel-${channels++}`),
          features: isNew ? ["renew", "conversations"] : ["renew"],
        })),
      );
      const got = new Map<string, string>();
      const packets = new Map<string, number>();
      const dispatcher = new Dispatcher();
      const connections = ["g1", "g2"].map((gateway) => {
        const connection = new PacketsOf((packet) => {
          const decoded = decodePacket(packet, linkHeaderBytesMax);
          if (decoded.kind !== "logic") throw new Error("not a logic packet");
          const meta = new Map(decoded.header.meta.map(({ key, value }) => [key, value]));
          const plain = meta.get(MetaKey.DestPlain);
          const [bytes = 0, count = 0] = plain?.split(",").map(Number) ?? [];
          const ids = (meta.get(MetaKey.DestChannels) ?? "").split(",");
          const text = Buffer.from(decoded.body).toString();
          for (const [at, id] of ids.entries()) got.set(id, at < count ? text.slice(0, bytes) : text);
          packets.set(gateway, (packets.get(gateway) ?? 0) + 1);
          // Nothing is said where all of a gateway's connections get the same.
          if (plain !== undefined) expect([count > 0, count < ids.length]).toEqual([true, true]);
        });
        const backlog = new LinkBacklog(gateway, connection, systemTimers);
        dispatcher.addLink({ gateway, incarnation: "1", connection, unanswered: 0, backlog });
        return connection;
      });
      dispatcher.push(head, body, located, "channel-1", plainBytes);
      for (const connection of connections) connection.read();
      const wanted = located.flat().flatMap(({ channelId, features }): [string, string][] => {
        const text = features.includes("conversations") ? "body" : "body".slice(0, plainBytes);
        return channelId === "channel-1" || text === "" ? [] : [[channelId, text]];
      });
      expect(got).toEqual(new Map(wanted));
      for (const count of packets.values()) expect(count).toBe(1);
      const newer = located.flat().filter(({ features }) => features.includes("conversations"));
      const others = newer.filter(({ channelId }) => channelId !== "channel-1").length;
      expect(othersIn(located, "channel-1", "conversations")).toBe(others);
    }),
    { seed, numRuns: 500 },
  );
});

test("an audience of both kinds whose ids are longer than a header takes several packets, and each is reached", () => {
  const located = Array.from({ length: 3_000 }, (_, index) => [
    {
      ...locationOf("g1", `gateway-1_account-${index}_${"k".repeat(20)}`),
      features: index % 3 === 0 ? ["conversations"] : [],
    },
  ]);
  const got: string[] = [];
  const connection = new PacketsOf((packet) => {
    const decoded = decodePacket(packet, linkHeaderBytesMax);
    if (decoded.kind !== "logic") throw new Error("not a logic packet");
    const channels = decoded.header.meta.find(({ key }) => key === MetaKey.DestChannels)?.value ?? "";
    expect(channels.length).toBeLessThanOrEqual(pushChannelsCharactersMax);
    got.push(...channels.split(","));
  });
  const dispatcher = new Dispatcher();
  const backlog = new LinkBacklog("g1", connection, systemTimers);
  dispatcher.addLink({ gateway: "g1", incarnation: "1", connection, unanswered: 0, backlog });
  dispatcher.push(head, body, located, "", 2);
  connection.read();
  const ids = located.flat().map(({ channelId }) => channelId);
  expect(got.toSorted()).toEqual(ids.toSorted());
});
