// What a registry that misbehaves costs: a bounded time and a bounded text.

import { afterEach, expect, test } from "bun:test";
import { getText, textBytesMax } from "../../src/sdk/get-text.ts";

const running: { stop(force: boolean): unknown }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop(true);
});

function serving(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: answer });
  running.push(server);
  return `http://127.0.0.1:${server.port}/`;
}

/** A body that begins and never ends; `chunkBytes` 0: nothing comes after its beginning. */
const endless = (chunkBytes: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: async (controller) => {
      if (chunkBytes === 0) await new Promise(() => undefined);
      controller.enqueue(new Uint8Array(chunkBytes));
    },
  });

test("a text of the greatest length comes whole, and one byte more is refused", async () => {
  const url = serving(({ url: asked }) => new Response("ä".repeat(textBytesMax / 2) + new URL(asked).search.slice(1)));
  expect(await getText(url, AbortSignal.timeout(10_000))).toBe("ä".repeat(textBytesMax / 2));
  await expect(getText(`${url}?x`, AbortSignal.timeout(10_000))).rejects.toThrow(
    `its answer is longer than ${textBytesMax} bytes`,
  );
});

test("a body without end is refused at that length", async () => {
  const url = serving(() => new Response(endless(8_192)));
  await expect(getText(url, AbortSignal.timeout(30_000))).rejects.toThrow("its answer is longer");
});

test("an answer that does not come, or does not go on, is given up in time", async () => {
  const silent = serving(() => new Promise<Response>(() => undefined));
  const stalled = serving(() => new Response(endless(0)));
  for (const url of [silent, stalled])
    await expect(getText(url, AbortSignal.timeout(100))).rejects.toMatchObject({ name: "TimeoutError" });
});

test("another status than 2xx is a failure, and nobody listening, too", async () => {
  const url = serving(() => new Response("no gateway is up", { status: 503 }));
  await expect(getText(url, AbortSignal.timeout(10_000))).rejects.toThrow("it answered with status 503");
  running.splice(0).map((server) => server.stop(true));
  await expect(getText(url, AbortSignal.timeout(10_000))).rejects.toThrow();
});
