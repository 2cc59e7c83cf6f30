// The limits of what clients leave unread, each at its value and one above it, over real sockets of both transports.

import { expect, test } from "bun:test";
import type { Limits } from "../../src/base/limits/limits.ts";
import { boundUnsent } from "../../src/roles/gateway/client-bounds.ts";
import type { Member } from "../../src/transport/connection-group.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { frameHeaderBytes } from "../../src/wire/frame-writer.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { type Recording, testOptions, turn } from "../transport/recording.ts";
import { servers, dialects, serve, onEach } from "./client-bounds-support.ts";
import { endServers } from "./client-bounds-support.ts";

endServers();

bound("unsentBytes", {
  at: onEach(async (dialect) => {
    const { connect } = serve(dialect, { unsentBytes: 10_000 });
    const { owner } = await connect();
    owner.connection.identified();
    await turn();
    const headBytes = frameHeaderBytes;
    expect(owner.connection.send(Buffer.alloc(5_000 - headBytes))).toBe(true);
    expect(owner.connection.send(Buffer.alloc(5_000 - headBytes))).toBe(true);
    expect(owner.connection.isOpen).toBe(true);
  }),
  above: onEach(async (dialect) => {
    const { connect, limits } = serve(dialect, { unsentBytes: 10_000 });
    const { owner } = await connect();
    owner.connection.identified();
    await turn();
    const headBytes = frameHeaderBytes;
    expect(owner.connection.send(Buffer.alloc(5_000 - headBytes))).toBe(true);
    expect(owner.connection.send(Buffer.alloc(5_001 - headBytes))).toBe(false);
    expect((await owner.end()).code).toBe(CloseCode.Overload);
    expect(limits.reached.get("unsentBytes")).toBe(1);
  }),
});

/** Members with these numbers of bytes, after a flush. */
function backlogged(unsentBytesInAll: number, ...backlogs: readonly number[]) {
  const limits: Limits = testLimits({ unsentBytesInAll });
  const { flusher, wheel } = testOptions();
  const members = backlogs.map((unsentBytes) => {
    const queue = flusher.queues.take();
    queue.reserve(unsentBytes);
    const member: Member & { isShed: boolean; unsentBytes: number } = {
      unsentBytes,
      isShed: false,
      close() {},
      shed() {
        member.isShed = true;
        member.unsentBytes = 0;
        flusher.queues.give(queue);
      },
    };
    return member;
  });
  boundUnsent(limits, { flusher, wheel, connections: () => members });
  flusher.flushAll();
  return { limits, shed: members.map(({ isShed }) => isShed) };
}

bound("unsentBytesInAll", {
  at: () => {
    expect(backlogged(600_000, 100_000, 300_000, 200_000).shed).toEqual([false, false, false]);
  },
  above: () => {
    const { limits, shed } = backlogged(599_999, 100_000, 300_000, 200_000);
    expect(shed).toEqual([false, true, false]);
    expect(limits.reached.get("unsentBytesInAll")).toBe(1);
    expect(backlogged(99_999, 100_000, 300_000, 200_000).shed).toEqual([true, true, true]);
  },
});

test("of many slow readers those with the most are ended when all together hold too much, with 1013", async () => {
  for (const dialect of dialects) {
    const { connect, limits, options } = serve(dialect, { unsentBytes: 2 ** 30, unsentBytesInAll: 20 * 2 ** 20 });
    const [server] = servers.slice(-1);
    boundUnsent(limits, { ...options, connections: () => server?.connections ?? [] });
    const clients = [await connect(), await connect(), await connect()];
    for (const { socket, owner } of clients) {
      socket.pause();
      owner.connection.identified();
    }
    const send = ({ owner }: { owner: Recording }, megabytes: number): void => {
      for (let sent = 0; sent < megabytes; sent++) owner.connection.send(Buffer.alloc(2 ** 20));
    };
    // The kernel takes some megabytes of each.
    for (const [at, client] of clients.entries()) {
      send(client, 25 + at);
      await turn(2);
    }
    const [, , largest] = clients;
    expect((await largest?.owner.end())?.code).toBe(CloseCode.Overload);
    const left = clients.reduce((sum, { owner }) => sum + owner.connection.unsentBytes, 0);
    expect(left).toBeLessThanOrEqual(20 * 2 ** 20);
  }
}, 60_000);
