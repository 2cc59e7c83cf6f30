// How a client comes back: over connections that have died unnoticed, to the server that is left, by what a registry
// says.

import { afterEach, describe, expect, test } from "bun:test";
import { Disconnected, RequestRefused } from "../../src/sdk/client-errors.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import type { Environment } from "../../src/sdk/environment.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, connecting as connectingWith, endAll, peerOn } from "./support.ts";

afterEach(endAll);

/** The URL of a server that has gone. */
async function deadUrl(transport: "ws" | "tcp" = "ws"): Promise<string> {
  const peer = ScriptedPeer.start(transport);
  await peer.stop();
  return peer.url;
}

/** It refuses every sign-in, as a gateway of another cluster does. */
function otherCluster(): ScriptedPeer {
  const peer = peerOn("ws");
  peer.on(Command.SignIn, (request) => {
    request.refuse(Status.Unauthorized, "signed by another key");
    request.connection.end({ code: 4003, text: "unauthorised" });
  });
  return peer;
}

/** A client on manual timers and what it said of its connection. */
const connecting = (options: Partial<ClientOptions>, environment: Partial<Environment> = {}) =>
  connectingWith(options, environment, (events) => ({
    online: () => events.push("online"),
    offline: ({ reason, returnsInMs }) => events.push(`offline ${reason.code} ${returnsInMs ?? "for good"}`),
    synced: () => events.push("synced"),
  }));

async function connected(options: Partial<ClientOptions>, environment: Partial<Environment> = {}) {
  const made = connecting(options, environment);
  const client = await made.client;
  await until(() => made.events.includes("synced"), "the sync");
  return { ...made, client };
}

/** Takes everything and answers nothing, as a network does that leads nowhere. */
function fallSilent(peer: ScriptedPeer): void {
  peer.answersHeartbeats = false;
  for (const command of [Command.UserTalk, Command.SignIn]) peer.on(command, () => undefined);
}

for (const transport of ["ws", "tcp"] as const) {
  describe(`a dead connection over ${transport}`, () => {
    test("costs a talk 6 s: it is stored over a new one", async () => {
      const peer = peerOn(transport);
      const signIn = peer.scriptOf(Command.SignIn);
      const { client, timers, events } = await connected({ url: peer.url });
      fallSilent(peer);
      const talking = client.talkToUser("bob", { body: "hello" });
      await Bun.sleep(0);
      timers.advance(5_999);
      expect(client.isOnline).toBe(true);
      timers.advance(1);
      expect(events.at(-1)).toBe("offline 1006 250");
      peer.on(Command.SignIn, signIn);
      peer.on(Command.UserTalk, (request) => request.respond(MessageRespSchema, { messageId: 7n }));
      timers.advance(250);
      await until(() => client.isOnline, "the return");
      timers.advance(250);
      expect((await talking).id).toBe(7n);
    });

    test("is found out 3 s after reconnect()", async () => {
      const peer = peerOn(transport);
      const { client, timers, events } = await connected({ url: peer.url });
      fallSilent(peer);
      client.reconnect();
      timers.advance(2_999);
      expect(client.isOnline).toBe(true);
      timers.advance(1);
      expect(events.at(-1)).toBe("offline 1006 250");
    });

    test("reconnect() keeps a connection that answers", async () => {
      const peer = peerOn(transport);
      const { client, timers } = await connected({ url: peer.url });
      client.reconnect();
      await until(() => peer.heartbeats === 1, "the ping");
      // Its answer comes before this one.
      await client.members("g");
      timers.advance(10_000);
      expect([client.isOnline, peer.connections.length]).toEqual([true, 1]);
    });
  });
}

test("reconnect() ends a wait at once, but for a second one within a second", async () => {
  const peer = peerOn("ws");
  const { client, timers, events } = await connected({ url: peer.url });
  peer.latest.end({ code: 1012, text: "server is leaving; 60000" });
  await until(() => events.includes("offline 1012 30000"), "the end");
  client.reconnect();
  await until(() => peer.connections.length === 2, "the return");
  await until(() => client.isOnline, "the sign-in");
  peer.latest.end();
  await until(() => events.at(-1)?.startsWith("offline 1006") === true, "the second end");
  client.reconnect();
  await Bun.sleep(20);
  expect(peer.connections.length).toBe(2);
  timers.advance(1_000);
  await until(() => peer.connections.length === 3, "the return after the usual wait");
});

test("reconnect() gives a sign-in under way 3 s more, however often it is called", async () => {
  const peer = peerOn("ws");
  const { client, timers, events } = await connected({ url: peer.url });
  let signIns = 0;
  peer.on(Command.SignIn, () => void signIns++);
  peer.latest.end();
  await until(() => events.at(-1) === "offline 1006 250", "the end");
  timers.advance(250);
  await until(() => signIns === 1, "the sign-in");
  for (let at = 0; at < 3; at++) {
    client.reconnect();
    timers.advance(999);
  }
  expect(events.at(-1)).toBe("offline 1006 250");
  timers.advance(3);
  expect(events.at(-1)).toBe("offline 1006 500");
});

test("too many devices are no reason to stay away: one of them may leave", async () => {
  const peer = peerOn("ws");
  const signIn = peer.scriptOf(Command.SignIn);
  const { timers, events } = await connected({ url: peer.url });
  peer.on(Command.SignIn, (request) => request.refuse(Status.Forbidden, "signed in on 16 devices"));
  peer.latest.end();
  await until(() => events.at(-1) === "offline 1006 250", "the end");
  timers.advance(250);
  await until(() => events.at(-1) === "offline 4008 500", "the refusal");
  peer.on(Command.SignIn, signIn);
  timers.advance(500);
  await until(() => peer.connections.length === 2, "the return");
  // At the start it is the application's to decide.
  peer.on(Command.SignIn, (request) => request.refuse(Status.Forbidden, "signed in on 16 devices"));
  await expect(connecting({ url: peer.url }).client).rejects.toThrow("signed in on 16 devices");
});

test("what watches the network doubts the connection, until the client ends", async () => {
  const peer = peerOn("ws");
  let doubt: (() => void) | undefined;
  const watchNetwork = (told: () => void) => {
    doubt = told;
    return () => void (doubt = undefined);
  };
  const { client } = await connected({ url: peer.url }, { watchNetwork });
  doubt?.();
  await until(() => peer.heartbeats === 1, "the ping");
  await client.close();
  expect(doubt).toBeUndefined();
});

test("a heartbeat goes out as often as the application wants, within bounds", async () => {
  const peer = peerOn("ws");
  const { timers } = await connected({ url: peer.url, heartbeatMs: 1_000 });
  timers.advance(1_000);
  await until(() => peer.heartbeats === 1, "the heartbeat");
  for (const heartbeatMs of [0, 999, 50_001, NaN])
    await expect(connecting({ url: peer.url, heartbeatMs }).client).rejects.toBeInstanceOf(RangeError);
});

test("the wall clock does not matter: a day off, a day on", async () => {
  const peer = peerOn("ws");
  const now = Date.now;
  try {
    Date.now = () => now() + 86_400_000;
    const { client, timers, events } = await connected({ url: peer.url });
    Date.now = () => now() - 86_400_000;
    timers.advance(20_000);
    await client.members("g");
    expect(client.isOnline).toBe(true);
    peer.latest.end();
    await until(() => events.at(-1) === "offline 1006 250", "the end");
    timers.advance(250);
    await until(() => client.isOnline, "the return");
  } finally {
    Date.now = now;
  }
});

test("a platform that tells of an error and of no end (Node 22) costs a try 100 ms", async () => {
  const url = await deadUrl();
  const openWebSocket = (): WebSocket => {
    const socket = new WebSocket(url);
    Object.defineProperty(socket, "onclose", { set() {} });
    return socket;
  };
  const { client, timers } = connecting({ url }, { openWebSocket });
  await until(() => timers.pending === 2, "the error");
  timers.advance(99);
  expect(timers.pending).toBe(2);
  timers.advance(1);
  await expect(client).rejects.toThrow(`no connection to ${url}`);
});

describe("of several servers", () => {
  test("those that are dead or another cluster's are passed over, in either order", async () => {
    for (const isOtherFirst of [false, true]) {
      const [dead, other, peer] = [await deadUrl(), otherCluster(), peerOn("ws")];
      const url = [...(isOtherFirst ? [other.url, dead] : [dead, other.url]), peer.url];
      const { client, timers } = connecting({ url });
      await until(() => {
        timers.advance(0);
        return peer.connections.length === 1;
      }, "the third one");
      expect((await client).account).toBe("alice");
    }
  });

  test("all dead or another cluster's: connect rejects with the refusal", async () => {
    const { client, timers, events } = connecting({ url: [await deadUrl(), otherCluster().url, await deadUrl()] });
    const ended = client.catch((error: unknown) => error);
    await until(() => {
      timers.advance(0);
      return events.at(-1)?.endsWith("for good") === true;
    }, "the end");
    expect(await ended).toBeInstanceOf(RequestRefused);
  });

  test("all dead: connect rejects", async () => {
    const { client, timers, events } = connecting({ url: [await deadUrl(), await deadUrl()] });
    await until(() => {
      timers.advance(0);
      return events.at(-1)?.endsWith("for good") === true;
    }, "the end");
    await expect(client).rejects.toBeInstanceOf(Disconnected);
  });

  test("all another cluster's: nobody tries again, `retry` or not", async () => {
    const { client, timers, events } = connecting({ url: [otherCluster().url, otherCluster().url], retry: true });
    await until(() => {
      timers.advance(0);
      return events.at(-1) === "offline 4003 for good";
    }, "the end");
    await expect(client).rejects.toBeInstanceOf(RequestRefused);
  });

  test("a token that cannot be had is asked for once a round", async () => {
    let asked = 0;
    const token = async (): Promise<string> => {
      asked++;
      throw new Error("the token server is away");
    };
    const url = [peerOn("ws").url, peerOn("ws").url];
    await expect(connecting({ url, token }).client).rejects.toThrow("the token server is away");
    expect(asked).toBe(1);
    const { timers, events } = connecting({ url, token, retry: true });
    await until(() => events.length === 1, "the first round");
    timers.advance(250);
    await until(() => events.length === 2, "the second round");
    expect([asked, events]).toEqual([3, ["offline 1006 250", "offline 1006 500"]]);
  });

  test("the next one takes over when one dies", async () => {
    const [one, other] = [peerOn("ws"), peerOn("ws")];
    const { timers, events } = await connected({ url: [one.url, other.url] });
    expect(one.connections.length).toBe(1);
    await one.stop();
    await until(() => events.at(-1)?.startsWith("offline") === true, "the end");
    timers.advance(500);
    await until(() => other.connections.length === 1, "the other one");
  });

  test("all are tried again and again, in rounds that are further and further apart", async () => {
    const [one, other] = [peerOn("ws"), peerOn("ws")];
    const { timers, events } = await connected({ url: [one.url, other.url] });
    await Promise.all([one.stop(), other.stop()]);
    await until(() => events.at(-1)?.startsWith("offline") === true, "the end");
    const waits: string[] = [];
    for (let tries = 1; tries <= 6; tries++) {
      const before = events.length;
      const wait = Number(events.at(-1)?.split(" ")[2]);
      waits.push(String(wait));
      timers.advance(wait);
      await until(() => {
        timers.advance(0);
        return events.length > before || (timers.advance(100), events.length > before);
      }, "the next end");
    }
    // The wait after the loss; then within a round half a second at most, and between rounds a growing one.
    expect(waits).toEqual(["250", "250", "500", "250", "1000", "250"]);
  });
});

describe("retry", () => {
  test("goes on until a server is there", async () => {
    const url = await deadUrl("tcp");
    const { client, timers, events } = connecting({ url, retry: true });
    await until(() => events.length === 1, "the first end");
    expect(events).toEqual(["offline 1006 250"]);
    timers.advance(250);
    await until(() => events.length === 2, "the second end");
    expect(events[1]).toBe("offline 1006 500");
    const peer = ScriptedPeer.start("tcp", 2_000, Number(new URL(url).port));
    afterwards(() => peer.stop());
    timers.advance(500);
    expect((await client).isOnline).toBe(true);
  });

  test("ends by its signal, and rejects", async () => {
    const { client, timers, events, stop } = connecting({ url: await deadUrl("tcp"), retry: true });
    await until(() => events.length === 1, "the first end");
    stop.abort();
    await expect(client).rejects.toBeInstanceOf(Disconnected);
    expect(timers.pending).toBe(0);
  });

  test("does not begin with a signal that has aborted", async () => {
    const peer = peerOn("ws");
    await expect(connecting({ url: peer.url, retry: true, signal: AbortSignal.abort() }).client).rejects.toBeInstanceOf(
      Disconnected,
    );
    expect(peer.tokens).toEqual([]);
  });

  test("does not repeat what is refused for good", async () => {
    const { client, events } = connecting({ url: otherCluster().url, retry: true });
    await expect(client).rejects.toBeInstanceOf(RequestRefused);
    expect(events).toEqual(["offline 4003 for good"]);
  });
});

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
