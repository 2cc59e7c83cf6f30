// What every transport promises, tested through the interfaces alone. A transport's test file gives a world: how to
// listen, how to dial, and whether its peers may stop reading.

import { afterEach, describe, expect, test } from "bun:test";
import { refusalsToldAtOnce, refusalsToldPerSecond } from "../../src/base/limits.ts";
import type { Acceptor, Connection, FrameHandler, Server } from "../../src/transport/transport.ts";
import { closeBug, closeKicked, closeLimit, closeNormal, type CloseReason } from "../../src/wire/close-reason.ts";
import { Random } from "../support/random.ts";
import { eventually, Recording, type TestOptions, testOptions, turn } from "./recording.ts";

/** A client's end in a test. */
export interface TestClient {
  readonly frames: Buffer[];
  readonly reasons: CloseReason[];
  framesReach(count: number): Promise<void>;
  end(): Promise<CloseReason>;
  /** Queues one frame. */
  send(payload: Uint8Array): void;
  close(reason: CloseReason): void;
}

export interface World {
  listen(acceptor: Acceptor, options: TestOptions): Server;
  dial(server: Server, options: TestOptions): Promise<TestClient>;
}

/** A client made of our own dialler. */
export class DialledClient extends Recording implements TestClient {
  send(payload: Uint8Array): void {
    if (!this.connection.send(payload)) throw new Error("the client could not send");
  }

  close(reason: CloseReason): void {
    this.connection.close(reason);
  }
}

/** Runs the suite against the transport that `world` makes. */
export function describeTransport(name: string, makeWorld: () => World): void {
  describe(`${name}, like every transport,`, () => {
    const servers: Server[] = [];

    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
    });

    /** A server that records, and a way to its connections. */
    function serve(world: World, options: TestOptions, begin: (accepted: Recording) => void = () => {}) {
      const accepted: Recording[] = [];
      const acceptor: Acceptor = {
        accept(connection: Connection): FrameHandler {
          const recording = new Recording(connection);
          accepted.push(recording);
          begin(recording);
          return recording;
        },
      };
      const server = world.listen(acceptor, options);
      servers.push(server);
      return { server, accepted };
    }

    async function pair(options = testOptions(), begin?: (accepted: Recording) => void) {
      const world = makeWorld();
      const { server, accepted } = serve(world, options, begin);
      const client = await world.dial(server, testOptions({ wheel: options.wheel, unsentBytesMax: 64 * 1024 * 1024 }));
      while (accepted.length === 0) await turn();
      const [owner] = accepted;
      if (owner === undefined) throw new Error("one was accepted");
      return { world, server, accepted, client, owner };
    }

    test("carries frames of all sizes in order, both ways", async () => {
      const seed = Number(Bun.env["SEED"] ?? 11);
      console.log(`seed ${seed}`);
      const random = new Random(seed);
      const { client, owner } = await pair(testOptions({ unsentBytesMax: 8 * 1024 * 1024 }), (accepted) => {
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
      const { client, owner } = await pair(testOptions({ frameBytesMax, unsentBytesMax: 100_000 }));
      const large = Buffer.alloc(frameBytesMax, 7);
      expect(owner.connection.send(large)).toBe(true);
      await client.framesReach(1);
      expect(client.frames[0]?.equals(large)).toBe(true);
      client.send(large);
      await owner.framesReach(1);
      expect(owner.frames[0]?.equals(large)).toBe(true);
    });

    test("delivers nothing in the turn that sends, and counts what waits", async () => {
      const { client, owner } = await pair();
      expect(owner.connection.unsentBytes).toBe(0);
      owner.connection.send(Buffer.from("later"));
      expect(owner.connection.unsentBytes).toBeGreaterThanOrEqual(5);
      expect(client.frames.length).toBe(0);
      await client.framesReach(1);
      expect(owner.connection.unsentBytes).toBe(0);
    });

    test("holds no memory for what has left, and what one connection had is another's without mixing", async () => {
      const { world, server, accepted, client, owner } = await pair();
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
      const { world, server, accepted, client, owner } = await pair(options);
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
      const { client, owner } = await pair();
      const mine = Buffer.from("original");
      owner.connection.send(mine);
      mine.fill(0);
      await client.framesReach(1);
      expect(client.frames[0]?.toString()).toBe("original");
    });

    test("keeps a frame's view unchanged until its handler returns, whatever is sent meanwhile", async () => {
      let intact = 0;
      const { client } = await pair(testOptions(), (accepted) => {
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
      const { client, owner } = await pair();
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
      const { world, server, accepted, client, owner } = await pair(testOptions({ unsentBytesMax: 10_000 }));
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
      const { client, owner } = await pair(testOptions({ unsentBytesMax: 10_000, closeWhenSlow: false }));
      let taken = 0;
      while (owner.connection.send(Buffer.alloc(995))) taken++;
      expect(taken).toBe(10);
      expect(owner.connection.isOpen).toBe(true);
      await client.framesReach(taken);
      expect(owner.connection.send(Buffer.from("again"))).toBe(true);
      await client.framesReach(taken + 1);
    });

    test("tells the peer why it closes, after all that was queued, and both owners once", async () => {
      const { client, owner } = await pair();
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
      const { client, owner } = await pair();
      client.send(Buffer.from("bye"));
      client.close({ code: 4321, text: "had enough" });
      expect(await owner.end()).toEqual({ code: 4321, text: "had enough" });
      expect(owner.frames.length).toBe(1);
      expect(owner.connection.isOpen).toBe(false);
      expect(owner.connection.send(Buffer.from("too late"))).toBe(false);
    });

    test("delivers no frame after close, not even of the same read", async () => {
      const { client, owner } = await pair(testOptions(), (accepted) => {
        accepted.onFrame = () => accepted.connection.close(closeNormal);
      });
      for (let i = 0; i < 10; i++) client.send(Buffer.from(`${i}`));
      await client.end();
      await owner.end();
      expect(owner.frames.map(String)).toEqual(["0"]);
    });

    test("cuts a long reason between characters", async () => {
      const { client, owner } = await pair();
      owner.connection.close({ code: 1012, text: "ü".repeat(300) });
      const { code, text } = await client.end();
      expect(code).toBe(1012);
      expect(text).toMatch(/^ü+$/);
    });

    test("refuses a connection with the acceptor's reason", async () => {
      const world = makeWorld();
      const server = world.listen({ accept: () => closeLimit }, testOptions());
      servers.push(server);
      const client = await world.dial(server, testOptions());
      expect((await client.end()).code).toBe(closeLimit.code);
    });

    test("refuses a flood of connections without a close frame, and the first ones of it with one", async () => {
      const world = makeWorld();
      const options = testOptions();
      const server = world.listen({ accept: () => closeLimit }, options);
      servers.push(server);
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
      const { client, owner } = await pair(options);
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
      const { world, server, accepted, client, owner } = await pair(testOptions({ unsentBytesMax: 64 * 1024 * 1024 }));
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
      const { server, accepted } = serve(world, testOptions());
      const clients = await Promise.all([1, 2, 3].map(() => world.dial(server, testOptions())));
      while (accepted.length < 3) await turn();
      await server.close({ code: 1012, text: "server is leaving" });
      expect(accepted.map((owner) => owner.reasons.map((reason) => reason.code))).toEqual([[1012], [1012], [1012]]);
      for (const client of clients) expect((await client.end()).code).toBe(1012);
    });

    test("accepts nobody after stopAccepting, while open connections live on", async () => {
      const { world, server, client, owner } = await pair();
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

    describe("when its code has a bug,", () => {
      const bug = new Error("a bug");
      const throwBug = (): never => {
        throw bug;
      };

      /** Two clients of one server, of which the first meets the bugs. */
      async function two(options = testOptions()) {
        const { world, server, accepted, client: victim, owner } = await pair(options);
        const witness = await world.dial(server, testOptions());
        while (accepted.length < 2) await turn();
        const other = accepted[1];
        if (other === undefined) throw new Error("two were accepted");
        other.onFrame = (payload) => void other.connection.send(payload);
        /** The other connection lives, in both directions. */
        const goesOn = async (): Promise<void> => {
          const before = witness.frames.length;
          witness.send(Buffer.from("still here"));
          await witness.framesReach(before + 1);
          expect(other.connection.isOpen).toBe(true);
        };
        return { victim, owner, witness, other, goesOn, server, bugs: options.observer.bugs };
      }

      test("in a frame's handler, only that connection ends, and nothing of what waited is sent", async () => {
        const { victim, owner, other, goesOn, bugs } = await two();
        owner.onFrame = () => {
          owner.connection.send(Buffer.from("sent by halves"));
          throwBug();
        };
        victim.send(Buffer.from("first"));
        victim.send(Buffer.from("second"));
        await victim.end();
        await owner.end();
        expect(owner.frames.map(String)).toEqual(["first"]);
        expect(victim.frames).toEqual([]);
        expect(owner.reasons).toEqual([closeBug]);
        expect(owner.connection.send(Buffer.from("no more"))).toBe(false);
        await goesOn();
        expect(bugs).toEqual([bug]);
        expect(other.reasons).toEqual([]);
      });

      test("in the handler of its end, others go on and the server can close", async () => {
        const { victim, owner, goesOn, server, bugs } = await two();
        owner.closed = throwBug;
        victim.close(closeNormal);
        await eventually(() => bugs.length > 0);
        await goesOn();
        await server.close(closeNormal);
        expect(bugs).toEqual([bug]);
      });

      test("in a frame's handler and that of its end, both are told, each once", async () => {
        const { victim, owner, goesOn, bugs } = await two();
        const second = new Error("another bug");
        owner.onFrame = throwBug;
        owner.closed = () => {
          throw second;
        };
        victim.send(Buffer.from("x"));
        await victim.end();
        await goesOn();
        expect(new Set(bugs)).toEqual(new Set([bug, second]));
        expect(bugs.length).toBe(2);
      });

      test("in the acceptor, that connection ends and the next one is accepted", async () => {
        const world = makeWorld();
        const options = testOptions();
        let isBroken = true;
        const accepted: Recording[] = [];
        const server = world.listen(
          {
            accept(connection) {
              if (isBroken) throwBug();
              const owner = new Recording(connection);
              accepted.push(owner);
              return owner;
            },
          },
          options,
        );
        servers.push(server);
        // It may be over before it has been dialled.
        await world.dial(server, testOptions()).then(
          (client) => client.end(),
          () => undefined,
        );
        expect(options.observer.bugs).toEqual([bug]);
        isBroken = false;
        const next = await world.dial(server, testOptions());
        next.send(Buffer.from("hello"));
        await eventually(() => accepted.length === 1);
        await accepted[0]?.framesReach(1);
      });

      test("where it reads, only that connection ends", async () => {
        const options = testOptions();
        const { victim, owner, goesOn, bugs } = await two(options);
        options.observer.bytesIn = throwBug;
        victim.send(Buffer.from("x"));
        await owner.end();
        Reflect.deleteProperty(options.observer, "bytesIn");
        await victim.end();
        await goesOn();
        expect(bugs).toEqual([bug]);
      });

      test("where it writes, the others of the same flush get their turn, and no buffer two owners", async () => {
        const options = testOptions();
        const { victim, owner, witness, other, goesOn, bugs } = await two(options);
        options.observer.bytesOut = () => {
          Reflect.deleteProperty(options.observer, "bytesOut");
          throwBug();
        };
        owner.connection.send(Buffer.alloc(3_000, 1));
        other.connection.send(Buffer.alloc(3_000, 2));
        await owner.end();
        await witness.framesReach(1);
        expect(witness.frames[0]?.every((byte) => byte === 2)).toBe(true);
        await victim.end();
        const { buffers } = options.flusher.queues;
        const [first, second, third] = [buffers.take(1), buffers.take(1), buffers.take(1)];
        expect(new Set([first, second, third]).size).toBe(3);
        await goesOn();
        expect(bugs).toEqual([bug]);
      });

      test("in its deadlines, the others of the same tick get their turn", async () => {
        const options = testOptions({ readWaitMs: 200 });
        const { victim, owner, witness, other, goesOn, bugs } = await two(options);
        options.wheel.advance(150);
        victim.send(Buffer.from("here"));
        witness.send(Buffer.from("here, too"));
        await Promise.all([owner.framesReach(1), witness.framesReach(1)]);
        // Both deadlines come in this time, and are armed again, but for the bug.
        options.wheel.arm = () => {
          Reflect.deleteProperty(options.wheel, "arm");
          throwBug();
        };
        options.wheel.advance(100);
        const ended = [owner, other].filter(({ connection }) => !connection.isOpen);
        expect(ended.length).toBe(1);
        expect(bugs).toEqual([bug]);
        if (ended[0] === owner) await goesOn();
        options.wheel.advance(300);
        await Promise.all([owner.end(), other.end()]);
        expect(bugs).toEqual([bug]);
      });

      test("in a close that it begins, only that connection ends", async () => {
        const options = testOptions();
        const { victim, owner, goesOn, bugs } = await two(options);
        options.wheel.arm = () => {
          Reflect.deleteProperty(options.wheel, "arm");
          throwBug();
        };
        owner.connection.close(closeKicked);
        await Promise.all([owner.end(), victim.end()]);
        await goesOn();
        expect(bugs).toEqual([bug]);
      });

      test("in a timer or a promise of its owner's, `fail` ends that connection once", async () => {
        const { victim, owner, goesOn, bugs } = await two();
        owner.connection.send(Buffer.from("sent by halves"));
        owner.connection.fail(bug);
        owner.connection.fail(bug);
        await Promise.all([owner.end(), victim.end()]);
        await goesOn();
        expect(victim.frames).toEqual([]);
        expect(owner.reasons).toEqual([closeBug]);
        expect(bugs).toEqual([bug, bug]);
      });

      test("between `reserve` and its bytes, the frame is taken back and the rest is sent", async () => {
        const { victim, owner } = await two();
        owner.connection.send(Buffer.from("before"));
        expect(owner.connection.reserve(10_000)).toBeGreaterThanOrEqual(0);
        owner.connection.unreserve();
        owner.connection.send(Buffer.from("after"));
        await victim.framesReach(2);
        expect(victim.frames.map(String)).toEqual(["before", "after"]);
        expect(owner.connection.reserve(1)).toBeGreaterThanOrEqual(0);
        owner.connection.unreserve();
        expect(owner.connection.unsentBytes).toBe(0);
        owner.connection.send(Buffer.from("last"));
        await victim.framesReach(3);
        expect(victim.frames[2]?.toString()).toBe("last");
      });
    });

    test("holds no buffer for an idle connection", async () => {
      const { client, owner } = await pair();
      owner.connection.send(Buffer.alloc(10_000));
      expect(owner.connection.outbound.length).toBeGreaterThan(10_000);
      await client.framesReach(1);
      expect(owner.connection.outbound.length).toBe(0);
    });
  });
}
