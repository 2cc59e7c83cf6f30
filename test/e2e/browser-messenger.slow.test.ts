// The messenger in a real browser, where there is one, against the real server.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { inPage } from "../support/browser-page.ts";
import { Messenger as Server } from "../support/messenger.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());

describe.skipIf(chromium === undefined)(
  chromium === undefined ? "a browser (skipped: there is no chromium on PATH)" : "a browser",
  () => {
    test(
      "two people exchange messages, and see edits, reads and the outbox",
      async () => {
        const seen = await inPage(`
          const connect = (token, device) =>
            Messenger.connect({ url: ${JSON.stringify(`ws://${server.ws}`)}, token, device });
          const alice = await connect(${JSON.stringify(await server.token("alice"))}, "page");
          const bob = await connect(${JSON.stringify(await server.token("bob"))}, "page");
          const timeline = await bob.conversation({ account: "alice" }).timeline();
          alice.conversation({ account: "bob" }).send({ body: "helo" });
          await until(() => timeline.messages.length === 1);
          await until(() => bob.conversations.unread === 1);
          await alice.edit(timeline.messages[0].id, { body: "hello" });
          await until(() => timeline.messages[0].isEdited);
          await bob.conversation({ account: "alice" }).markRead();
          await until(() => alice.conversation({ account: "bob" }).state?.peerReadId > 0n);
          const pages = [];
          for await (const { messages } of alice.conversation({ account: "bob" }).history())
            pages.push(messages.map(({ body }) => body));
          const unread = bob.conversations.unread;
          for (const client of [alice, bob]) await client.close();
          return { body: timeline.messages[0].body, pages, unread, pending: alice.pending().length };
        `);
        expect(seen).toEqual({ body: "hello", pages: [["hello"]], unread: 0, pending: 0 });
      },
      browserTestMsMax,
    );

    test(
      "two servers of one page have outboxes of their own",
      async () => {
        const seen = await inPage(`
          const connect = (url) =>
            Messenger.connect({ url, token: ${JSON.stringify(await server.token("dora"))}, device: "page" });
          const [one, other] = ["ws://${server.ws}", "ws://${server.ws}/?other"];
          const first = await connect(one);
          await first.close();
          first.conversation({ account: "robin" }).send({ body: "for the first one" });
          await new Promise((resolve) => setTimeout(resolve, 300));
          const second = await connect(other);
          const found = [second.pending().length];
          await second.close();
          const again = await connect(one);
          found.push(again.pending().length);
          await until(() => again.pending().length === 0);
          await again.close();
          return found;
        `);
        expect(seen).toEqual([0, 1]);
      },
      browserTestMsMax,
    );

    test(
      "a tab keeps its device and its outbox when it is reloaded, and another tab has a device of its own",
      async () => {
        const seen = await inPage(`
          const { device } = await claimTabDevice();
          const connect = (token, options) =>
            Messenger.connect({ url: ${JSON.stringify(`ws://${server.ws}`)}, token, ...options });
          const to = { account: "robin" };
          if (sessionStorage.getItem("device before") === null) {
            sessionStorage.setItem("device before", device);
            const carol = await connect(${JSON.stringify(await server.token("carol"))}, { device });
            // Offline, from here on.
            await carol.close();
            for (const body of ["one", "two", "three"]) carol.conversation(to).send({ body });
            await carol.discard(carol.pending(to)[1].clientId);
            await new Promise((resolve) => setTimeout(resolve, 300));
            location.reload();
            await new Promise(() => {});
          }
          // A tab that was duplicated has the session storage of the other one.
          const other = await claimTabDevice();
          const third = await claimTabDevice();
          third.release();
          const again = await claimTabDevice();
          const kicked = [];
          const on = { kicked: () => kicked.push("kicked") };
          const first = await connect(${JSON.stringify(await server.token("carol"))}, { device, on });
          const second = await connect(${JSON.stringify(await server.token("carol"))}, { device: other.device, on });
          await until(() => first.pending().length === 0);
          const bodies = [];
          for await (const { messages } of second.conversation(to).history())
            bodies.push(...messages.map(({ body }) => body));
          for (const client of [first, second]) await client.close();
          const before = sessionStorage.getItem("device before");
          return { before, device, others: [other.device, third.device, again.device], kicked, bodies };
        `);
        expect(seen).toEqual({
          before: "tab-1",
          device: "tab-1",
          others: ["tab-2", "tab-3", "tab-3"],
          kicked: [],
          bodies: ["one", "three"],
        });
      },
      browserTestMsMax,
    );
  },
);
