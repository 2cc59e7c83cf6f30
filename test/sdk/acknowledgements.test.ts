// The client acknowledges what handlers are done with, and nothing above the first that is not.

import { afterEach, describe, expect, spyOn, test } from "bun:test";
import type { ClientEvents } from "../../src/sdk/client-options.ts";
import { inWorkMax } from "../../src/sdk/synchroniser.ts";
import { until } from "../../scripts/harness/until.ts";
import { endAll, peerOn } from "./support.ts";
import { connect } from "./connected-client.ts";

afterEach(endAll);

describe("messages", () => {
  test("are acknowledged only up to what the index proves, some time after a push", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { ids, events, timers, client } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.latest.message("alice", 6n, 1n);
    await until(() => ids.length === 2, "the push");
    await client.members("g");
    expect(peer.acknowledged).toEqual([1n]);
    // Message 4 was never pushed; the push of 6 does not say so, the index does.
    peer.received.push(4n, 6n);
    timers.advance(2_000);
    await until(() => peer.acknowledged.length === 2, "the acknowledgement");
    expect([ids, peer.acknowledged]).toEqual([
      [1n, 6n, 4n],
      [1n, 6n],
    ]);
    expect(peer.contentsAsked).toEqual([1n, 4n]);
  });

  test("are acknowledged when the client closes", async () => {
    const peer = peerOn("ws");
    const { ids, events, client } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n);
    peer.latest.message("alice", 2n, 0n);
    await until(() => ids.length === 1, "the push");
    await client.close();
    expect([peer.acknowledged, events.at(-1)]).toEqual([[2n], "offline 1000 for good"]);
  });

  test("are acknowledged after the promises that a handler returns, in order, however they are resolved", async () => {
    const peer = peerOn("ws", 2);
    peer.received.push(1n, 2n, 3n);
    const taken = new Map<bigint, () => void>();
    const { events } = await connect(peer, {
      on: { message: ({ id }) => new Promise<void>((resolve) => void taken.set(id, resolve)) },
    });
    await until(() => events.includes("synced"), "the sync");
    taken.get(3n)?.();
    taken.get(1n)?.();
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    taken.get(2n)?.();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
    expect(peer.acknowledged).toEqual([3n]);
  });

  test("are acknowledged up to the first that is still being handled; a slow handler holds up reading", async () => {
    const peer = peerOn("ws");
    for (let id = 1n; id <= 3_000n; id++) peer.received.push(id);
    const waiting: (() => void)[] = [];
    await connect(peer, {
      on: { message: ({ id }) => (id < 10n ? undefined : new Promise<void>((resolve) => waiting.push(resolve))) },
    });
    await until(() => waiting.length > inWorkMax, "so many that the reading waits");
    const many = waiting.length;
    await Bun.sleep(50);
    expect([waiting.length, peer.acknowledged]).toEqual([many, [9n]]);
    for (let done = 0; done < 2_991; await Bun.sleep(1)) {
      const free = waiting.splice(0);
      for (const take of free) take();
      done += free.length;
    }
    await until(() => peer.acknowledged.at(-1) === 3_000n, "the last acknowledgement");
  });

  test("are acknowledged after a promise of another realm or library, too", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { promise, resolve } = Promise.withResolvers<void>();
    const foreign: PromiseLike<void> = { then: (done, failed) => promise.then(done, failed) };
    const { events } = await connect(peer, { on: { message: () => foreign } });
    await until(() => events.includes("synced"), "the sync");
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    resolve();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
  });

  test("that a handler is not done with keep none from coming after a return", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const ids: bigint[] = [];
    const first = Promise.withResolvers<void>();
    const message = ({ id }: ClientEvents["message"]): void | Promise<void> => {
      ids.push(id);
      return id === 1n ? first.promise : undefined;
    };
    const { events, timers } = await connect(peer, { on: { message: async (event) => message(event) } });
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n);
    peer.latest.end({ code: 1012, text: "server is leaving" });
    await until(() => events.includes("offline 1012 2500"), "the end");
    timers.advance(2_500);
    await until(() => ids.includes(2n), "the second message");
    expect([ids, peer.acknowledged]).toEqual([[1n, 2n], []]);
    first.resolve();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
    expect(peer.acknowledged).toEqual([2n]);
  });

  test("before one whose handler's promise never settles are acknowledged: 2 s later, and by a close", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n, 2n, 3n, 4n);
    const taken = new Map<bigint, () => void>();
    const { client, timers, events } = await connect(peer, {
      on: { message: ({ id }) => new Promise<void>((resolve) => void taken.set(id, resolve)) },
    });
    await until(() => events.includes("synced"), "the sync");
    for (const id of [1n, 4n]) taken.get(id)?.();
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    timers.advance(2_000);
    await until(() => peer.acknowledged.length === 1, "the acknowledgement");
    taken.get(2n)?.();
    await Bun.sleep(20);
    const closing = client.close();
    await until(() => peer.acknowledged.length === 2, "the acknowledgement of the close");
    timers.advance(2_000);
    await closing;
    expect(peer.acknowledged).toEqual([1n, 2n]);
    expect(timers.pending).toBe(0);
  });

  test("whose handler's promise is pending are not acknowledged by a close, which does not wait for it", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { client, timers } = await connect(peer, { on: { message: () => new Promise<void>(() => undefined) } });
    const closing = client.close();
    timers.advance(2_000);
    await closing;
    expect(peer.acknowledged).toEqual([]);
  });

  test("whose handler's promise rejects are not acknowledged, nor is what follows; the error surfaces", async () => {
    const peer = peerOn("ws", 1);
    peer.received.push(1n, 2n, 3n);
    // The runner takes an uncaught error for its own.
    const errors: string[] = [];
    const surfaced = spyOn(globalThis, "queueMicrotask").mockImplementation((work) => {
      try {
        work();
      } catch (error) {
        errors.push(String(error));
      }
    });
    try {
      const ids: bigint[] = [];
      const { client } = await connect(peer, {
        on: {
          message: async ({ id }) => {
            await Bun.sleep(1);
            ids.push(id);
            if (id === 2n) throw new Error("no room");
          },
        },
      });
      await until(() => ids.length === 3, "the messages");
      await client.close();
      expect([ids, peer.acknowledged, errors]).toEqual([[1n, 2n, 3n], [1n], ["Error: no room"]]);
    } finally {
      surfaced.mockRestore();
    }
  });

  test("after 200 pushes are acknowledged without waiting", async () => {
    const peer = peerOn("ws");
    const { events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    for (let id = 1n; id <= 200n; id++) {
      peer.received.push(id);
      peer.latest.message("alice", id, id - 1n);
    }
    await until(() => peer.acknowledged.at(-1) === 200n, "the acknowledgement");
  });
});
