// Which trays the page keeps: a tray keeps its conversation, and that one its messages.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { MediaShelf } from "../../src/web/state/media.ts";
import { device } from "../sdk/messenger/support.ts";
import { Messenger as Server } from "../support/messenger.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start({ media: { kind: "folder" } });
});
afterAll(() => server.stop());

test("what was chosen for a conversation stays while others are open; a tray with nothing in it does not", async () => {
  const { client } = await device(server, "ann", "one", { transport: "ws" });
  const shelf = new MediaShelf(client);
  const [empty, full] = [shelf.trayOf("u:ben"), shelf.trayOf("u:cy")];
  full.add([new File(["x"], "x")]);
  expect(shelf.trayOf("u:dan").items.value).toEqual([]);
  expect(shelf.trayOf("u:cy")).toBe(full);
  expect(shelf.trayOf("u:ben")).not.toBe(empty);
  shelf.close();
});
