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
  },
);
