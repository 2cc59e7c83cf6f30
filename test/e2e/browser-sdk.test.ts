// The client library in a real browser, where there is one: a page that this test serves signs in, talks, and posts what
// it saw back.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, MessageRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";

const chromium = Bun.which("chromium");
const waitMs = 30_000;

const pageScript = (serverUrl: string): string => `
  import { RoostClient } from "/sdk/roost-client.js";
  const seen = [];
  const report = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
  try {
    const client = await RoostClient.connect({
      url: ${JSON.stringify(serverUrl)},
      token: "a token",
      on: { message: ({ id, body, isOffline }) => seen.push([String(id), body, isOffline]) },
    });
    const stored = await client.talkToUser("bob", { body: "from a browser" });
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await client.close();
    await report({ account: client.account, stored: String(stored.id), seen });
  } catch (error) {
    await report({ error: String(error) });
  }
`;

test.skipIf(chromium === null)(
  chromium === null
    ? "a browser signs in, talks and receives (skipped: there is no chromium on PATH)"
    : "a browser signs in, talks and receives",
  async () => {
    if (chromium === null) return;
    const peer = ScriptedPeer.start("ws");
    peer.received.push(1n);
    peer.on(Command.UserTalk, (request) => {
      expect(request.body(MessageReqSchema).body).toBe("from a browser");
      request.respond(MessageRespSchema, { messageId: 2n ** 62n });
      request.connection.message("alice", 2n, 1n);
    });
    const { outputs } = await Bun.build({
      entrypoints: [join(import.meta.dir, "../../src/sdk/roost-client.ts")],
      target: "browser",
      splitting: true,
    });
    const scripts = new Map(outputs.map((output) => [`/sdk/${output.path.replace(/^.*\//, "")}`, output]));
    const { promise: result, resolve } = Promise.withResolvers<unknown>();
    const site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        const { pathname } = new URL(request.url);
        const script = scripts.get(pathname);
        if (script !== undefined)
          return new Response(await script.text(), { headers: { "content-type": "text/javascript" } });
        if (pathname === "/result") {
          resolve(await request.json());
          return new Response("thanks");
        }
        if (pathname !== "/") return new Response("", { status: 404 });
        const page = `<!doctype html><title>sdk</title><script type="module">${pageScript(peer.url)}</script>`;
        return new Response(page, { headers: { "content-type": "text/html" } });
      },
    });
    const profile = mkdtempSync(join(tmpdir(), "roost-browser-"));
    const browser = Bun.spawn(
      [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        `--user-data-dir=${profile}`,
        "--remote-debugging-port=0",
        `http://127.0.0.1:${site.port}/`,
      ],
      { stdout: "ignore", stderr: "ignore" },
    );
    try {
      const ended = browser.exited.then((code) => ({ error: `the browser ended with ${code}` }));
      expect(await Promise.race([result, ended])).toEqual({
        account: "alice",
        stored: String(2n ** 62n),
        seen: [
          ["1", "body 1", true],
          ["2", "body 2", false],
        ],
      });
    } finally {
      browser.kill();
      await browser.exited;
      await site.stop(true);
      await peer.stop();
      rmSync(profile, { recursive: true, force: true });
    }
  },
  waitMs,
);
