// A client asks a registry for the gateways, and keeps to its URLs when the registry's answer is unusable.

import { afterEach, describe, expect, test } from "bun:test";
import { Disconnected } from "../../src/sdk/client-errors.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, endAll, peerOn } from "./support.ts";
import { deadUrl, connecting, connected } from "./several-servers.ts";

afterEach(endAll);

describe("lookup", () => {
  /** A registry that answers with what a test says, and whom it was asked by. */
  function registry(answer: () => Response) {
    const asked: string[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) => {
        asked.push(url);
        return answer();
      },
    });
    afterwards(() => server.stop(true));
    return { lookup: `http://127.0.0.1:${server.port}`, asked };
  }
  const naming = (...domains: unknown[]) => Response.json({ utc: 1, location: "", domains });

  test("names the gateways, and is asked again at each return", async () => {
    const [one, other] = [peerOn("ws"), peerOn("ws")];
    let domains = [one.url];
    const { lookup, asked } = registry(() => naming(...domains));
    const { timers, events, client } = await connected({ lookup });
    expect(one.connections.length).toBe(1);
    domains = [other.url];
    await one.stop();
    await until(() => events.at(-1)?.startsWith("offline") === true, "the end");
    timers.advance(500);
    await until(() => other.connections.length === 1, "the return");
    await until(() => client.isOnline, "the sign-in");
    expect(asked.length).toBe(2);
    expect(asked[0]).toBe(asked[1] ?? "");
    // No token: what stands in an address is logged everywhere.
    expect(asked[0]).toMatch(/\/api\/lookup\/[0-9a-f-]{36}\?scheme=ws,wss$/);
  });

  test("that names first whom the connection was lost to: the others are tried before it", async () => {
    const [one, other] = [peerOn("ws"), peerOn("ws")];
    const { lookup } = registry(() => naming(one.url, other.url));
    const { timers, events } = await connected({ lookup });
    one.latest.end();
    await until(() => events.at(-1)?.startsWith("offline") === true, "the end");
    timers.advance(500);
    await until(() => other.connections.length === 1, "the return");
    expect(one.connections.length).toBe(1);
  });

  const rubbish: readonly (readonly [string, () => Response])[] = [
    ["no JSON", () => new Response("<html>")],
    ["null", () => new Response("null")],
    ["no list", () => Response.json({ domains: "ws://127.0.0.1:1" })],
    ["no URL", () => naming(1, null, {}, "", "http://127.0.0.1:1", "javascript:alert(1)", "ws://", "ws://[", "ws:x")],
    ["an endless list of nothing", () => naming(...Array.from({ length: 5_000 }, () => "x"))],
    ["503", () => Response.json({ reason: "no gateway is up" }, { status: 503 })],
    ["too much", () => new Response(" ".repeat(100_000))],
    [
      "an endless body",
      () =>
        new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384).fill(32)) })),
    ],
  ];
  for (const [what, answer] of rubbish)
    test(`that answers with ${what} counts as none: the next one is asked, then the URLs count`, async () => {
      const peer = peerOn("ws");
      const bad = registry(answer);
      const good = registry(() => naming(peer.url));
      await connected({ lookup: [bad.lookup, good.lookup] });
      expect([bad.asked.length, good.asked.length]).toEqual([1, 1]);
      await connected({ lookup: bad.lookup, url: peer.url });
      const ended = await connecting({ lookup: bad.lookup }).client.catch((error: unknown) => error);
      expect(ended).toBeInstanceOf(Disconnected);
      expect(String(ended)).toContain(`${bad.lookup} names no gateway: `);
    });

  test("that is away later leaves what it said last", async () => {
    const peer = peerOn("ws");
    let isAway = false;
    const { lookup } = registry(() => (isAway ? new Response("", { status: 500 }) : naming(peer.url)));
    const { timers, events } = await connected({ lookup });
    isAway = true;
    peer.latest.end();
    await until(() => events.at(-1)?.startsWith("offline") === true, "the end");
    timers.advance(500);
    await until(() => peer.connections.length === 2, "the return");
  });

  test("that names a thousand gateways names sixteen", async () => {
    const dead = await deadUrl("ws");
    const { lookup } = registry(() => naming(...Array.from({ length: 1_000 }, (_, at) => `${dead}/${at}`)));
    let opened = 0;
    const openWebSocket = (url: string): WebSocket => (opened++, new WebSocket(url));
    const { client, timers, events } = connecting({ lookup }, { openWebSocket });
    await until(() => {
      timers.advance(0);
      return events.at(-1)?.endsWith("for good") === true;
    }, "the end");
    await expect(client).rejects.toBeInstanceOf(Disconnected);
    expect([opened, events.length]).toEqual([16, 1]);
  });

  test("neither a URL nor a registry: connect says so", async () => {
    await expect(connecting({}).client).rejects.toThrow("no server is named: give `url` or `lookup`");
  });
});
