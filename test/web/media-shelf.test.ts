// The pictures of messages that the page has downloaded.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { MediaShelf } from "../../src/web/state/media.ts";
import { device } from "../sdk/messenger/support.ts";
import { Messenger as Server } from "../support/messenger.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start({ media: { kind: "folder" } });
});
afterAll(() => server.stop());

test("a picture that is asked for twice at the same time keeps its address", async () => {
  const { client } = await device(server, "ann", "one", { transport: "ws" });
  const shelf = new MediaShelf(client);
  // A PNG of 1 by 1, as far as its head says.
  const head = Buffer.from("89504e470d0a1a0a0000000d4948445200000001000000010806000000", "hex");
  const file = await shelf.files.upload(new Blob([head]), { name: "dot.png", type: "image/png" });
  const { id: messageId } = await client.talkToUser("bob", { body: "", media: [file] });
  const urls = await Promise.all([0, 1].map(() => shelf.picture({ messageId, file })));
  expect([...urls, shelf.known(file)]).toEqual([urls[0], urls[0], urls[0]]);
  expect((await fetch(urls[0] ?? "")).status).toBe(200);
  shelf.close();
});
