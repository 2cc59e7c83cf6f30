// What an application asks of files before, and hears of them while, it sends some.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Files } from "../../../src/sdk/media/files.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { device } from "../messenger/support.ts";

let server: Server;
let without: Server;
beforeAll(async () => {
  server = await Server.start({ media: { kind: "folder" } });
  without = await Server.start();
});
afterAll(() => Promise.all([server.stop(), without.stop()]));

test("whether a server keeps files is known before one is sent", async () => {
  for (const [at, isKept] of [
    [server, true],
    [without, false],
  ] as const) {
    const { client } = await device(at, "ann", "one", { transport: "ws" });
    expect(await new Files(client).areKept()).toBe(isKept);
  }
});

test("an upload tells how much was sent, and ends with its signal", async () => {
  const { client } = await device(server, "bob", "one", { transport: "ws" });
  const files = new Files(client);
  const sent: number[] = [];
  await files.upload(new Blob(["12345"]), { onProgress: (bytes) => sent.push(bytes) });
  expect(sent).toEqual([5]);
  const signal = AbortSignal.abort(new Error("not wanted"));
  await expect(files.upload(new Blob(["12345"]), { signal, onProgress: () => undefined })).rejects.toThrow(
    "not wanted",
  );
});
