// --allow-origins: which web pages may connect by WebSocket, and look gateways up.

import { expect, test } from "bun:test";
import { request } from "node:http";
import { DiscoveryProcess, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-origins-");

const list = "https://app.example,https://*.example.com";

/**
 * Asks for a WebSocket as a page of `origin` does; the status of the answer, 101 if it is open, and its text. `host`:
 * how the page names the server; default: as `url` does.
 */
function asked(
  url: string,
  origin: string,
  host = new URL(url).host,
): Promise<{ status: number | undefined; text: string }> {
  const headers = {
    origin,
    host,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  return new Promise((resolve, reject) => {
    const asking = request(url.replace("ws:", "http:"), { headers });
    asking.on("error", reject);
    asking.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, text: "" });
    });
    asking.on("response", (response) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    asking.end();
  });
}

test("a WebSocket of a page that is not in the list is refused with 403 and a line in the log", async () => {
  const server = await ServerProcess.start(folder, ["--allow-origins", list]);
  try {
    for (const [origin, status] of [
      ["https://app.example", 101],
      ["https://APP.example:443", 101],
      ["https://a.example.com", 101],
      ["https://example.com", 403],
      ["http://app.example", 403],
      ["null", 403],
    ] as const)
      expect([origin, (await asked(server.ws, origin)).status]).toEqual([origin, status]);
    expect(await asked(server.ws, "https://evil.example")).toEqual({
      status: 403,
      text: "Pages of this origin may not connect: it is not in --allow-origins.\n",
    });
    await until(() => server.log.includes("a web page was refused"), "the refusal is logged");
    expect(server.log).toContain("https://example.com");
    expect(server.log.match(/a web page was refused/g)).toHaveLength(1);
  } finally {
    await server.end("SIGKILL");
  }
}, 60_000);

test("beside a list the server's own page connects, if the browser knows the server by an address", async () => {
  const server = await ServerProcess.start(folder, ["--data", "own", "--allow-origins", list]);
  const off = await ServerProcess.start(folder, ["--data", "off", "--allow-origins", list, "--web", "off"]);
  try {
    const { host, port } = new URL(server.ws);
    const cases = [
      [`http://${host}`, host, 101],
      [`http://localhost:${port}`, `localhost:${port}`, 101],
      [`http://[::1]:${port}`, `[::1]:${port}`, 101],
      // Any name can be made to lead here.
      [`http://rebound.example:${port}`, `rebound.example:${port}`, 403],
      [`https://${host}`, host, 403],
      [`http://localhost:${port}`, host, 403],
      [`http://127.0.0.1`, host, 403],
    ] as const;
    for (const [origin, named, status] of cases)
      expect([origin, named, (await asked(server.ws, origin, named)).status]).toEqual([origin, named, status]);
    expect((await asked(off.ws, off.ws.replace("ws:", "http:"))).status).toBe(403);
  } finally {
    await Promise.all([server.end("SIGKILL"), off.end("SIGKILL")]);
  }
}, 60_000);

test("by default pages of all origins connect, and those without one", async () => {
  const server = await ServerProcess.start(folder, ["--data", "open"]);
  try {
    for (const origin of ["https://evil.example", "null", "rubbish"])
      expect((await asked(server.ws, origin)).status).toBe(101);
  } finally {
    await server.end("SIGKILL");
  }
}, 60_000);

test("a page looks gateways up if it is in the list; caches are told that the answer differs", async () => {
  const registry = await DiscoveryProcess.start(folder, ["--insecure", "--allow-origins", list]);
  try {
    const url = `${/http:\/\/[^/\s]+/.exec(registry.banner)?.[0] ?? ""}/api/lookup/token`;
    const ask = async (origin: string | undefined, method = "GET") => {
      const { status, headers } = await fetch(url, { method, headers: origin === undefined ? {} : { origin } });
      return [status, headers.get("access-control-allow-origin"), headers.get("vary")];
    };
    // No gateway is up.
    expect(await ask("https://app.example")).toEqual([503, "https://app.example", "Origin"]);
    expect(await ask("https://a.example.com", "OPTIONS")).toEqual([200, "https://a.example.com", "Origin"]);
    expect(await ask("https://evil.example")).toEqual([403, null, "Origin"]);
    expect(await ask("https://evil.example", "OPTIONS")).toEqual([403, null, "Origin"]);
    expect(await ask("null")).toEqual([403, null, "Origin"]);
    expect(await ask(undefined)).toEqual([503, null, "Origin"]);
  } finally {
    await registry.end("SIGKILL");
  }
}, 60_000);

test("a list that holds no origin is refused with what would be right", async () => {
  const { status, err } = await run(["--allow-origins", "example.com"], folder);
  expect([status, err]).toEqual([2, expect.stringContaining("https://*.example.com")]);
}, 60_000);
