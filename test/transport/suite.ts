// What every transport promises, tested through the interfaces alone. A transport's test file gives a world: how to
// listen, how to dial, and whether its peers may stop reading.

import { describe, expect, test } from "bun:test";
import { refusalsToldAtOnce, refusalsToldPerSecond } from "../../src/base/limits/fixed.ts";
import { closeKicked, closeLimit, closeNormal } from "../../src/wire/close-reason.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeBugs } from "./bug-suite.ts";
import { Recording, testOptions, turn } from "./recording.ts";
import { Stage, type World } from "./stage.ts";

/** Runs the suite against the transport that `world` makes. */
export function describeTransport(name: string, makeWorld: () => World): void {
  describe(`${name}, like every transport,`, () => {
    const stage = new Stage(makeWorld);

    test("carries frames of all sizes in order, both ways", async () => {
      const random = new Random(testSeed("frames of all sizes"));
      const { client, owner } = await stage.pair(testOptions({ unsentBytesMax: 8 * 1024 * 1024 }), (accepted) => {
        accepted.onFrame = (payload) => {
          if (!accepted.connection.send(payload)) throw new Error("the echo was refused");
        };
      });
      const sent: Buffer[] = [];
      for (let i = 0; i < 400; i++) {
        const payload = Buffer.alloc(1 + random.below(i % 50 === 0 ? 100_000 : 400), i % 251);
        sent.push(payload);
        client.send(payload);
        if (i % 37 === 0) await turn();
      }
      await client.framesReach(sent.length);
      expect(owner.frames.length).toBe(sent.length);
      expect(Buffer.concat(owner.frames).equals(Buffer.concat(sent))).toBe(true);
      expect(client.frames.map((frame) => frame.length)).toEqual(sent.map((frame) => frame.length));
      expect(Buffer.concat(client.frames).equals(Buffer.concat(sent))).toBe(true);
    });

    test("carries the largest frame allowed, though it alone is more than may wait", async () => {
      const frameBytesMax = 300_000;
      const { client, owner } = await stage.pair(testOptions({ frameBytesMax, unsentBytesMax: 100_000 }));
      const large = Buffer.alloc(frameBytesMax, 7);
      expect(owner.connection.send(large)).toBe(true);
      await client.framesReach(1);
      expect(client.frames[0]?.equals(large)).toBe(true);
      client.send(large);
      await owner.framesReach(1);
      expect(owner.frames[0]?.equals(large)).toBe(true);
    });

    test("a handler that hands over gets no further frame and not the end; the next handler gets both", async () => {
      const next: Recording[] = [];
      const { client, owner } = await stage.pair(testOptions(), (accepted) => {
        accepted.onFrame = () => {
          const handler = new Recording(accepted.connection);
          accepted.connection.handOver(handler);
          next.push(handler);
        };
      });
      client.send(Buffer.from("one"));
      client.send(Buffer.from("two"));
      client.close(closeNormal);
      while (next.length === 0) await turn();
      expect((await next[0]?.end())?.code).toBe(closeNormal.code);
      expect(next[0]?.frames.map(String)).toEqual(["two"]);
      expect([owner.frames.map(String), owner.reasons]).toEqual([["one"], []]);
    });

    test("delivers nothing in the turn that sends, and counts what waits", async () => {
      const { client, owner } = await stage.pair();
      expect(owner.connection.unsentBytes).toBe(0);
      owner.connection.send(Buffer.from("later"));
      expect(owner.connection.unsentBytes).toBeGreaterThanOrEqual(5);
      expect(client.frames.length).toBe(0);
      await client.framesReach(1);
      expect(owner.connection.unsentBytes).toBe(0);
    });

    test("holds no memory for what has left, and what one connection had is another's without mixing", async () => {
      const { world, server, accepted, client, owner } = await stage.pair();
      const other = await world.dial(server, testOptions());
      while (accepted.length < 2) await turn();
      const owners = [owner, accepted[1]].flatMap((each) => each ?? []);
      for (let round = 1; round <= 5; round++) {
        owners[round % 2]?.connection.send(Buffer.alloc(5_000, 2 * round));
        owners[(round + 1) % 2]?.connection.send(Buffer.alloc(3_000, 2 * round + 1));
        await Promise.all([client.framesReach(round), other.framesReach(round)]);
        for (const { connection } of owners) expect(connection.outbound.length).toBe(0);
      }
      const seen = [client, other].map(({ frames }) => frames.map((frame) => [frame.length, frame[0], frame.at(-1)]));
      const sent = (parity: number): number[][] =>
        [1, 2, 3, 4, 5].map((round) =>
          round % 2 === parity ? [5_000, 2 * round, 2 * round] : [3_000, 2 * round + 1, 2 * round + 1],
        );
      expect(seen).toEqual([sent(0), sent(1)]);
    });

    test("gives back what waits when it ends in the middle, and nobody after it gets to see it", async () => {
      const options = testOptions();
      const { world, server, accepted, client, owner } = await stage.pair(options);
      owner.connection.send(Buffer.alloc(4_000, 1));
      client.close(closeNormal);
      await owner.end();
      expect(owner.connection.outbound.length).toBe(0);
      const next = await world.dial(server, testOptions());
      while (accepted.length < 2) await turn();
      accepted[1]?.connection.send(Buffer.from("mine"));
      await next.framesReach(1);
      expect(next.frames.map(String)).toEqual(["mine"]);
    });

    test("copies at send: what the caller does with its bytes afterwards changes nothing", async () => {
      const { client, owner } = await stage.pair();
      const mine = Buffer.from("original");
      owner.connection.send(mine);
      mine.fill(0);
      await client.framesReach(1);
      expect(client.frames[0]?.toString()).toBe("original");
    });

    test("keeps a frame's view unchanged until its handler returns, whatever is sent meanwhile", async () => {
      let intact = 0;
      const { client } = await stage.pair(testOptions(), (accepted) => {
        accepted.onFrame = (payload) => {
          const before = Buffer.from(payload);
          for (let i = 0; i < 20; i++) accepted.connection.send(Buffer.alloc(1_000, 0xee));
          if (payload.equals(before)) intact++;
        };
      });
      for (let i = 0; i < 10; i++) client.send(Buffer.alloc(500, i + 1));
      await client.framesReach(200);
      expect(intact).toBe(10);
    });

    test("gives room in its own buffer, which may move as it grows", async () => {
      const { client, owner } = await stage.pair();
      const { connection } = owner;
      for (let i = 0; i < 300; i++) {
        const at = connection.reserve(100);
        expect(at).toBeGreaterThanOrEqual(0);
        connection.outbound.fill(i % 251, at, at + 100);
      }
      await client.framesReach(300);
      expect(
        client.frames.every((frame, i) => frame.length === 100 && frame[0] === i % 251 && frame[99] === i % 251),
      ).toBe(true);
    });

    test("closes a consumer above the bound with 1013, after what was accepted, and delays nobody else", async () => {
      const { world, server, accepted, client, owner } = await stage.pair(testOptions({ unsentBytesMax: 10_000 }));
      const other = await world.dial(server, testOptions());
      while (accepted.length < 2) await turn();
      const [, second] = accepted;
      let taken = 0;
      while (owner.connection.send(Buffer.alloc(995, taken))) taken++;
      expect(taken).toBe(10);
      expect(owner.connection.isOpen).toBe(false);
      expect(owner.connection.send(Buffer.from("more"))).toBe(false);
      expect(owner.connection.reserve(1)).toBe(-1);
      expect(second?.connection.send(Buffer.from("still here"))).toBe(true);
      await other.framesReach(1);
      expect((await client.end()).code).toBe(1013);
      expect(client.frames.length).toBe(taken);
      expect((await owner.end()).code).toBe(1013);
      expect(second?.connection.isOpen).toBe(true);
    });

    test("refuses above the bound without closing, when it is a link, and accepts again later", async () => {
      const { client, owner } = await stage.pair(testOptions({ unsentBytesMax: 10_000, closeWhenSlow: false }));
      let taken = 0;
      while (owner.connection.send(Buffer.alloc(995))) taken++;
      expect(taken).toBe(10);
      expect(owner.connection.isOpen).toBe(true);
      await client.framesReach(taken);
      expect(owner.connection.send(Buffer.from("again"))).toBe(true);
      await client.framesReach(taken + 1);
    });

    test("tells the peer why it closes, after all that was queued, and both owners once", async () => {
      const { client, owner } = await stage.pair();
      for (let i = 0; i < 5; i++) owner.connection.send(Buffer.from(`last words ${i}`));
      owner.connection.close(closeKicked);
      owner.connection.close(closeNormal);
      expect(owner.connection.isOpen).toBe(false);
      expect(owner.reasons).toEqual([]);
      expect((await client.end()).code).toBe(closeKicked.code);
      expect((await client.end()).text).toBe(closeKicked.text);
      expect(client.frames.map(String)).toEqual([0, 1, 2, 3, 4].map((i) => `last words ${i}`));
      expect(await owner.end()).toEqual(closeKicked);
      await turn(5);
      expect(owner.reasons.length).toBe(1);
      expect(client.reasons.length).toBe(1);
    });

    test("tells the owner why the peer closed", async () => {
      const { client, owner } = await stage.pair();
      client.send(Buffer.from("bye"));
      client.close({ code: 4321, text: "had enough" });
      expect(await owner.end()).toEqual({ code: 4321, text: "had enough" });
      expect(owner.frames.length).toBe(1);
      expect(owner.connection.isOpen).toBe(false);
      expect(owner.connection.send(Buffer.from("too late"))).toBe(false);
    });

    test("delivers no frame after close, not even of the same read", async () => {
      const { client, owner } = await stage.pair(testOptions(), (accepted) => {
        accepted.onFrame = () => accepted.connection.close(closeNormal);
      });
      for (let i = 0; i < 10; i++) client.send(Buffer.from(`${i}`));
      await client.end();
      await owner.end();
      expect(owner.frames.map(String)).toEqual(["0"]);
    });

    test("cuts a long reason between characters", async () => {
      const { client, owner } = await stage.pair();
      owner.connection.close({ code: 1012, text: "ü".repeat(300) });
      const { code, text } = await client.end();
      expect(code).toBe(1012);
      expect(text).toMatch(/^ü+$/);
    });

    test("refuses a connection with the acceptor's reason", async () => {
      const world = makeWorld();
      const server = stage.listen(world, { accept: () => closeLimit }, testOptions());
      const client = await world.dial(server, testOptions());
      expect((await client.end()).code).toBe(closeLimit.code);
    });

    test("refuses a flood of connections without a close frame, and the first ones of it with one", async () => {
      const world = makeWorld();
      const options = testOptions();
      const server = stage.listen(world, { accept: () => closeLimit }, options);
      const isTold = async (): Promise<boolean> => {
        try {
          const client = await world.dial(server, testOptions());
          return (await client.end()).code === closeLimit.code;
        } catch {
          // It ended before it stood.
          return false;
        }
      };
      for (let count = 0; count < refusalsToldAtOnce; count++) expect(await isTold()).toBe(true);
      for (let count = 0; count < 3; count++) expect(await isTold()).toBe(false);
      options.wheel.advance(1_000);
      for (let count = 0; count < refusalsToldPerSecond; count++) expect(await isTold()).toBe(true);
      expect(await isTold()).toBe(false);
      expect(options.observer.bugs).toEqual([]);
    });

    test("closes a silent connection after readWaitMs as idle, and none that spoke", async () => {
      const options = testOptions({ readWaitMs: 200 });
      const { client, owner } = await stage.pair(options);
      options.wheel.advance(150);
      client.send(Buffer.from("here"));
      await owner.framesReach(1);
      options.wheel.advance(150);
      await turn(3);
      expect(owner.reasons).toEqual([]);
      options.wheel.advance(100);
      expect(await client.end()).toEqual({ code: 1000, text: "idle for too long" });
      expect((await owner.end()).text).toBe("idle for too long");
    });

    test("survives a client that leaves while data for it are queued, and mixes nobody's bytes", async () => {
      const { world, server, accepted, client, owner } = await stage.pair(
        testOptions({ unsentBytesMax: 64 * 1024 * 1024 }),
      );
      const other = await world.dial(server, testOptions());
      while (accepted.length < 2) await turn();
      const [, second] = accepted;
      for (let i = 0; i < 30; i++) owner.connection.send(Buffer.alloc(500_000, 0x11));
      client.close(closeNormal);
      for (let i = 0; i < 50; i++) {
        owner.connection.send(Buffer.alloc(3_000, 0x11));
        second?.connection.send(Buffer.alloc(3_000, 0x22));
        await turn();
      }
      await owner.end();
      for (let i = 0; i < 50; i++) second?.connection.send(Buffer.alloc(3_000, 0x22));
      await other.framesReach(100);
      expect(other.frames.every((frame) => frame.length === 3_000 && frame.every((byte) => byte === 0x22))).toBe(true);
      expect(owner.connection.unsentBytes).toBe(0);
    });

    test("closes every connection of a server with the reason, and resolves when all are gone", async () => {
      const world = makeWorld();
      const { server, accepted } = stage.serve(world, testOptions());
      const clients = await Promise.all([1, 2, 3].map(() => world.dial(server, testOptions())));
      while (accepted.length < 3) await turn();
      await server.close({ code: 1012, text: "server is leaving" });
      expect(accepted.map((owner) => owner.reasons.map((reason) => reason.code))).toEqual([[1012], [1012], [1012]]);
      for (const client of clients) expect((await client.end()).code).toBe(1012);
    });

    test("accepts nobody after stopAccepting, while open connections live on", async () => {
      const { world, server, client, owner } = await stage.pair();
      server.stopAccepting();
      const refused = await world.dial(server, testOptions()).then(
        () => false,
        () => true,
      );
      expect(refused).toBe(true);
      owner.connection.send(Buffer.from("still"));
      await client.framesReach(1);
      client.send(Buffer.from("alive"));
      await owner.framesReach(1);
    });

    describeBugs(stage);

    test("holds no buffer for an idle connection", async () => {
      const { client, owner } = await stage.pair();
      owner.connection.send(Buffer.alloc(10_000));
      expect(owner.connection.outbound.length).toBeGreaterThan(10_000);
      await client.framesReach(1);
      expect(owner.connection.outbound.length).toBe(0);
    });
  });
}
