// What a browser is answered at the WebSocket listener, over real sockets.

import { afterAll, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Site } from "../../src/site/site.ts";
import type { SiteFile, SiteFiles } from "../../src/site/site-files.ts";

const fileOf = (type: string, text: string): SiteFile => ({
  type,
  hash: Bun.hash(text).toString(36),
  forms: new Map([
    ["gzip", new Uint8Array(Bun.gzipSync(text))],
    ["identity", new TextEncoder().encode(text)],
  ]),
});
const page = "<!doctype html>".padEnd(400, " ");
const files: SiteFiles = new Map([
  ["index.html", fileOf("text/html; charset=utf-8", page)],
  ["web/main-abc.js", fileOf("text/javascript; charset=utf-8", "1".repeat(400))],
  ["web/chinese-abc.js", fileOf("text/javascript; charset=utf-8", "2".repeat(400))],
  ["web/english-abc.js", fileOf("text/javascript; charset=utf-8", "3".repeat(400))],
]);

/** Serves a site; other paths are 426, as at the listener. */
function serve(parts: Partial<ConstructorParameters<typeof Site>[0]> = {}): string {
  const rareLog = new RareLog(silentLog, systemClock);
  const site = new Site({ mediaOrigins: [], rareLog, files: () => Promise.resolve(files), ...parts });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => site.answer(request, "127.0.0.1") ?? new Response(null, { status: 426 }),
  });
  afterAll(() => server.stop(true));
  return `http://127.0.0.1:${server.port}`;
}
const url = serve();

/** The status of an answer, and what some of its fields say. */
async function answer(path: string, init: RequestInit & { decompress?: boolean } = {}): Promise<unknown[]> {
  const { status, headers } = await fetch(url + path, init);
  return [status, headers.get("content-encoding"), headers.get("cache-control"), headers.get("content-type")];
}

test("the page is asked for again at each visit, its files never", async () => {
  expect(await answer("/")).toEqual([200, "gzip", "no-cache", "text/html; charset=utf-8"]);
  expect(await answer("/?query")).toEqual([200, "gzip", "no-cache", "text/html; charset=utf-8"]);
  const script = await answer("/web/main-abc.js", { headers: { "accept-encoding": "identity" } });
  expect(script).toEqual([200, null, "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"]);
});

test("a page that has not changed is not sent again, and each of its forms has its own tag", async () => {
  const tags = new Set<string>();
  for (const encoding of ["gzip", "identity"]) {
    const first = await fetch(url, { headers: { "accept-encoding": encoding } });
    const tag = first.headers.get("etag") ?? "";
    tags.add(tag);
    for (const known of [tag, `"other", W/${tag}`, "*"]) {
      const headers = { "accept-encoding": encoding, "if-none-match": known };
      const again = await fetch(url, { headers });
      expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", tag]);
      expect(again.headers.get("vary")).toBe("Accept-Encoding, Accept-Language");
      expect(again.headers.get("content-security-policy")).not.toBeNull();
    }
    const other = await fetch(url, { headers: { "accept-encoding": encoding, "if-none-match": '"other"' } });
    expect([other.status, await other.text()]).toEqual([200, page]);
  }
  expect(tags.size).toBe(2);
});

test.each([
  ["en-GB,en;q=0.9", "english"],
  ["zh-CN,zh;q=0.9,en;q=0.8", "chinese"],
  ["ZH", "chinese"],
  ["fr,zh;q=0.9", "english"],
  ["zhx", "english"],
  ["", "english"],
])("a browser that reads %p is told with the page to load the texts in %s, and with no file", async (reads, name) => {
  const headers = { "accept-language": reads };
  const link = `<./web/${name}-abc.js>; rel=modulepreload`;
  const first = await fetch(url, { headers });
  expect([first.headers.get("link"), first.headers.get("vary")]).toEqual([link, "Accept-Encoding, Accept-Language"]);
  const known = await fetch(url, { headers: { ...headers, "if-none-match": "*" } });
  expect([known.status, known.headers.get("link")]).toEqual([304, link]);
  const file = await fetch(`${url}/web/main-abc.js`, { headers });
  expect([file.headers.get("link"), file.headers.get("vary")]).toEqual([null, "Accept-Encoding"]);
});

test("HEAD is answered as GET is, without the file", async () => {
  const { status, headers, body } = await fetch(url, { method: "HEAD", headers: { "accept-encoding": "identity" } });
  expect([status, headers.get("content-length"), body]).toEqual([200, "400", null]);
});

test("other methods are refused, and files that are no more are not found", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const refused = await fetch(url, { method });
    expect([method, refused.status, refused.headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
  }
  const missing = await fetch(`${url}/web/main-former.js`);
  expect([missing.status, missing.headers.get("cache-control")]).toEqual([404, "no-store"]);
  expect((await fetch(`${url}/web/../web/%2e%2e/index.html`)).status).toBe(426);
});

test("what is no page of the site is left to the listener", async () => {
  for (const path of ["/favicon.ico", "/chat/", "/webs", "/index.html"])
    expect([path, (await fetch(url + path)).status]).toEqual([path, 426]);
});

test("a Host that is none becomes no path, and of a strange one nothing gets into the policy", async () => {
  for (const host of ["evil.example/web", "a b", "x;script-src *"]) {
    const { status } = await fetch(url, { headers: { host } }).catch(() => ({ status: 400 }));
    expect([host, status >= 400]).toEqual([host, true]);
  }
  for (const host of ["x'", "x;script-src", "x,y", "[::1]:8000"]) {
    const { headers } = await fetch(url, { headers: { host } });
    expect([host, headers.get("content-security-policy")]).toEqual([
      host,
      expect.stringContaining("; connect-src 'self'; "),
    ]);
  }
});

test("the policy lets the page reach this server and the store of files, and nobody frame it", async () => {
  const withMedia = serve({ mediaOrigins: ["https://s3.example.com"] });
  const { headers } = await fetch(withMedia);
  const policy = new Map(
    (headers.get("content-security-policy") ?? "").split("; ").map((directive) => {
      const [name = "", ...values] = directive.split(" ");
      return [name, values.join(" ")];
    }),
  );
  const host = new URL(withMedia).host;
  expect(Object.fromEntries(policy)).toEqual({
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": `'self' ws://${host} wss://${host} https://s3.example.com`,
    "img-src": "'self' blob: https://s3.example.com",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
  });
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
});

test("files that cannot be read are an error of the server, and are read again for the next request", async () => {
  let reads = 0;
  const mended = serve({
    files: () => (++reads === 1 ? Promise.reject(new Error("broken")) : Promise.resolve(files)),
  });
  expect((await fetch(mended)).status).toBe(500);
  expect((await fetch(mended)).status).toBe(200);
  expect((await fetch(mended)).status).toBe(200);
  expect(reads).toBe(2);
});

test("a server without a link gives no accounts, such as a gateway of a cluster", async () => {
  const refused = await fetch(`${url}/web/account`, { method: "POST", body: '{"secret":"x"}' });
  expect([refused.status, await refused.json()]).toEqual([403, { error: expect.stringContaining("no test accounts") }]);
});
