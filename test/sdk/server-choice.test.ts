// A client of several servers passes over those that are dead, and goes on trying if it is allowed to.

import { afterEach, describe, expect, test } from "bun:test";
import { Disconnected, RequestRefused } from "../../src/sdk/client-errors.ts";
import { Command } from "../../src/wire/commands.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, endAll, peerOn } from "./support.ts";
import { deadUrl, connecting, connected } from "./several-servers.ts";

afterEach(endAll);

/** It refuses every sign-in, as a gateway of another cluster does. */
function otherCluster(): ScriptedPeer {
  const peer = peerOn("ws");
  peer.on(Command.SignIn, (request) => {
    request.refuse(Status.Unauthorized, "signed by another key");
    request.connection.end({ code: 4003, text: "unauthorised" });
  });
  return peer;
}

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
