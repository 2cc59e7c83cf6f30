// GET /discovery/poll and polls: what is answered at once, what waits, what wakes it, and how it ends.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  at,
  endAll,
  eventually,
  hostnamesOf,
  isPending,
  RawConnection,
  type Reply,
  TestNode,
  type Values,
} from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(endAll);

/** Polls, and resolves once the poll waits. */
async function waitingPoll(values: Values, waitingBefore = 0): Promise<{ readonly reply: Promise<Reply> }> {
  const reply = node.polls(values);
  await node.untilPolls(waitingBefore + 1);
  return { reply };
}

const infoOf = (reply: Reply, appid = "chat"): unknown => at(reply.json, "data", appid);
/** A client's own deadline, short beside the time for which it asks to wait. */
const briefMs = 200;

describe("poll", () => {
  test("of a service or a zone that is not there is -404 at once, and names it", async () => {
    expect((await node.poll({ appid: "nobody" })).text).toBe('{"code":-404,"message":"nobody not found"}');
    await node.register();
    expect((await node.poll({ zone: "z2" })).text).toBe('{"code":-404,"message":"chat not found"}');
    expect((await node.poll({ env: "dev" })).code).toBe(-404);
  });

  test("of a reader that is behind is answered at once, with the instances that are UP", async () => {
    await node.register();
    await node.register({ hostname: "chat-2", status: "2" });
    const { json, text } = await node.poll();
    expect(text).toStartWith('{"code":0,"message":"0","ttl":1,"data":{"instances":{');
    expect(hostnamesOf(at(json, "data"))).toEqual(["chat-1"]);
    expect(String(at(json, "data", "latest_timestamp"))).toBe(await node.latest());
  });

  test("of a reader that is up to date waits, and is woken by a change", async () => {
    await node.register();
    const latest = await node.latest();
    const reply = node.poll({ latest_timestamp: latest });
    await node.untilPolls(1);
    await node.register({ hostname: "chat-2" });
    const { json, code } = await reply;
    expect(code).toBe(0);
    expect(hostnamesOf(at(json, "data"))).toEqual(["chat-1", "chat-2"]);
    expect(BigInt(String(at(json, "data", "latest_timestamp")))).toBeGreaterThan(BigInt(latest));
  });

  test("counts with version 0 when it gives several, and takes the first of several services", async () => {
    await node.register();
    const latest = await node.latest();
    expect((await node.poll({ latest_timestamp: [latest, latest] })).code).toBe(0);
    const { code } = await node.poll({ appid: ["chat", "nobody"], latest_timestamp: "0" });
    expect(code).toBe(0);
  });

  test("without a version is answered at once", async () => {
    await node.register();
    expect((await node.poll({ latest_timestamp: undefined })).code).toBe(0);
  });

  test("without news ends with -304 when the client's time is over, and not before", async () => {
    await node.register();
    const beganMs = performance.now();
    const { text, status } = await node.poll({ latest_timestamp: await node.latest() }, briefMs);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(briefMs - 25);
    expect([status, text]).toEqual([200, '{"code":-304,"message":"-304","ttl":1}']);
  });
});

describe("polls", () => {
  test("is answered at once with what has changed, without the rest and without ttl", async () => {
    await node.register();
    await node.register({ appid: "login" });
    const chat = await node.latest();
    const { text, json } = await node.polls({ appid: ["chat", "login", "nobody"], latest_timestamp: [chat, "0", "0"] });
    expect(text).toStartWith('{"code":0,"message":"0","data":{"login":{"instances":{');
    expect(Object.keys(at(json, "data") ?? {})).toEqual(["login"]);
    expect(at(json, "error")).toEqual({ "-404": ["nobody"] });
    expect(at(json, "ttl")).toBeUndefined();
  });

  test("has null for services that are not found when there are no others", async () => {
    await node.register();
    expect((await node.polls()).text).toEndWith(',"error":{"-404":null}}');
  });

  test("wants as many versions as services; empty ones do not count, 0 does", async () => {
    await node.register();
    for (const versions of [undefined, "", ["0", "0"], ["", ""]])
      expect((await node.polls({ latest_timestamp: versions })).code).toBe(-400);
    expect((await node.polls({ appid: ["chat", ""], latest_timestamp: ["", "0"] })).code).toBe(0);
    expect((await node.polls({ appid: ["chat", "login"], latest_timestamp: ["0", ""] })).code).toBe(-400);
  });

  test("that names a service twice is answered once", async () => {
    await node.register();
    const latest = await node.latest();
    const { json } = await node.polls({ appid: ["chat", "chat"], latest_timestamp: [latest, latest] });
    expect(hostnamesOf(at(json, "data", "chat"))).toEqual(["chat-1"]);
  });

  test("waits for a service that is not there, and wakes when it comes", async () => {
    const { reply } = await waitingPoll({});
    expect(await isPending(reply)).toBe(true);
    await node.register();
    const answered = await reply;
    expect(hostnamesOf(infoOf(answered))).toEqual(["chat-1"]);
    expect(at(answered.json, "error")).toEqual({ "-404": ["chat"] });
  });

  test("wakes with the service that has changed, and no other", async () => {
    await node.register();
    await node.register({ appid: "login" });
    const versions = [await node.latest(), await node.latest({ appid: "login" })];
    const { reply } = await waitingPoll({ appid: ["chat", "login"], latest_timestamp: versions });
    await node.register({ appid: "login", hostname: "login-2" });
    expect(Object.keys(at((await reply).json, "data") ?? {})).toEqual(["login"]);
  });

  test("wakes by register, set and cancel, and not by renew or by other services and envs", async () => {
    await node.register();
    const changes = [
      () => node.register({ version: "2" }),
      () => node.set({ metadata: '{"a":"1"}' }),
      () => node.register({ hostname: "chat-2" }),
      () => node.cancel({ hostname: "chat-2" }),
    ];
    for (const change of changes) {
      const { reply } = await waitingPoll({ latest_timestamp: await node.latest() });
      await node.renew();
      await node.register({ appid: "login" });
      await node.register({ env: "dev" });
      expect(await isPending(reply)).toBe(true);
      await change();
      expect(hostnamesOf(infoOf(await reply))).toContain("chat-1");
      await node.untilPolls(0);
    }
  });

  test("misses no change that came before it: a register, a set, a cancel", async () => {
    await node.register();
    await node.register({ hostname: "chat-2" });
    for (const change of [
      () => node.register({ version: "2" }),
      () => node.set({ metadata: '{"a":"1"}' }),
      () => node.cancel({ hostname: "chat-2" }),
    ]) {
      const latest = await node.latest();
      await change();
      expect((await node.polls({ latest_timestamp: latest })).code).toBe(0);
    }
  });

  test("misses no change that is made while it arrives", async () => {
    await node.register();
    for (let round = 0; round < 50; round++) {
      const latest = await node.latest();
      const [reply] = await Promise.all([
        node.polls({ latest_timestamp: latest }, 5_000),
        node.register({ version: String(round) }),
      ]);
      expect(reply.code).toBe(0);
      expect(BigInt(String(at(infoOf(reply), "latest_timestamp")))).toBeGreaterThan(BigInt(latest));
    }
  });

  test("ends with -304 when the client's time is over, and not before", async () => {
    await node.register();
    const beganMs = performance.now();
    const { text } = await node.polls({ latest_timestamp: await node.latest() }, briefMs);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(briefMs - 25);
    expect(text).toBe('{"code":-304,"message":"-304","ttl":1}');
    await node.untilPolls(0);
  });

  test("waits its full time for who asks for 0, for nothing, or for what is no number", async () => {
    for (const header of [
      { "x1-bmspy-timeout": "0" },
      { "x1-bmspy-timeout": "soon" },
      { "x1-bmspy-timeout": "-5" },
      {},
    ]) {
      const abort = new AbortController();
      const values = { env: "prod", hostname: "h", appid: "chat", latest_timestamp: "0" };
      const reply = node.get("polls", values, { headers: { ...header }, signal: abort.signal }).catch(() => undefined);
      await node.untilPolls(1);
      await Bun.sleep(60);
      expect(await node.metric("roost_registry_polls")).toBe(1);
      abort.abort();
      await reply;
      await node.untilPolls(0);
    }
  });

  test("tells that a service has lost its last instance: with an empty list and a version", async () => {
    await node.register();
    const latest = await node.latest();
    const { reply } = await waitingPoll({ latest_timestamp: latest });
    await node.cancel();
    const info = infoOf(await reply);
    expect(at(info, "instances")).toEqual({});
    expect(BigInt(String(at(info, "latest_timestamp")))).toBeGreaterThan(BigInt(latest));
  });

  test("tells that the last instance that was UP has turned WAITING", async () => {
    await node.register();
    const { reply } = await waitingPoll({ latest_timestamp: await node.latest() });
    await node.set({ status: "2" });
    expect(at(infoOf(await reply), "instances")).toEqual({ z1: [] });
  });

  test("gives each of two pollers of one hostname its own zone", async () => {
    await node.register();
    await node.register({ zone: "z2", hostname: "chat-2" });
    const latest_timestamp = await node.latest();
    const one = node.polls({ zone: "z1", latest_timestamp });
    const other = node.polls({ zone: "z2", latest_timestamp });
    const both = node.polls({ latest_timestamp });
    await node.untilPolls(3);
    await node.register({ version: "2" });
    expect(hostnamesOf(infoOf(await one))).toEqual(["chat-1"]);
    expect(hostnamesOf(infoOf(await other))).toEqual(["chat-2"]);
    expect(hostnamesOf(infoOf(await both))).toEqual(["chat-1", "chat-2"]);
  });

  test("wakes everybody: pollers of overlapping services, and two hundred of one", async () => {
    await node.register();
    await node.register({ appid: "login" });
    const [chat, login] = [await node.latest(), await node.latest({ appid: "login" })];
    const replies = Array.from({ length: 200 }, () => node.polls({ latest_timestamp: chat }));
    replies.push(node.polls({ appid: ["chat", "login"], latest_timestamp: [chat, login] }));
    replies.push(node.polls({ appid: ["login", "chat"], latest_timestamp: [login, chat] }));
    await node.untilPolls(202);
    await node.register({ hostname: "chat-2" });
    for (const reply of await Promise.all(replies)) expect(hostnamesOf(infoOf(reply))).toEqual(["chat-1", "chat-2"]);
    await node.untilPolls(0);
  });

  test("is forgotten when its socket closes, in whichever way", async () => {
    const abort = new AbortController();
    const aborted = node.polls({}, 40_000, abort.signal).catch(() => "aborted");
    const request =
      "GET /discovery/polls?env=prod&appid=chat&hostname=h&latest_timestamp=0 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const [destroyed, finished] = [await RawConnection.open(node), await RawConnection.open(node)];
    destroyed.write(request);
    finished.write(request);
    await node.untilPolls(3);
    abort.abort();
    await node.untilPolls(2);
    destroyed.close();
    await node.untilPolls(1);
    finished.finish();
    await node.untilPolls(0);
    expect(await aborted).toBe("aborted");
  });

  test("ends with -304 when its client ends its side: it may have closed both", async () => {
    const connection = await RawConnection.open(node);
    connection.write(
      "GET /discovery/polls?env=prod&hostname=h&appid=chat&latest_timestamp=0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    await node.untilPolls(1);
    connection.finish();
    await connection.until('"code":-304');
    await connection.untilClosed();
    await node.untilPolls(0);
  });

  test("is sent to another node when this one stops", async () => {
    const { reply } = await waitingPoll({});
    await node.stop();
    expect((await reply).text).toBe('{"code":-500,"message":"-500","ttl":1}');
  });
});

describe("a client that ignores services without UP instances", () => {
  /** Polls as such a client does, always with version 0, for a while; how often it was answered. */
  async function answersWithin(windowMs: number, values: Values, timeoutMs: number): Promise<number> {
    const endMs = performance.now() + windowMs;
    let answers = 0;
    for (; performance.now() < endMs; answers++) await node.polls({ latest_timestamp: "0", ...values }, timeoutMs);
    return answers;
  }

  test("is not answered at once again and again, whether all are WAITING, gone, or in another zone", async () => {
    await node.register({ status: "2" });
    expect(await answersWithin(500, {}, 100)).toBeLessThanOrEqual(8);
    await node.cancel();
    expect(await answersWithin(500, {}, 100)).toBeLessThanOrEqual(8);
    await node.register({ zone: "z2" });
    expect(await answersWithin(500, { zone: "z1" }, 100)).toBeLessThanOrEqual(8);
  });

  test("lists such a service together with other news", async () => {
    await node.register({ status: "2" });
    await node.register({ appid: "login" });
    const { json } = await node.polls({ appid: ["chat", "login"], latest_timestamp: ["0", "0"] });
    expect(at(json, "data", "chat", "instances")).toEqual({ z1: [] });
    expect(hostnamesOf(at(json, "data", "login"))).toEqual(["chat-1"]);
  });

  test("lists it also when the other news come later", async () => {
    await node.register({ status: "2" });
    const { reply } = await waitingPoll({ appid: ["chat", "login"], latest_timestamp: ["0", "0"] });
    await node.register({ appid: "login" });
    const { json } = await reply;
    expect(at(json, "data", "chat", "instances")).toEqual({ z1: [] });
    expect(hostnamesOf(at(json, "data", "login"))).toEqual(["chat-1"]);
  });
});

describe("a client that understands empty lists", () => {
  test("is answered at once that all instances are WAITING, and waits with the version that it was given", async () => {
    await node.register({ status: "2" });
    const { json } = await node.polls({ accept_empty: "true" });
    expect(at(json, "data", "chat", "instances")).toEqual({ z1: [] });
    const latest = String(at(json, "data", "chat", "latest_timestamp"));
    expect((await node.polls({ accept_empty: "true", latest_timestamp: latest }, briefMs)).code).toBe(-304);
  });

  test("is answered by a node that has been told everything that a service is not there", async () => {
    const second = await TestNode.start({ peers: [node.address] });
    await eventually("the second node to be readable", async () => (await second.ask("/health")).status === 200);
    const { json, code } = await second.polls({ accept_empty: "true" });
    expect(code).toBe(0);
    expect(at(json, "data", "chat", "instances")).toEqual({});
    const latest = String(at(json, "data", "chat", "latest_timestamp"));
    expect(BigInt(latest)).toBeGreaterThan(0n);
    expect((await second.polls({ accept_empty: "true", latest_timestamp: latest }, briefMs)).code).toBe(-304);
  });

  test("waits at a node that has just begun, and does not know what there is", async () => {
    expect((await node.polls({ accept_empty: "true" }, briefMs)).code).toBe(-304);
  });
});
