// A registry without a key takes writes from every program, and from no web page: neither one of another site nor one
// whose name was made to resolve to this machine. The monitor of every other process likewise.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Metrics } from "../../../src/observe/metrics.ts";
import { startMonitor } from "../../../src/observe/monitor.ts";
import { browserTestMsMax, chromium, withBrowser } from "../../support/browser.ts";
import { testLimits } from "../../support/limits.ts";
import { until } from "../../../scripts/harness/until.ts";
import { chat1, encode, endAll, endLater, RawConnection, TestNode } from "./support.ts";

/** Until a page has done what it is there for, on a busy machine too. */
const answerMsMax = 30_000;

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
  await node.register();
});
afterEach(endAll);

const foreign = { origin: "http://evil.example", "content-type": "text/plain" };

/** The status of an answer to a request as it stands on the wire. */
async function statusOf(port: number, request: string): Promise<string> {
  const connection = await RawConnection.open({ port });
  connection.write(request);
  await connection.until("HTTP/1.1 ");
  const { text } = connection;
  connection.close();
  return text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length);
}

describe("a web page", () => {
  test("of another site writes nothing, and reads nothing but the lookup", async () => {
    for (const endpoint of ["register", "renew", "cancel", "set", "peer/replicate", "peer/compare"]) {
      const { status } = await node.post(endpoint, chat1, { headers: foreign });
      expect([endpoint, status]).toEqual([endpoint, 403]);
    }
    const headers = { "sec-fetch-site": "cross-site" };
    for (const path of [
      "/discovery/fetch?env=prod&appid=chat&status=1",
      "/discovery/fetch/all",
      "/health",
      "/metrics",
    ]) {
      expect((await node.ask(path, { headers })).status).toBe(403);
      expect((await node.ask(path, { headers: foreign })).status).toBe(403);
    }
    expect((await node.ask("/api/lookup/token", { headers: { ...foreign, ...headers } })).status).toBe(503);
    expect(await node.hostnames()).toEqual(["chat-1"]);
  });

  test("of any site may read the lookup's answers, and no other ones", async () => {
    const allowed = (path: string, init: RequestInit = {}) =>
      fetch(`${node.url}${path}`, init).then(({ status, headers }) => [
        status,
        headers.get("access-control-allow-origin"),
        headers.get("cache-control"),
      ]);
    const headers = { origin: "https://app.example" };
    for (const path of ["/api/lookup/token", "/api/lookup/token?scheme=wss"])
      expect(await allowed(path, { headers })).toEqual([503, "*", "no-store"]);
    expect(await allowed("/api/lookup/", { headers })).toEqual([404, "*", "no-store"]);
    expect(await allowed("/api/lookup/token", { headers, method: "OPTIONS" })).toEqual([200, "*", "no-store"]);
    expect(await allowed("/api/lookup/token", { headers, method: "POST" })).toEqual([405, "*", "no-store"]);
    for (const path of ["/health", "/discovery/nodes", "/api/lookup"])
      expect([path, await allowed(path, { headers })]).toEqual([path, [403, null, null]]);
    expect(await allowed("/discovery/nodes", { headers, method: "OPTIONS" })).toEqual([403, null, null]);
  });

  test("that a person opened reads what stands there", async () => {
    for (const site of ["none", "same-origin"])
      expect((await node.ask("/metrics", { headers: { "sec-fetch-site": site } })).status).toBe(200);
  });

  test("whose name resolves to this machine is refused, on whatever path, by whatever method", async () => {
    for (const host of ["rebind.example", "rebind.example:80", "localhost.evil.example", "127.0.0.1.evil.example"]) {
      for (const line of ["GET /metrics", "GET /discovery/fetch/all", "POST /discovery/cancel", "GET /"])
        expect([host, await statusOf(node.port, `${line} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)]).toEqual([host, "403"]);
    }
    for (const host of ["localhost", "LOCALHOST.:1", "127.0.0.1", `[::1]:${node.port}`])
      expect([host, await statusOf(node.port, `GET /health HTTP/1.1\r\nhost: ${host}\r\n\r\n`)]).toEqual([host, "200"]);
    expect(await statusOf(node.port, "GET http://rebind.example/metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")).toBe(
      "403",
    );
  });

  test("gets no WebSocket either", async () => {
    const upgrade =
      "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n";
    const request = `GET /metrics HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n${upgrade}\r\n`;
    expect(await statusOf(node.port, request)).toBe("403");
  });

  test("is refused and its connection ends, with a body that is not read", async () => {
    const connection = await RawConnection.open(node);
    const fields = "host: localhost\r\norigin: http://evil.example\r\ncontent-length: 100000";
    connection.write(`POST /discovery/cancel HTTP/1.1\r\n${fields}\r\n\r\n`);
    await connection.until("HTTP/1.1 403 ");
    await connection.untilClosed();
  });
});

test("a host that is malformed is 400, and no bug", async () => {
  const bugs = async (): Promise<string | undefined> =>
    /^roost_registry_bugs_total\{kind="http"\} (\d+)$/m.exec((await node.ask("/metrics")).text)?.[1];
  for (const host of ["x/y?z", "a b", "a:b", "[", "http://x", "a@b"]) {
    for (const path of ["/metrics", "/discovery/nodes", "/api/lookup/x", "/none"])
      expect([host, await statusOf(node.port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)]).toEqual([host, "400"]);
  }
  expect(await bugs()).toBe("0");
});

test("a node that is advertised under a name is asked by that name", async () => {
  const named = await TestNode.start({ advertise: { host: "registry.example", port: undefined } });
  const ask = (host: string): Promise<string> =>
    statusOf(named.port, `GET /discovery/nodes HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  expect([await ask("Registry.Example:7171"), await ask("other.example")]).toEqual(["200", "403"]);
});

test("a node that listens beyond this machine is asked by any name, and by no page of another site", async () => {
  const everywhere = await TestNode.start({ listen: { host: "0.0.0.0", port: 0 } });
  const ask = (fields: string): Promise<string> =>
    statusOf(everywhere.port, `GET /discovery/nodes HTTP/1.1\r\nhost: registry.internal\r\n${fields}\r\n`);
  expect([await ask(""), await ask("origin: null\r\n")]).toEqual(["200", "403"]);
});

test("the monitor is guarded likewise", async () => {
  const health = () => ({ ready: true, detail: {} });
  const parts = { metrics: new Metrics(), health, limits: testLimits(), names: ["gateway.example"] };
  const monitor = startMonitor({ host: "127.0.0.1", port: 0 }, parts);
  endLater(() => monitor.stop());
  const port = Number(monitor.address.split(":").at(-1));
  for (const path of ["/health", "/metrics", "/none"]) {
    const ask = (fields: string): Promise<string> => statusOf(port, `GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`);
    const isThere = path === "/none" ? "404" : "200";
    expect(await ask("host: localhost")).toBe(isThere);
    expect(await ask("host: gateway.example:9000")).toBe(isThere);
    expect(await ask("host: rebind.example")).toBe("403");
    expect(await ask("host: localhost\r\norigin: http://evil.example")).toBe("403");
    expect(await ask("host: localhost\r\nsec-fetch-site: same-site")).toBe("403");
    expect(await ask("host: x/y")).toBe("400");
  }
});

test.skipIf(chromium === undefined)(
  "a page in a real browser cancels nothing by a form, and reads nothing under a name of its own",
  async () => {
    const cancel = `http://127.0.0.1:${node.port}/discovery/cancel?${encode(chat1)}`;
    const page = `<form method="post" enctype="text/plain" action="${cancel.replaceAll("&", "&amp;")}"></form>
      <script>fetch(${JSON.stringify(cancel)}, { method: "POST", mode: "no-cors", body: "x" })
        .finally(() => fetch("/posted")).finally(() => document.forms[0].submit())</script>`;
    let isPosted = false;
    const site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        if (new URL(request.url).pathname === "/posted") isPosted = true;
        return new Response(page, { headers: { "content-type": "text/html" } });
      },
    });
    endLater(() => site.stop(true));
    await withBrowser({ hosts: "MAP *.example 127.0.0.1" }, async (browser) => {
      const evil = await browser.open(`http://evil.example:${site.port}/`);
      // The form leads to the answer of the node.
      await until(
        async () => isPosted && (await evil.html()).includes("the request has an Origin"),
        "the page posts by a script and by a form",
        answerMsMax,
      );
      expect(await node.hostnames()).toEqual(["chat-1"]);
      const shown = async (url: string): Promise<string> => (await browser.open(url)).html();
      expect(await shown(`http://rebind.example:${node.port}/metrics`)).toContain("the Host is neither");
      expect(await shown(`http://localhost:${node.port}/metrics`)).toContain("roost_registry");
    });
  },
  browserTestMsMax,
);
