// What every transport promises when code that it calls, or its own, has a bug: that connection ends, the others go on.

import { describe, expect, test } from "bun:test";
import type { Acceptor } from "../../src/transport/transport.ts";
import { closeBug, closeKicked, closeNormal } from "../../src/wire/close-reason.ts";
import { eventually, type Recording, recordingAcceptor, testOptions, turn } from "./recording.ts";
import type { Stage } from "./stage.ts";

/** Runs it inside the suite of a transport. */
export function describeBugs(stage: Stage): void {
  describe("when its code has a bug,", () => {
    const bug = new Error("a bug");
    const throwBug = (): never => {
      throw bug;
    };

    /** Two clients of one server, of which the first meets the bugs. */
    async function two(options = testOptions()) {
      const { world, server, accepted, client: victim, owner } = await stage.pair(options);
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

    test("in a frame's handler and that of its end, both are logged, each once", async () => {
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
      const world = stage.makeWorld();
      const options = testOptions();
      let isBroken = true;
      const accepted: Recording[] = [];
      const recording = recordingAcceptor(accepted);
      const acceptor: Acceptor = {
        accept(connection) {
          if (isBroken) throwBug();
          return recording.accept(connection);
        },
      };
      const server = stage.listen(world, acceptor, options);
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
}
