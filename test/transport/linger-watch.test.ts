import { afterEach, expect, spyOn, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { SocketFinder } from "../../src/transport/kernel-sockets.ts";
import { LingerWatch } from "../../src/transport/linger-watch.ts";
import { eventually } from "./recording.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).toReversed()) end();
});

test("nothing is remembered by a watch that has stopped, as where the kernel cannot be asked", () => {
  const watch = new LingerWatch(() => 1, 1_000);
  watch.closed("127.0.0.1:1");
  expect(watch.isWatching).toBe(true);
  watch.stop();
  watch.closed("127.0.0.1:2");
  expect(watch.isWatching).toBe(false);
});

test("hundreds that do not end their side are asked about some at a time, and are all ended", async () => {
  const count = 700;
  const finder = await SocketFinder.open();
  if (finder === undefined) return;
  const peers: string[] = [];
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open({ remoteAddress, remotePort }) {
        peers.push(`${remoteAddress}:${remotePort}`);
      },
      data() {},
    },
  });
  ends.push(() => listener.stop(true));
  const sockets: Socket[] = [];
  ends.push(() => sockets.forEach((socket) => socket.destroy()));
  let ended = 0;
  for (let at = 0; at < count; at++) {
    const socket = createConnection({ host: "127.0.0.1", port: listener.port, allowHalfOpen: true });
    socket.resume().on("end", () => ended++);
    sockets.push(socket);
  }
  await eventually(() => peers.length === count);
  let inTurn = 0;
  let most = 0;
  const acceptedAs = finder.acceptedAs.bind(finder);
  const asked = spyOn(finder, "acceptedAs").mockImplementation((...socket) => {
    if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
    most = Math.max(most, inTurn);
    return acceptedAs(...socket);
  });
  ends.push(() => asked.mockRestore());
  const watch = new LingerWatch(() => listener.port, 1_000);
  ends.push(() => watch.stop());
  for (const peer of peers) watch.closed(peer);
  await eventually(() => ended === count);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(count);
});
