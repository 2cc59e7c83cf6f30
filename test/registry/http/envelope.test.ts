// What holds for every request: the envelope, the codes, content types, paths, methods, and how parameters are read.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { at, chat1, encode, endAll, RawConnection, TestNode } from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(endAll);

describe("an answer", () => {
  test("is HTTP 200 with code, message and ttl, and without data where there is no data", async () => {
    const { status, text, headers } = await node.register();
    expect(status).toBe(200);
    expect(text).toBe('{"code":0,"message":"0","ttl":1}');
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("kratos-status-code")).toBe("0");
  });

  test("is HTTP 200 for what is not found", async () => {
    const { status, text, headers } = await node.cancel();
    expect(status).toBe(200);
    expect(text).toBe('{"code":-404,"message":"-404","ttl":1}');
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("kratos-status-code")).toBe("-404");
  });

  test("is HTTP 200 for a bad parameter, with a sentence", async () => {
    const { status, json } = await node.register({ zone: undefined });
    expect(status).toBe(200);
    expect(json).toEqual({ code: -400, message: "zone is required", ttl: 1 });
  });

  test("carries text that is not ASCII in UTF-8", async () => {
    const hostname = "håken 好 🐓";
    await node.register({ hostname, metadata: JSON.stringify({ Schlüssel: "Wert ✓" }) });
    expect(at(await node.instance({}, hostname), "metadata")).toEqual({ Schlüssel: "Wert ✓" });
  });
});

describe("a path", () => {
  test("that nobody knows is 404 in plain text", async () => {
    for (const path of [
      "/",
      "/discovery",
      "/discovery/",
      "/discovery/none",
      "/discovery/fetch/",
      "/fetch",
      "/favicon.ico",
    ]) {
      const { status, text, headers } = await node.ask(path);
      expect([path, status, text]).toEqual([path, 404, "404 page not found"]);
      expect(headers.get("content-type")).toStartWith("text/plain");
    }
  });

  test("with the wrong method is 405 in plain text", async () => {
    const wrong = {
      GET: ["register", "renew", "cancel", "set", "peer/replicate", "peer/compare"],
      POST: ["fetch", "fetchs", "fetch/all", "nodes", "poll", "polls"],
    };
    for (const [method, endpoints] of Object.entries(wrong)) {
      for (const endpoint of endpoints) {
        const { status, text } = await node.ask(`/discovery/${endpoint}?${encode(chat1)}`, { method });
        expect([endpoint, status, text]).toEqual([endpoint, 405, "Method Not Allowed"]);
      }
    }
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"])
      expect((await node.ask("/discovery/fetch", { method })).status).toBe(405);
    expect((await node.ask("/health", { method: "POST" })).status).toBe(405);
  });

  test("with HEAD is answered as with GET, without the body", async () => {
    await node.register();
    for (const path of [
      "/health",
      "/metrics",
      "/discovery/fetch?env=prod&appid=chat&status=1",
      "/discovery/fetch/all",
    ]) {
      const [head, get] = [await node.ask(path, { method: "HEAD" }), await node.ask(path)];
      expect([path, head.status, head.text]).toEqual([path, get.status, ""]);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    }
    for (const path of ["/discovery/register", "/discovery/peer/compare"])
      expect((await node.ask(path, { method: "HEAD" })).status).toBe(405);
    expect((await node.ask("/health", { method: "POST" })).headers.get("allow")).toBe("GET, HEAD");
  });

  test("is understood without a host: HTTP/1.0, an empty one, and an absolute target", async () => {
    await node.register();
    const target = "/discovery/fetch?env=prod&appid=chat&status=1";
    const heads = [
      `GET ${target} HTTP/1.0\r\n\r\n`,
      `GET ${target} HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n`,
      `GET http://127.0.0.1:99${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
    ];
    for (const head of heads) {
      const connection = await RawConnection.open(node);
      connection.write(head);
      await connection.untilClosed();
      expect([head, connection.text.includes('"code":0')]).toEqual([head, true]);
    }
    const health = await RawConnection.open(node);
    health.write("GET /health HTTP/1.0\r\n\r\n");
    await health.untilClosed();
    expect(health.text).toStartWith("HTTP/1.1 200");
  });
});

describe("parameters", () => {
  test("of a form come before those of the query string, and both make a list", async () => {
    const query = encode({ ...chat1, hostname: "of the query", addrs: "tcp://b:2", status: "2" });
    const form = { hostname: "of the form", addrs: "tcp://a:1", status: "1" };
    expect((await node.post(`register?${query}`, form)).code).toBe(0);
    expect(await node.instance({}, "of the form")).toMatchObject({ status: 1, addrs: ["tcp://a:1", "tcp://b:2"] });
    expect(await node.hostnames()).toEqual(["of the form"]);
  });

  test("of a POST may all stand in the query string", async () => {
    expect((await node.post(`register?${encode({ ...chat1, addrs: "tcp://a:1", status: "1" })}`)).code).toBe(0);
    expect(await node.hostnames()).toEqual(["chat-1"]);
  });

  test("are read as a form whatever the content type says", async () => {
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "application/octet-stream"]) {
      expect((await node.register({}, { headers: { "content-type": type } })).code).toBe(0);
    }
  });

  test("that are required must be there, and must not be empty", async () => {
    const required = {
      "POST register": ["zone", "env", "appid", "hostname", "addrs", "status"],
      "POST renew": ["zone", "env", "appid", "hostname"],
      "POST cancel": ["zone", "env", "appid", "hostname"],
      "POST set": ["zone", "env", "appid", "hostname"],
      "GET fetch": ["env", "appid", "status"],
      "GET fetchs": ["env", "appid", "status"],
      "GET poll": ["env", "appid", "hostname"],
      "GET polls": ["env", "appid", "hostname"],
    };
    await node.register();
    const all = { ...chat1, addrs: "tcp://a:1", status: "1", latest_timestamp: "0" };
    for (const [call, names] of Object.entries(required)) {
      const [method, endpoint = ""] = call.split(" ");
      const ask = (
        values: Record<string, string | undefined>,
      ): Promise<{ readonly json: unknown; readonly code: unknown }> =>
        method === "GET" ? node.get(endpoint, values) : node.post(endpoint, values);
      expect([call, (await ask(all)).code]).toEqual([call, 0]);
      if (endpoint === "cancel") await node.register();
      for (const name of names) {
        for (const value of [undefined, ""]) {
          const { json } = await ask({ ...all, [name]: value });
          expect([call, name, json]).toEqual([call, name, { code: -400, message: `${name} is required`, ttl: 1 }]);
        }
      }
    }
  });

  test("that count and cannot be read are -400", async () => {
    await node.register();
    const unreadable = ["x", "1.5", "1e9", "0x10", " 1", "9223372036854775808", "-9223372036854775809", "१", "true"];
    for (const text of unreadable) {
      expect((await node.register({ dirty_timestamp: text })).code).toBe(-400);
      expect((await node.polls({ latest_timestamp: text })).code).toBe(-400);
      expect((await node.renew({ dirty_timestamp: text })).code).toBe(-400);
      expect((await node.set({ set_timestamp: text })).code).toBe(-400);
    }
    for (const text of ["x", "-1", "1.0", "4294967296", "99999999999999999999"]) {
      expect((await node.fetch({ status: text })).code).toBe(-400);
      expect((await node.register({ status: text })).code).toBe(-400);
      expect((await node.set({ status: text })).code).toBe(-400);
    }
    expect((await node.poll({ latest_timestamp: "-9223372036854775808" })).code).toBe(0);
    expect((await node.register({ dirty_timestamp: "" })).code).toBe(0);
  });

  test("that are yes or no are read as Go does; what it cannot read is no, and no error", async () => {
    await node.register();
    for (const word of ["1", "t", "T", "true", "TRUE", "True"])
      expect([word, (await node.renew({ replication: word })).code]).toEqual([word, -409]);
    for (const word of ["0", "f", "false", "", "yes", "tRUE", "2"])
      expect([word, (await node.renew({ replication: word })).code]).toEqual([word, 0]);
  });

  test("that nobody knows are ignored", async () => {
    expect((await node.register({ color: "blue", callback: "x", ["__proto__"]: "x", constructor: "y" })).code).toBe(0);
  });
});

describe("an operator", () => {
  test("sees health and metrics", async () => {
    await node.register();
    expect((await node.ask("/health")).json).toMatchObject({
      ready: true,
      role: "discovery",
      address: node.address,
      zone: "z1",
      env: "prod",
      instances: 2,
      peers: 0,
      stale: false,
      protected: false,
      version: "test",
    });
    expect(await node.metric("roost_registry_instances")).toBe(2);
    expect(await node.metric("roost_registry_services")).toBe(2);
    expect(await node.metric("roost_registry_readable")).toBe(1);
    const { text, headers } = await node.ask("/metrics");
    expect(headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(text).toContain('roost_registry_requests_total{endpoint="register"} 1\n');
  });

  test("sees what is cancelled as a tombstone", async () => {
    await node.register();
    await node.cancel();
    expect(await node.metric("roost_registry_tombstones")).toBe(1);
    expect(await node.metric("roost_registry_instances")).toBe(1);
  });
});
