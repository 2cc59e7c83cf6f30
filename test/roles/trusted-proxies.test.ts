// Limits by address behind a trusted proxy on loopback: they count the clients, and not the proxy.

import { afterEach, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { listOfRanges, parseRange } from "../../src/transport/address-ranges.ts";
import { closeLimit } from "../../src/wire/close-reason.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import { binaryProxyHeader, binaryProxyHeaderOf, textProxyHeader, upgradeRequest } from "../support/proxy-protocol.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";

let messenger: Messenger | undefined;
const clients: WireClient[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const socket of sockets.splice(0)) socket.destroy();
  await messenger?.stop();
  messenger = undefined;
});

async function start(connectionsPerAddress: number): Promise<Messenger> {
  const range = parseRange("127.0.0.1/32");
  if (range === undefined) throw new Error("it is a range");
  const limits = testLimits({ connectionsPerAddress });
  return (messenger = await Messenger.start({ trustedProxies: listOfRanges([range]), limits }));
}

async function connect(address: string, header: Buffer): Promise<WireClient> {
  const client = await WireClient.connect(address);
  clients.push(client);
  client.write(header);
  return client;
}

test("over TCP each client's address has its own connections, and the proxy's own have no bound", async () => {
  const { tcp } = await start(2);
  const local = binaryProxyHeader(0x20, 0, Buffer.alloc(0));
  const kept = [
    await connect(tcp, textProxyHeader("203.0.113.9")),
    await connect(tcp, binaryProxyHeaderOf("203.0.113.9")),
    await connect(tcp, textProxyHeader("203.0.113.10")),
    ...(await Promise.all([local, local, local].map((header) => connect(tcp, header)))),
  ];
  await until(async () => (await connectionsOf(messenger)) === kept.length, "all are in");
  const refused = await connect(tcp, textProxyHeader("203.0.113.9"));
  expect(await refused.closed).toEqual(closeLimit);
  expect(kept.map(({ isClosed }) => isClosed)).toEqual(kept.map(() => false));
  kept[0]?.terminate();
  await until(async () => (await connectionsOf(messenger)) === kept.length - 1, "one has left");
  await connect(tcp, textProxyHeader("203.0.113.9"));
  await until(async () => (await connectionsOf(messenger)) === kept.length, "its place is free");
});

test("over WebSocket too, by the right-most address that is no proxy's", async () => {
  const { ws } = await start(2);
  const port = Number(ws.slice(ws.lastIndexOf(":") + 1));
  const connectWebSocket = (forwardedFor: string) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    sockets.push(socket);
    const state = { bytes: Buffer.alloc(0) };
    socket.on("data", (chunk) => (state.bytes = Buffer.concat([state.bytes, Buffer.from(chunk)])));
    socket.write(upgradeRequest(`X-Forwarded-For: ${forwardedFor}`));
    return state;
  };
  for (const claim of ["203.0.113.9", "6.6.6.6, 203.0.113.9", "203.0.113.10"]) connectWebSocket(claim);
  await until(async () => (await connectionsOf(messenger)) === 3, "all are in");
  const refused = connectWebSocket("7.7.7.7, 203.0.113.9");
  // A close frame of the server: 4008.
  await until(() => refused.bytes.includes(Buffer.from([0x0f, 0xa8])), "it is refused");
});

async function connectionsOf(running: Messenger | undefined): Promise<number> {
  const text = await fetch(`http://${running?.monitor}/health`).then((response) => response.text());
  return Number(/"connections":(\d+)/.exec(text)?.[1] ?? -1);
}
