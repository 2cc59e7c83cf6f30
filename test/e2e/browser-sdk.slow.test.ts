// The client library in a real browser, where there is one: a page signs in, talks, comes back, and reports what it
// saw.

import { afterEach, describe, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, MessageRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { endAll, TestNode } from "../registry/http/support.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { inPage } from "../support/browser-page.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";

const peers: ScriptedPeer[] = [];

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
  await endAll();
});

function startPeer(): ScriptedPeer {
  const peer = ScriptedPeer.start("ws");
  peers.push(peer);
  return peer;
}

/** The URL of a server that has gone. */
async function deadUrl(): Promise<string> {
  const peer = ScriptedPeer.start("ws");
  await peer.stop();
  return peer.url;
}

const text = (value: unknown): string => JSON.stringify(value);

describe.skipIf(chromium === undefined)(
  chromium === undefined ? "a browser (skipped: there is no chromium on PATH)" : "a browser",
  () => {
    test(
      "signs in, talks and receives",
      async () => {
        const peer = startPeer();
        peer.received.push(1n);
        peer.on(Command.UserTalk, (request) => {
          expect(request.body(MessageReqSchema).body).toBe("from a browser");
          request.respond(MessageRespSchema, { messageId: 2n ** 62n });
          request.connection.message("alice", 2n, 1n);
        });
        const seen = await inPage(`
          const seen = [];
          const client = await RoostClient.connect({
            url: ${text(peer.url)},
            token: "a token",
            on: { message: ({ id, body, isOffline }) => seen.push([String(id), body, isOffline]) },
          });
          const stored = await client.talkToUser("bob", { body: "from a browser" });
          await until(() => seen.length >= 2);
          await client.close();
          return { account: client.account, stored: String(stored.id), seen };
        `);
        expect(seen).toEqual({
          account: "alice",
          stored: String(2n ** 62n),
          seen: [
            ["1", "body 1", true],
            ["2", "body 2", false],
          ],
        });
      },
      browserTestMsMax,
    );

    for (const event of ["online", "visibilitychange"])
      test(
        `that fires ${event} finds out at once that its connection leads nowhere, and makes another one`,
        async () => {
          const peer = startPeer();
          const seen = await inPage(
            `
            const events = [];
            const client = await RoostClient.connect({
              url: ${text(peer.url)},
              token: "a token",
              // Neither a heartbeat nor a request finds it out within the time of this test.
              heartbeatMs: 50_000,
              on: {
                synced: () => events.push("synced"),
                offline: ({ reason }) => events.push("offline " + reason.code),
                online: () => events.push("online"),
              },
            });
            await until(() => events.includes("synced"));
            await tell("silence");
            ${event === "online" ? "window" : "document"}.dispatchEvent(new Event(${text(event)}));
            await until(() => events.includes("offline 1006"));
            await tell("speech");
            await until(() => events.at(-1) === "synced");
            await client.close();
            return [document.visibilityState, ...events];
            `,
            (what) => void (peer.answersHeartbeats = what === "speech"),
          );
          const lives = ["online", "synced", "offline 1006", "online", "synced", "offline 1000"];
          expect(seen).toEqual(["visible", ...lives]);
          expect([peer.connections.length, peer.heartbeats]).toEqual([2, 1]);
        },
        browserTestMsMax,
      );

    test(
      "passes over a server that is away, and asks a registry of another site for one",
      async () => {
        const peer = startPeer();
        const node = await TestNode.start();
        const dead = await deadUrl();
        const gateway = (hostname: string, domain: string) =>
          node.register({ appid: "wgateway", hostname, addrs: domain, metadata: text({ domain }) });
        await gateway("g1", dead);
        await gateway("g2", peer.url);
        await gateway("g3", "tcp://127.0.0.1:1");
        const accounts = await inPage(`
          const accounts = [];
          for (const where of [{ url: ${text([dead, peer.url])} }, { lookup: ${text(node.url)} }]) {
            const client = await RoostClient.connect({ ...where, token: "a token" });
            accounts.push(client.account);
            await client.close();
          }
          return accounts;
        `);
        expect(accounts).toEqual(["alice", "alice"]);
      },
      browserTestMsMax,
    );
  },
);
