// What no honest client sends: each of it costs nobody else anything. After every test another client's requests are
// answered, and nothing waits any more.

import { testLimits } from "../../support/limits.ts";
import { limitTable } from "../../../src/base/limits/table.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { limitValues } from "../../../src/base/limits/table.ts";
import { messageText } from "../../../src/registry/http/peer-codec.ts";
import { Random, testSeed } from "../../support/random.ts";
import { DiscoveryProcess } from "../../../scripts/harness/server-process.ts";
import { living, nodeInfo } from "../support.ts";
import { askUrl, at, chat1, encode, endAll, endLater, eventually, RawConnection, TestNode } from "./support.ts";

const { registryBodyBytes: registryBodyBytesMax, registryHeadBytes: registryHeadBytesMax } = limitValues();
let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(async () => {
  try {
    expect((await node.register({ appid: "honest" })).code).toBe(0);
    expect(await node.hostnames({ appid: "honest" })).toEqual(["chat-1"]);
    await node.untilPolls(0);
  } finally {
    await endAll();
  }
});

const head = (endpoint: string, ...lines: string[]): string =>
  `POST /discovery/${endpoint} HTTP/1.1\r\nhost: localhost\r\n${lines.join("\r\n")}\r\n\r\n`;
const tooLong = `"code":-400,"message":"the body is longer than ${registryBodyBytesMax} bytes"`;
const form = encode({ ...chat1, status: "1", addrs: "tcp://a:1" });

describe("a body", () => {
  test("that is declared too long is refused before any of it has come", async () => {
    const connection = await RawConnection.open(node);
    connection.write(head("register", "content-length: 10000000"));
    await connection.until(tooLong);
  });

  test("in chunks is refused as soon as it is too long", async () => {
    const connection = await RawConnection.open(node);
    connection.write(head("register", "transfer-encoding: chunked"));
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    for (let bytes = 0; bytes <= registryBodyBytesMax; bytes += 0x4000) connection.write(chunk);
    await connection.until(tooLong);
  });

  test("of exactly the longest length is read, declared or in chunks", async () => {
    const body = `${form}&pad=`.padEnd(registryBodyBytesMax, "x");
    expect((await node.post("register", {}, { body })).code).toBe(0);
    expect((await node.post("register", {}, { body: `${body}x` })).code).toBe(-400);
    const connection = await RawConnection.open(node);
    connection.write(head("register", "transfer-encoding: chunked"));
    connection.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    await connection.until('"code":0');
  });

  test("of which the rest never comes, comes slowly, or breaks off, holds up nobody", async () => {
    const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(node)));
    for (const connection of connections) {
      connection.write(head("register", `content-length: ${form.length}`));
      connection.write(form.slice(0, 10));
    }
    expect((await node.register()).code).toBe(0);
    for (const connection of connections.slice(0, 40)) connection.close();
    for (const character of form.slice(10)) {
      for (const connection of connections.slice(40)) connection.write(character);
      await Bun.sleep(0);
    }
    for (const connection of connections.slice(40)) await connection.until('"code":0');
  });

  test("that is no form is -400 with a sentence, whatever it is", async () => {
    const bodies = [
      "%",
      "%zz=%",
      "zone=%",
      "&&&==&",
      "=",
      "\u0000",
      "zone",
      "{}",
      '{"zone":"z1"}',
      "<xml/>",
      "zone=a;env=b",
    ];
    for (const body of bodies) {
      const { status, code, json } = await node.post("register", {}, { body });
      expect([body, status, code]).toEqual([body, 200, -400]);
      expect(at(json, "message")).toEndWith("is required");
    }
  });

  test("that is not UTF-8 is -400, in bytes; what is escaped wrongly is kept as far as it can be read", async () => {
    const body = Buffer.concat([Buffer.from(`${form}&version=`), Buffer.from([0xff, 0xfe])]);
    expect((await node.post("register", {}, { body })).json).toMatchObject({
      code: -400,
      message: "the body is not UTF-8",
    });
    expect((await node.post("register", {}, { body: `${form}&version=%ff%zz%` })).code).toBe(0);
    expect(at(await node.instance(), "version")).toBe("\ufffd%zz%");
  });

  test("that is packed is not unpacked", async () => {
    const body = Bun.gzipSync(Buffer.from(form));
    expect((await node.post("register", {}, { body, headers: { "content-encoding": "gzip" } })).code).toBe(-400);
  });

  test("for another node that is no message is -400, and changes nothing", async () => {
    for (const endpoint of ["peer/replicate", "peer/compare"]) {
      for (const body of ["", "x", "[]", "{}", '{"version":2}', "[".repeat(1_000_000), `"${"x".repeat(4_000_000)}"`]) {
        expect((await node.postMessage(endpoint, body)).code).toBe(-400);
      }
    }
    expect(await node.metric("roost_registry_instances")).toBe(1);
    expect(await node.metric("roost_registry_peers")).toBe(0);
  });
});

describe("a request's head", () => {
  test("may be as long as a poll of a thousand services needs", async () => {
    const appids = Array.from({ length: 1_000 }, (_, index) => `service-${index}-`.padEnd(60, "x"));
    await node.register({ appid: appids[999] });
    const values = { appid: appids, latest_timestamp: appids.map(() => "0") };
    const { code, json } = await node.polls(values);
    expect(code).toBe(0);
    expect(Object.keys(at(json, "data") ?? {})).toEqual([appids[999] ?? ""]);
  });

  test("that is longer than registryHeadBytesMax is refused, and ends only its connection", async () => {
    for (const bytes of [registryHeadBytesMax, registryHeadBytesMax + 1, 4 * registryHeadBytesMax]) {
      const connection = await RawConnection.open(node);
      connection.write(`GET /discovery/fetch?${"x".repeat(bytes)} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      await connection.untilClosed();
      expect(connection.text).toStartWith("HTTP/1.1 431 ");
    }
    expect((await node.fetch({ appid: "x".repeat(registryHeadBytesMax - 1024) })).code).toBe(-404);
  });

  test("that never ends is waited for without holding up others", async () => {
    const connections = await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(node)));
    for (const connection of connections) connection.write("GET /discovery/fetch?env=");
    expect((await node.register()).code).toBe(0);
    for (const connection of connections.slice(0, 50)) connection.finish();
    for (const connection of connections.slice(50)) connection.close();
  });

  test("that is not HTTP ends its connection: noise, another protocol, wrong lengths", async () => {
    const random = new Random(testSeed("noise on the registry's port"));
    const noises = [
      "\r\n\r\n\r\n\r\n",
      "hello\r\n\r\n",
      "\u0000\u0001\u0002",
      "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET  HTTP/1.1\r\n\r\n",
      "GET /discovery/fetch HTTP/9.9\r\nhost: localhost\r\n\r\n",
      head("register", "content-length: -1"),
      head("register", "content-length: x"),
      head("register", "content-length: 99999999999999999999"),
      head("register", "content-length: 5", "transfer-encoding: chunked"),
      `${head("register", "transfer-encoding: chunked")}zz\r\nxx\r\n`,
      `${head("register", "transfer-encoding: chunked")}fffffffffffffffff\r\n`,
      "GET /discovery/poll%00?%00=%00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
      "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n",
      `GET /health HTTP/1.1\r\n${"a: b\r\n".repeat(5_000)}\r\n`,
      ...Array.from({ length: 100 }, () => random.bytes(1 + random.below(500))),
    ];
    for (const noise of noises) {
      const connection = await RawConnection.open(node);
      connection.write(noise);
      connection.finish();
      await connection.untilClosed();
      expect(connection.text).not.toContain('"code":0');
    }
    expect(await node.metric("roost_registry_instances")).toBe(1);
  });
});

describe("parameters", () => {
  test("of a read may be anything", async () => {
    await node.register();
    const queries = [
      "",
      "%",
      "%zz",
      "\u0000",
      "env=%00&appid=%00&status=1",
      "env&appid&status",
      "a=1&a=2",
      "=".repeat(999),
    ];
    for (const endpoint of ["fetch", "fetchs", "poll"]) {
      for (const query of queries) {
        const { status, code } = await node.ask(`/discovery/${endpoint}?${query}`);
        expect(status).toBe(200);
        expect([0, -400, -404]).toContain(Number(code));
      }
    }
  });

  test("that look like keys of another instance touch none", async () => {
    await node.register();
    for (const [name, value] of [
      ["env", "prod\nchat"],
      ["appid", "chat\nz1"],
      ["zone", "z1\nchat-1"],
      ["hostname", "chat-1\n"],
      ["env", "\ninfra.discovery"],
    ] as const) {
      const change = { [name]: value };
      for (const { code } of [
        await node.register(change),
        await node.cancel(change),
        await node.set({ ...change, status: "2" }),
      ])
        expect(code).toBe(-400);
      expect((await node.renew(change)).code).toBe(-400);
    }
    expect(at(await node.instance(), "status")).toBe(1);
  });
});

describe("one connection", () => {
  test("is answered in order when it does not wait for answers", async () => {
    const connection = await RawConnection.open(node);
    const request = (index: number): string => {
      const body = encode({ ...chat1, hostname: `h${index}`, status: "1", addrs: "tcp://a:1" });
      return `${head("register", `content-length: ${body.length}`)}${body}`;
    };
    connection.write(Array.from({ length: 100 }, (_, index) => request(index)).join(""));
    connection.write("GET /discovery/none HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await connection.until("404 page not found");
    expect(connection.text.match(/"code":0/g)?.length).toBe(100);
    expect((await node.hostnames()).length).toBe(100);
  });

  test("that asks on behind a long poll loses that poll, and nobody else's", async () => {
    const other = node.polls();
    const connection = await RawConnection.open(node);
    const target = "/discovery/polls?env=prod&appid=chat&hostname=h&latest_timestamp=0";
    connection.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(3));
    await connection.untilClosed();
    await node.untilPolls(1);
    await node.register();
    expect((await other).code).toBe(0);
  });
});

test("memory stays bounded whatever is sent, in a process of its own", async () => {
  const directory = await mkdtemp(join(tmpdir(), "roost-registry-"));
  endLater(() => rm(directory, { recursive: true }));
  const server = await DiscoveryProcess.start(directory);
  endLater(async () => void (await server.end("SIGKILL")));
  const memory = async (): Promise<number> => {
    const { text } = await askUrl(`${server.url}/metrics`);
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
  };
  const before = await memory();
  expect(before).toBeGreaterThan(0);
  const port = Number(new URL(server.url).port);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  for (let round = 0; round < 10; round++) {
    const connections = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open({ port })));
    for (const [index, connection] of connections.entries()) {
      const isDeclared = index % 2 === 0;
      connection.write(head("register", isDeclared ? "content-length: 10000000" : "transfer-encoding: chunked"));
      for (let sent = 0; sent < 152 && !connection.isClosed; sent++) connection.write(chunk);
      await connection.until("the body is longer");
      connection.close();
    }
  }
  // 400 MB were sent.
  expect(await memory()).toBeLessThan(before + 100e6);
  expect((await askUrl(`${server.url}/health`)).status).toBe(200);
}, 60_000);

describe("too many instances", () => {
  const outer = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address;

  const request = (index: number): string => {
    const body = encode({ ...chat1, hostname: `h${index}`, status: "1", addrs: "tcp://a:1" });
    return `${head("register", `content-length: ${body.length}`)}${body}`;
  };

  /** Registers as many instances as one address may have; resolves once all are taken. */
  async function registerAll(port: number, host: string): Promise<RawConnection> {
    const connection = await RawConnection.open({ port, host });
    for (let sent = 0; sent < limitTable.instancesPerAddress.initial; sent += 1_000) {
      connection.write(Array.from({ length: 1_000 }, (_, index) => request(sent + index)).join(""));
      const count = sent + 1_000;
      await eventually(`${count} answers`, () => connection.text.match(/"code":0/g)?.length === count);
    }
    return connection;
  }

  test.skipIf(outer === undefined)(
    "of one address are refused, and not those of others",
    async () => {
      const everywhere = await TestNode.start({ listen: { host: "0.0.0.0", port: 0 } });
      const connection = await registerAll(everywhere.port, outer ?? "");
      connection.write(request(limitTable.instancesPerAddress.initial));
      await connection.until(
        `${outer} has registered ${limitTable.instancesPerAddress.initial} instances; it may not register more`,
      );
      connection.write(request(0));
      await eventually(
        "to register again",
        () => connection.text.match(/"code":0/g)?.length === limitTable.instancesPerAddress.initial + 1,
      );
      const url = `http://127.0.0.1:${everywhere.port}/discovery/register`;
      expect((await askUrl(url, { method: "POST", body: form })).code).toBe(0);
    },
    60_000,
  );

  test("of this machine's own programs are not counted", async () => {
    await registerAll(node.port, "127.0.0.1");
    expect((await node.register()).code).toBe(0);
  }, 60_000);

  test("are refused beyond the bound, wherever they come from; those that are there go on", async () => {
    const instances = 3_000;
    const full = await TestNode.start({ limits: testLimits({ instances, instancesReserved: 0 }) });
    const perMessage = 1_000;
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    for (let sent = 0; sent <= instances; sent += perMessage) {
      const states = Array.from({ length: perMessage }, (_, index) => living(nowNs, { hostname: `h${sent + index}` }));
      const message = { kind: "replicate", node: nodeInfo(), isSpread: false, states, renewals: [] } as const;
      expect((await full.postMessage("peer/replicate", messageText(message))).code).toBe(0);
    }
    expect(await full.metric("roost_registry_instances")).toBe(instances);
    expect((await full.register({ appid: "another" })).code).toBe(-509);
    expect((await full.register({ hostname: "h1", version: "2" })).code).toBe(0);
    expect((await full.renew({ hostname: "h2" })).code).toBe(0);
    expect((await full.cancel({ hostname: "h3" })).code).toBe(0);
    expect((await full.register({ appid: "another" })).code).toBe(0);
    expect((await full.fetch({ appid: "another" })).code).toBe(0);
    // One is the node itself, one was cancelled.
    const listing = await (await fetch(`${full.url}/discovery/fetch/all`)).text();
    expect(listing.match(/"hostname":"h\d+"/g)?.length).toBe(instances - 2);
  }, 60_000);
});
