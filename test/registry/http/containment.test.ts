// What a bug, or a peer that has gone, costs the registry: that one request.

import { afterEach, expect, test } from "bun:test";
import { type LogFields, silentLog } from "../../../src/base/log.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { askUrl, encode, endAll, eventually, serveRegistry, TestNode } from "./support.ts";

afterEach(endAll);

/** A registry whose parts a test can break. */
function serve() {
  const errors: string[] = [];
  const log = { ...silentLog, error: (_: string, fields?: LogFields) => void errors.push(String(fields?.["error"])) };
  const { bugs, ...registry } = serveRegistry(log);
  return { ...registry, errors, count: (): number => bugs.count("http") };
}

const instance = {
  env: "prod",
  zone: "z1",
  appid: "chat",
  hostname: "chat-1",
  region: "r1",
  status: "1",
  addrs: "tcp://10.0.0.1:8100",
  version: "1",
};

/** A method of one of its parts throws until it is mended. */
function breakMethod<Name extends string>(part: Record<Name, unknown>, name: Name): () => void {
  Object.defineProperty(part, name, {
    configurable: true,
    value: () => {
      throw new Error(`a bug in ${name}`);
    },
  });
  return () => Reflect.deleteProperty(part, name);
}

test("a bug in a read or a write is that request's 500; it is counted each time and logged once", async () => {
  const { node, url, errors, count } = serve();
  const mendTable = breakMethod(node.table, "app");
  const mendRegistrar = breakMethod(node.registrar, "register");
  const fetchUrl = `${url}/discovery/fetch?env=prod&appid=chat&zone=&status=1`;
  for (let times = 0; times < 3; times++) {
    const read = await askUrl(fetchUrl);
    expect([read.status, read.text]).toEqual([500, ""]);
    const write = await askUrl(`${url}/discovery/register`, { method: "POST", body: encode(instance) });
    expect([write.status, write.text]).toEqual([500, ""]);
  }
  expect(count()).toBe(6);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toStartWith("Error: a bug in app\n    at ");
  mendTable();
  mendRegistrar();
  expect((await askUrl(`${url}/discovery/register`, { method: "POST", body: encode(instance) })).code).toBe(0);
  expect((await askUrl(fetchUrl)).code).toBe(0);
});

test("a bug in the answer to a waiting poll is that poll's 500, and the others get the news", async () => {
  const { node, url, count, http } = serve();
  const register = (hostname: string): Promise<unknown> =>
    askUrl(`${url}/discovery/register`, { method: "POST", body: encode({ ...instance, hostname }) });
  await register("chat-1");
  const latest = String(node.table.app("prod", "chat")?.latest);
  const poll = (): ReturnType<typeof askUrl> =>
    askUrl(`${url}/discovery/poll?env=prod&hostname=h&appid=chat&latest_timestamp=${latest}`);
  const polls = [poll(), poll(), poll()];
  await eventually("three polls wait", () => http.pollsWaiting === 3);
  // The first listener meets it, in the turn in which the others are called, too.
  const { table } = node;
  const app = table.app.bind(table);
  let isBroken = true;
  Object.defineProperty(table, "app", {
    configurable: true,
    value: (env: string, appid: string) => {
      const isTelling = http.pollsWaiting < 3;
      if (isBroken && isTelling) {
        isBroken = false;
        throw new Error("a bug in the news");
      }
      return app(env, appid);
    },
  });
  await register("chat-2");
  const answers = await Promise.all(polls);
  expect(answers.filter(({ status }) => status === 500)).toHaveLength(1);
  expect(answers.filter(({ code }) => code === 0)).toHaveLength(2);
  expect(count()).toBe(1);
  expect(http.pollsWaiting).toBe(0);
});

test("a caller that is gone is not taken for one on this machine: nothing is registered, no poll waits", async () => {
  const { node, http, metrics, url, count } = serve();
  const port = Number(http.address.split(":").at(-1));
  const body = encode(instance);
  const post =
    "POST /discovery/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const poll =
    "GET /discovery/polls?env=prod&hostname=h&appid=gone&latest_timestamp=0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const lookup = "GET /api/lookup/token HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const request of [post, poll, lookup, post, poll, lookup]) {
    const { peersGone } = metrics;
    await eventually("it is found gone", async () => {
      // This process accepts and reads when this turn has ended; on a busy machine it may learn of the end alone.
      const peer = new RawTcp(port, "127.1.2.3");
      peer.write(Buffer.from(request));
      peer.reset();
      await Bun.sleep(20);
      return metrics.peersGone > peersGone;
    });
  }
  expect(node.table.app("prod", "chat")).toBeUndefined();
  expect(http.pollsWaiting).toBe(0);
  expect(count()).toBe(0);
  expect((await askUrl(`${url}/health`)).status).toBe(200);
});

test("bugs and peers that were gone are metrics of the node", async () => {
  const node = await TestNode.start();
  const peer = new RawTcp(node.port);
  peer.write(Buffer.from("GET /api/lookup/token HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  peer.reset();
  await eventually("it is counted", async () => (await node.metric("roost_registry_peer_gone_total")) === 1);
  expect((await node.ask("/metrics")).text).toContain("# TYPE roost_registry_bugs_total counter");
});
