// Nothing that the application or its network leaves without an answer keeps a client offline, or from ending.

import { afterEach, describe, expect, test } from "bun:test";
import { Disconnected, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import type { Environment } from "../../src/sdk/environment.ts";
import { Command } from "../../src/wire/commands.ts";
import { LoginRenewReqSchema, LoginRenewRespSchema, LoginRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { connecting as connectingWith, endAll, peerOn } from "./support.ts";

afterEach(endAll);

const never = (): Promise<never> => new Promise<never>(() => undefined);

/** A client on manual timers and what it said of its connection. */
const connecting = (options: Partial<ClientOptions>, environment: Partial<Environment> = {}) =>
  connectingWith(options, environment, (events) => ({
    online: () => events.push("online"),
    offline: ({ reason, returnsInMs }) => events.push(`offline ${reason.text}; ${returnsInMs ?? "for good"}`),
  }));

/** A token callback as plain JavaScript may write it. */
function scripted(...answers: (() => unknown)[]): () => Promise<string> {
  const answer = (): unknown => (answers.length > 1 ? answers.shift() : answers[0])?.();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing keeps an application from it
  return answer as () => Promise<string>;
}
const good = (): Promise<string> => Promise.resolve("a good token");

describe("a token callback", () => {
  test("that never answers is given up after 30 s: connect rejects with a sentence", async () => {
    const { client, timers } = connecting({ url: peerOn("ws").url, token: never });
    await Bun.sleep(0);
    timers.advance(29_999);
    expect(timers.pending).toBe(1);
    timers.advance(1);
    await expect(client).rejects.toThrow("token() has not answered within 30 s");
    expect(timers.pending).toBe(0);
  });

  test("that never answers at a return is asked again, and what it says too late counts for nothing", async () => {
    const peer = peerOn("ws");
    const late = Promise.withResolvers<string>();
    const { client, timers, events } = connecting({ url: peer.url, token: scripted(good, () => late.promise, good) });
    await client;
    peer.latest.end();
    await until(() => events.length === 2, "the end");
    timers.advance(250);
    await Bun.sleep(0);
    timers.advance(30_000);
    await until(() => events.length === 3, "the failure");
    expect(events[2]).toBe("offline no token: token() has not answered within 30 s; 500");
    late.resolve("a late token");
    await Bun.sleep(5);
    timers.advance(500);
    await until(() => events.length === 4, "the return");
    expect([events[3], peer.tokens]).toEqual(["online", ["a good token", "a good token"]]);
  });

  test("that never answers does not keep the client from ending at once", async () => {
    const first = connecting({ url: peerOn("ws").url, token: never, retry: true });
    await Bun.sleep(0);
    first.stop.abort();
    await expect(first.client).rejects.toBeInstanceOf(Disconnected);
    expect(first.timers.pending).toBe(0);

    const peer = peerOn("ws");
    const { client, timers, events } = connecting({ url: peer.url, token: scripted(good, never) });
    const connected = await client;
    peer.latest.end();
    await until(() => events.length === 2, "the end");
    timers.advance(250);
    await Bun.sleep(0);
    await connected.close();
    expect([events.at(-1)?.endsWith("for good"), timers.pending]).toEqual([true, 0]);
  });

  test("that never answers a renewal is asked again 30 s later", async () => {
    const peer = peerOn("tcp");
    const renewed: string[] = [];
    peer.on(Command.SignIn, (request) =>
      request.respond(LoginRespSchema, { account: "alice", channelId: "c", features: ["renew"] }),
    );
    peer.on(Command.Renew, (request) => {
      renewed.push(request.body(LoginRenewReqSchema).token);
      request.respond(LoginRenewRespSchema, { expiresAt: 1n });
    });
    const iat = Math.floor(Date.now() / 1000);
    const token = `e30.${Buffer.from(JSON.stringify({ iat, exp: iat + 10 })).toString("base64url")}.x`;
    const { client, timers } = connecting({ url: peer.url, token: scripted(async () => token, never, good) });
    await client;
    for (let ms = 0; ms < 70_000; ms += 2_000) {
      timers.advance(2_000);
      await (await client).acknowledge(1n);
    }
    expect(renewed).toEqual(["a good token"]);
  });

  const rubbish: readonly (readonly [string, () => unknown, string])[] = [
    [
      "throws",
      () => {
        throw new Error("no network");
      },
      "no network",
    ],
    ["rejects", () => Promise.reject(new Error("no network")), "no network"],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- anything can be thrown
    [
      "rejects with what has no text",
      () => Promise.reject(Object.create(null)),
      "a value without a string representation was thrown",
    ],
    ["returns nothing", () => undefined, "token() returned undefined instead of a string"],
    ["resolves with null", () => Promise.resolve(null), "token() returned null instead of a string"],
    ["resolves with an object", () => Promise.resolve({ token: "x" }), "token() returned object instead of a string"],
    ["resolves with an empty text", () => Promise.resolve(""), "token() returned an empty string"],
  ];
  for (const [what, answer, sentence] of rubbish)
    test(`that ${what} fails the try with a sentence, and is asked again`, async () => {
      const url = peerOn("ws").url;
      await expect(connecting({ url, token: scripted(answer) }).client).rejects.toThrow(sentence);
      const { client, timers, events } = connecting({ url, token: scripted(answer, good), retry: true });
      await until(() => events.length === 1, "the failure");
      expect(events[0]).toBe(`offline no token: ${sentence}; 250`);
      timers.advance(250);
      expect((await client).isOnline).toBe(true);
    });

  test("that returns a text and no promise is as good", async () => {
    const { client } = connecting({ url: peerOn("ws").url, token: scripted(() => "a token") });
    expect((await client).isOnline).toBe(true);
  });
});

describe("a WebSocket whose package is never loaded", () => {
  test("costs a try its time limit, and does not keep the client from ending at once", async () => {
    const given = connecting({ url: "ws://127.0.0.1:1" }, { openWebSocket: never });
    await until(() => given.timers.pending > 0, "the try");
    given.timers.advance(10_000);
    await expect(given.client).rejects.toBeInstanceOf(RequestTimedOut);
    const stopped = connecting({ url: "ws://127.0.0.1:1", retry: true }, { openWebSocket: never });
    await until(() => stopped.timers.pending > 0, "the try");
    stopped.stop.abort();
    await expect(stopped.client).rejects.toBeInstanceOf(Disconnected);
    expect(stopped.timers.pending).toBe(0);
  });
});

describe("a node of the registry that never answers", () => {
  const naming = (url: string): string => JSON.stringify({ domains: [url] });

  test("is given up after 5 s, whatever HTTP does; then `url` counts", async () => {
    const peer = peerOn("ws");
    const { client, timers } = connecting({ lookup: "http://silent", url: peer.url }, { getText: never });
    await until(() => timers.pending > 0, "the question");
    timers.advance(5_000);
    expect((await client).isOnline).toBe(true);
    const alone = connecting({ lookup: "http://silent" }, { getText: never });
    await until(() => alone.timers.pending > 0, "the question");
    alone.timers.advance(5_000);
    await expect(alone.client).rejects.toThrow("http://silent names no gateway: no answer within 5 s");
  });

  test("does not keep the client from ending at once", async () => {
    const signals: AbortSignal[] = [];
    const getText = (_: string, signal: AbortSignal): Promise<string> => (signals.push(signal), never());
    const { client, timers, stop } = connecting({ lookup: ["http://a", "http://b"], retry: true }, { getText });
    await until(() => timers.pending > 0, "the question");
    stop.abort();
    await expect(client).rejects.toBeInstanceOf(Disconnected);
    expect([timers.pending, signals.map(({ aborted }) => aborted)]).toEqual([0, [true]]);
  });

  test("costs the next one's head start, once: at the return the others are asked first", async () => {
    const peer = peerOn("ws");
    const asked: string[] = [];
    const getText = (url: string): Promise<string> => {
      const { host } = new URL(url);
      asked.push(host);
      return host === "good" ? Promise.resolve(naming(peer.url)) : never();
    };
    const lookup = ["http://dead", "http://deaf", "http://good"];
    const { client, timers, events } = connecting({ lookup }, { getText });
    for (let at = 1; at < 3; at++) {
      await until(() => asked.length === at, "the question");
      timers.advance(399);
      expect(asked.length).toBe(at);
      timers.advance(1);
    }
    await client;
    expect(asked.splice(0)).toEqual(["dead", "deaf", "good"]);
    peer.latest.end();
    await until(() => events.length === 2, "the end");
    timers.advance(250);
    await until(() => peer.connections.length === 2, "the return");
    expect(asked).toEqual(["good"]);
  });
});
