// What one client does to a registry without a key, and what others notice of it: the attack is bounded, they are
// answered, and the memory is given back.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { at, encode, endAll, endLater, eventually, askUrl } from "../registry/http/support.ts";
import { DiscoveryProcess } from "../../scripts/harness/server-process.ts";

const megabyte = 1024 * 1024;
const other = { zone: "z1", env: "prod", appid: "other", hostname: "other-1" };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "roost-registry-"));
  endLater(() => rm(directory, { recursive: true }));
});
afterEach(endAll);

async function start(descriptors?: number) {
  const server = await DiscoveryProcess.start(directory, [], undefined, undefined, undefined, descriptors);
  endLater(async () => void (await server.end("SIGKILL")));
  const { url } = server;
  const post = (endpoint: string, values: Record<string, string>): Promise<unknown> =>
    askUrl(`${url}/discovery/${endpoint}`, { method: "POST", body: encode(values) }).then(({ code }) => code);
  const register = (values: Record<string, string>): Promise<unknown> =>
    post("register", { ...other, status: "1", addrs: "tcp://10.0.0.1:1", ...values });
  expect(await register({})).toBe(0);
  /** Others are answered. */
  const expectService = async (): Promise<void> => {
    expect(await post("renew", other)).toBe(0);
    expect((await askUrl(`${url}/health`)).status).toBe(200);
  };
  const memory = (): number => {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8")) ?? [];
    return Number(kib) * 1024;
  };
  const sockets: Socket[] = [];
  endLater(async () => sockets.forEach((socket) => socket.destroy()));
  /** Connections that send this each, and read nothing unless asked to. */
  const open = async (count: number, text: (index: number) => string, isReading = false): Promise<Socket[]> => {
    const opened = Array.from({ length: count }, async (_, index) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      sockets.push(socket);
      socket.on("error", () => socket.destroy());
      if (!isReading) socket.pause();
      await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
      socket.write(text(index));
      return socket;
    });
    return Promise.all(opened);
  };
  return { url, register, expectService, memory, open, log: () => server.log };
}

test("bodies that come slowly take no descriptor from those who renew, and end after 10 s", async () => {
  const { open, expectService, log } = await start(1_024);
  const head = "POST /discovery/register HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
  const sockets: Socket[] = [];
  for (let sent = 0; sent < 1_100; sent += 100) {
    sockets.push(...(await open(100, () => head, true)));
    await expectService();
  }
  const timer = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed) socket.write("x");
  }, 500);
  endLater(async () => clearInterval(timer));
  for (let times = 0; times < 10; times++) {
    await expectService();
    await Bun.sleep(100);
  }
  await eventually("all are ended", () => sockets.every(({ destroyed }) => destroyed), 30_000);
  await expectService();
  expect(log()).toContain('limit="registry-body"');
}, 180_000);

test("answers that nobody reads share their bytes, and hold up nobody", async () => {
  const { open, register, expectService, memory } = await start();
  const metadata = JSON.stringify(Object.fromEntries(["a", "b", "c", "d"].map((key) => [key, key.repeat(4_000)])));
  for (let index = 0; index < 400; index++)
    expect(await register({ appid: "large", hostname: `h${index}`, metadata })).toBe(0);
  const before = memory();
  const request = "GET /discovery/fetch?env=prod&appid=large&status=1 HTTP/1.1\r\nhost: localhost\r\n\r\n";
  for (let sent = 0; sent < 200; sent += 50) {
    await open(50, () => request);
    await expectService();
  }
  // 1.3 GB were asked for, of which the sockets hold a part.
  expect(memory()).toBeLessThan(before + 120 * megabyte);
}, 180_000);

test("long polls name a bounded number of services together, and their memory is given back", async () => {
  const { open, expectService, memory, url } = await start();
  const before = memory();
  const query = (poll: number): string => {
    const appid = Array.from({ length: 1_000 }, (_, index) => `service-${poll}-${index}`);
    return encode({ env: "prod", hostname: "h", appid, latest_timestamp: appid.map(() => "0") });
  };
  const polls: Socket[] = [];
  for (let sent = 0; sent < 600; sent += 100) {
    const text = (index: number): string =>
      `GET /discovery/polls?${query(sent + index)} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    polls.push(...(await open(100, text, true)));
    await expectService();
  }
  const { json } = await askUrl(`${url}/discovery/polls?${query(1_000)}`);
  expect(at(json, "code")).toBe(-509);
  expect(memory()).toBeLessThan(before + 400 * megabyte);
  for (const socket of polls) socket.destroy();
  await eventually("it is given back", () => memory() < before + 60 * megabyte, 40_000);
}, 180_000);

test("a service that is longer than an answer may be is refused, in turns with others' requests", async () => {
  const { url, register, expectService } = await start();
  const metadata = JSON.stringify(Object.fromEntries(["a", "b", "c", "d"].map((key) => [key, key.repeat(4_000)])));
  for (let sent = 0; sent < 4_500; sent += 100) {
    const codes = Array.from({ length: 100 }, (_, index) =>
      register({ appid: "huge", hostname: `h${sent + index}`, metadata }),
    );
    expect(new Set(await Promise.all(codes))).toEqual(new Set([0]));
  }
  const fetching = askUrl(`${url}/discovery/fetch?env=prod&appid=huge&status=1`);
  await expectService();
  expect((await fetching).code).toBe(-509);
  const listing = fetch(`${url}/discovery/fetch/all`).then((response) => response.text());
  await expectService();
  expect((await listing).length).toBeGreaterThan(70_000_000);
}, 180_000);
