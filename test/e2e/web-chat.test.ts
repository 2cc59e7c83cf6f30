// The web chat of a running server: the link that it prints, what it gives, and what stays as it was.

import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { jwksText, publicJwk } from "../support/public-keys.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { TlsStage } from "./tls-stage.ts";

const folder = temporaryFolder("roost-web-chat-");
const stage = new TlsStage();
afterAll(() => stage.end());

const secretOf = (link: string): string => link.slice(link.indexOf("#link=") + "#link=".length);

/** What the page asks for with the link. */
async function account(link: string, wish: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  const { origin } = new URL(link);
  return fetch(`${origin}/web/account`, {
    method: "POST",
    headers: { "content-type": "application/json", origin, "sec-fetch-site": "same-origin", ...headers },
    body: JSON.stringify({ secret: secretOf(link), ...wish }),
  });
}

test("with the link of a start two people come in and talk; after the next start it is void", async () => {
  let server = await ServerProcess.start(folder);
  const { link } = server;
  try {
    const [ann, ben] = await Promise.all(
      ["ann", "ben"].map(async (name) => (await account(link, { account: name })).json()),
    );
    expect([ann.account, ann.app, ben.account]).toEqual(["ann", "demo", "ben"]);
    const heard = Promise.withResolvers<string>();
    const receiver = await RoostClient.connect({
      url: server.ws,
      token: ben.token,
      on: { message: ({ sender, body }) => heard.resolve(`${sender}: ${body}`) },
    });
    const sender = await RoostClient.connect({ url: server.ws, token: ann.token });
    await sender.talkToUser("ben", { body: "hello" });
    expect(await heard.promise).toBe("ann: hello");
    await Promise.all([sender.close(), receiver.close()]);
    expect((await account(`${link}x`)).status).toBe(403);
    expect((await account(link, {}, { "x-forwarded-for": "127.0.0.1" })).status).toBe(403);
    await server.end("SIGTERM");
    const port = new URL(link).host;
    server = await ServerProcess.start(folder, ["--ws", port]);
    expect(new URL(server.link).host).toBe(port);
    expect((await account(link)).status).toBe(403);
    expect((await account(server.link)).status).toBe(200);
    // The secret is in no log.
    const secrets = [link, server.link].map(secretOf);
    for (const secret of secrets) expect(server.log).not.toContain(secret);
  } finally {
    await server.end("SIGKILL");
  }
}, 60_000);

test("the page and its files are at the WebSocket listener, other paths answer 426", async () => {
  const server = await ServerProcess.start(folder, ["--data", "page"]);
  try {
    const { origin } = new URL(server.link);
    const html = await (await fetch(origin)).text();
    const references = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), ([, path = ""]) => path);
    expect(references.length).toBeGreaterThanOrEqual(3);
    for (const path of references) {
      const file = await fetch(new URL(path, `${origin}/`));
      expect([path, file.status, file.headers.get("cache-control")]).toEqual([
        path,
        200,
        "public, max-age=31536000, immutable",
      ]);
    }
    expect((await fetch(`${origin}/other`)).status).toBe(426);
  } finally {
    await server.end("SIGKILL");
  }
}, 60_000);

test("with --web off there is neither page nor link", async () => {
  const server = await ServerProcess.start(folder, ["--data", "off", "--web", "off"]);
  try {
    expect(server.link).toBe("");
    const origin = server.ws.replace("ws:", "http:");
    expect((await fetch(origin)).status).toBe(426);
    expect((await fetch(`${origin}/web/account`, { method: "POST", body: "{}" })).status).toBe(426);
  } finally {
    await server.end("SIGKILL");
  }
  expect((await run(["--web", "maybe"], folder)).err).toContain("--web");
}, 60_000);

test("with TLS the link and the page are https://, and a page of http:// is a foreign one", async () => {
  const { server } = await stage.start();
  const { link } = server;
  expect(link).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/#link=/);
  const tls = { ca: stage.ca };
  const { origin, host } = new URL(link);
  const page = await fetch(origin, { tls });
  expect([page.status, page.headers.get("content-security-policy")]).toEqual([
    200,
    expect.stringContaining(` wss://${host}`),
  ]);
  const body = JSON.stringify({ secret: secretOf(link) });
  for (const [sender, status] of [
    [origin, 200],
    [origin.replace("https:", "http:"), 403],
  ] as const) {
    const headers = { "content-type": "application/json", origin: sender };
    const { status: answered } = await fetch(`${origin}/web/account`, { method: "POST", headers, body, tls });
    expect([sender, answered]).toEqual([sender, status]);
  }
}, 60_000);

test("where an identity provider signs the tokens of the app there is no link, but the page", async () => {
  const [keys, secret] = ["keys.json", "issuer-secret"].map((name) => join(folder, name));
  writeFileSync(keys ?? "", jwksText(publicJwk("ES256", { kid: "one" })), { mode: 0o600 });
  const line = `[demo] jwks=${keys} issuer=https://id.example.com/ audience=roost`;
  writeFileSync(secret ?? "", `a secret for all other apps\n${line}\n`, { mode: 0o600 });
  const server = await ServerProcess.start(folder, ["--data", "issuer", "--secret-file", secret ?? ""]);
  try {
    expect(server.link).toBe("");
    expect((await fetch(server.ws.replace("ws:", "http:"))).status).toBe(200);
  } finally {
    await server.end("SIGKILL");
  }
}, 60_000);

test("through a proxy that cuts off a prefix, the page finds its files, and gives no accounts", async () => {
  const server = await ServerProcess.start(folder, ["--data", "prefix"]);
  const { origin } = new URL(server.link);
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith("/chat/")) return new Response("not here", { status: 404 });
      const headers = new Headers(request.headers);
      headers.set("host", new URL(origin).host);
      headers.set("x-forwarded-for", "192.0.2.1");
      const { method, body } = request;
      return fetch(origin + pathname.slice("/chat".length), { method, body, headers, decompress: false });
    },
  });
  try {
    const place = `http://127.0.0.1:${proxy.port}/chat/`;
    const html = await (await fetch(place)).text();
    for (const [, path = ""] of html.matchAll(/(?:src|href)="([^"]*)"/g)) {
      const file = await fetch(new URL(path, place));
      expect([path, file.status]).toEqual([path, 200]);
      await file.bytes();
    }
    const refused = await fetch(`${place}web/account`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ secret: secretOf(server.link) }),
    });
    expect([refused.status, (await refused.json()).error]).toEqual([403, expect.stringContaining("through a proxy")]);
  } finally {
    await Promise.all([server.end("SIGKILL"), proxy.stop(true)]);
  }
}, 60_000);

test("a gateway of a cluster serves the page, lets it reach the store of files, and gives no accounts", async () => {
  const media = "s3://bucket/files?endpoint=https://s3.example.com:9443";
  const cluster = await ClusterStage.start({}, { words: { gateway: ["--media", media] } });
  try {
    const [gateway] = cluster.cluster.gateways;
    const origin = `http://${gateway?.ws}`;
    const page = await fetch(origin);
    expect([page.status, page.headers.get("content-security-policy")]).toEqual([
      200,
      expect.stringMatching(/connect-src [^;]* https:\/\/s3\.example\.com:9443; img-src [^;]* https:\/\/s3\.example/),
    ]);
    const refused = await account(`${origin}/#link=${"x".repeat(43)}`);
    expect([refused.status, (await refused.json()).error]).toEqual([403, expect.stringContaining("no test accounts")]);
  } finally {
    await cluster.close();
  }
}, 60_000);
