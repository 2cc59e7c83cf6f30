// The compiled server behind a load balancer: whose its connections are.

import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { signInFrame, signInMessage } from "../support/bad-sign-in.ts";
import { binaryProxyHeader, binaryProxyHeaderOf, textProxyHeader, upgradeRequest } from "../support/proxy-protocol.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";

let folder = "";
const proxies: TcpProxy[] = [];
const clients: RoostClient[] = [];
let server: ServerProcess | undefined;

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const proxy of proxies.splice(0)) proxy.stop();
  await server?.end("SIGKILL");
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(...words: string[]): Promise<ServerProcess> {
  folder = mkdtempSync(join(tmpdir(), "roost-proxies-"));
  return (server = await ServerProcess.start(folder, ["--data", folder, "--log-level", "debug", ...words]));
}

const portOf = (url: string): number => Number(url.slice(url.lastIndexOf(":") + 1));

async function proxyTo(url: string, header?: Uint8Array): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(portOf(url), header);
  proxies.push(proxy);
  return proxy;
}

/** Sends a sign-in with a bad token, which the server's log names with its client's address. */
async function refusedOverTcp(port: number): Promise<void> {
  const client = await WireClient.connect(`127.0.0.1:${port}`);
  client.write(signInFrame);
  await client.closed;
}

async function refusedOverWebSocket(url: string, forwardedFor: string): Promise<void> {
  const socket = createConnection({ host: "127.0.0.1", port: portOf(url) });
  const ended = once(socket, "close");
  socket.write(Buffer.concat([upgradeRequest(`X-Forwarded-For: ${forwardedFor}`), signInMessage]));
  socket.resume();
  await ended;
}

const refusedOf = (address: string): RegExp => new RegExp(`a sign-in was refused address="${address}"`);

test("over TCP the PROXY header of both versions names the client; without it the connection is refused", async () => {
  const running = await start("--trusted-proxies", "127.0.0.1/32");
  const token = async (account: string): Promise<string> =>
    (await run(["token", "--data", folder, "--account", account], folder)).out.trim();
  const heard: string[] = [];
  const headers = [textProxyHeader("203.0.113.9"), binaryProxyHeaderOf("203.0.113.10")];
  for (const [at, header] of headers.entries()) {
    const proxy = await proxyTo(running.tcp, header);
    clients.push(
      await RoostClient.connect({
        url: `tcp://127.0.0.1:${proxy.port}`,
        token: () => token(`person${at}`),
        on: { message: ({ body }) => void heard.push(body) },
      }),
    );
    await refusedOverTcp(proxy.port);
  }
  await clients[0]?.talkToUser("person1", { body: "hello" });
  await until(() => heard.includes("hello"), "the talk came");
  await until(
    () => ["203.0.113.9", "203.0.113.10"].every((address) => refusedOf(address).test(running.log)),
    "the log",
  );

  const direct = await WireClient.connect(running.tcp.slice("tcp://".length));
  direct.write(Buffer.from([2, 0, 0, 0, 0]));
  expect((await direct.closed).code).toBe(1002);
  await until(() => running.log.includes("a connection over TCP of a trusted proxy is refused"), "it is logged");
  expect(refusedOf("127.0.0.1").test(running.log)).toBe(false);
});

test("over WebSocket a client is whom X-Forwarded-For names, behind whatever it claims itself", async () => {
  const running = await start("--trusted-proxies", "127.0.0.0/8,10.0.0.0/8");
  await refusedOverWebSocket(running.ws, "6.6.6.6, 203.0.113.9, 10.0.0.3");
  await refusedOverWebSocket(running.ws, "[2001:db8::7]:4711");
  await until(
    () => refusedOf("203.0.113.9").test(running.log) && refusedOf("2001:db8::7").test(running.log),
    "the log",
  );
  expect(running.log).not.toContain("6.6.6.6");
  expect(running.log).not.toContain("127.0.0.1");
});

test("limits by address count the clients behind the proxy, and its own connections have none", async () => {
  const running = await start("--trusted-proxies", "127.0.0.1/32", "--limit", "connections-per-address=2");
  const connected: WireClient[] = [];
  const connect = async (header: Buffer): Promise<WireClient> => {
    const client = await WireClient.connect(running.tcp.slice("tcp://".length));
    connected.push(client);
    client.write(header);
    return client;
  };
  const local = binaryProxyHeader(0x20, 0, Buffer.alloc(0));
  for (const header of [local, local, local, textProxyHeader("203.0.113.9"), binaryProxyHeaderOf("203.0.113.9")])
    await connect(header);
  await until(async () => (await connectionsOf(running)) === 5, "all are in");
  expect((await (await connect(textProxyHeader("203.0.113.9"))).closed).code).toBe(4008);
  await connect(textProxyHeader("203.0.113.10"));
  await until(async () => (await connectionsOf(running)) === 6, "another client is in");
  expect(running.log).toContain('limit="connections-per-address"');
  for (const client of connected) client.terminate();
});

async function connectionsOf({ monitor }: ServerProcess): Promise<number> {
  const text = await fetch(`${monitor}/health`).then((response) => response.text());
  return Number(/"connections":(\d+)/.exec(text)?.[1] ?? -1);
}

test("without the option such headers are ignored or refused, and the log names it once", async () => {
  const running = await start();
  for (const _ of [1, 2, 3]) await refusedOverWebSocket(running.ws, "203.0.113.9");
  const proxy = await proxyTo(running.tcp, textProxyHeader("203.0.113.9"));
  const client = await WireClient.connect(`127.0.0.1:${proxy.port}`);
  expect((await client.closed).code).toBe(1002);
  await until(() => running.log.split("--trusted-proxies").length === 3, "a line of each kind");
  expect(refusedOf("127.0.0.1").test(running.log)).toBe(true);
  expect(running.log).not.toContain("203.0.113.9");
});
