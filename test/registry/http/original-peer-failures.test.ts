// Answers that no original node gives fail the message, and cost no more than their bounds.

import { limitTable } from "../../../src/base/limits/table.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { registryAnswerBytesMax, registryPeerBodyBytesMax } from "../../../src/base/limits/fixed.ts";
import { HybridClock } from "../../../src/registry/table/hybrid-clock.ts";
import type { OriginalPeers } from "../../../src/registry/http/original-peer.ts";
import { coded } from "./fake-original-node.ts";
import {
  ends,
  originalNode,
  SettableClock,
  setUp,
  original,
  living,
  renewal,
  nobody,
  compare,
  replicate,
} from "./original-peer-support.ts";

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

describe("a node that is not an original one", () => {
  /** What both questions come to. */
  async function reasons(peers: OriginalPeers, address: string): Promise<string[]> {
    const replies = [
      await peers.compare(address, compare("")),
      await peers.replicate(address, replicate([living("a")])),
      await peers.replicate(address, replicate([], [renewal("a")])),
    ];
    return replies.map((reply) => (reply.kind === "failed" ? reply.reason : reply.kind));
  }

  const garbage: Record<string, () => Response> = {
    "no JSON": () => new Response("<html>"),
    "an empty body": () => new Response(""),
    "no UTF-8": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "no object": () => new Response("[]"),
    "no code": () => Response.json({ data: {} }),
    "an HTTP error": () => new Response('{"code":0}', { status: 500 }),
    "not found": () => new Response("404 page not found", { status: 404 }),
    "more than is read": () => new Response(" ".repeat(registryAnswerBytesMax + 1)),
    "something packed, which may be of any length": () =>
      new Response(Bun.gzipSync(Buffer.from('{"code":0,"data":null}')), { headers: { "content-encoding": "gzip" } }),
  };
  for (const [what, answer] of Object.entries(garbage)) {
    test(`and answers ${what} is garbage`, async () => {
      const { peers, node } = setUp();
      node.script = answer;
      expect(await reasons(peers, node.address)).toEqual(["garbage", "garbage", "garbage"]);
    });
  }

  test("and never stops answering is garbage, and read no further than the bound", async () => {
    const { peers, node } = setUp();
    let sentBytes = 0;
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    node.script = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sentBytes += chunk.length;
            controller.enqueue(chunk);
          },
        }),
      );
    const reply = await peers.replicate(node.address, replicate([living("a")]));
    expect(reply).toMatchObject({ kind: "failed", reason: "garbage" });
    expect(sentBytes).toBeLessThan(4 * registryPeerBodyBytesMax);
  });

  const shapes: Record<string, unknown> = {
    "no lists": { chat: 1 },
    "a list": [],
    "an instance that is none": { chat: [null] },
    "an instance without a zone": { chat: [{ ...original("a"), zone: undefined }] },
    "an instance without a renewal": { chat: [{ ...original("a"), renew_timestamp: "soon" }] },
  };
  for (const [what, data] of Object.entries(shapes)) {
    test(`and lists ${what} is garbage`, async () => {
      const { peers, node } = setUp();
      node.script = () => coded(0, data);
      expect(await peers.compare(node.address, compare(""))).toMatchObject({ kind: "failed", reason: "garbage" });
    });
  }

  test("and answers a renewal with something else than an instance is garbage", async () => {
    const { peers, node } = setUp();
    node.script = () => coded(-409, { hostname: 1 });
    const reply = await peers.replicate(node.address, replicate([], [renewal("a")]));
    expect(reply).toMatchObject({ kind: "failed", reason: "garbage" });
  });

  test("and wants a key that we do not have refuses", async () => {
    const { peers, node } = setUp();
    node.script = () => new Response("no", { status: 401 });
    expect(await reasons(peers, node.address)).toEqual(["refused", "refused", "refused"]);
  });

  test("and sends us elsewhere is not followed", async () => {
    const { peers, node } = setUp();
    const elsewhere = originalNode();
    node.script = () => Response.redirect(`http://${elsewhere.address}/discovery/fetch/all`);
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
    expect(elsewhere.calls).toEqual([]);
  });

  test("and does not answer within the time of a request is unreachable, as one is that is not there", async () => {
    const { peers, node } = setUp(40);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    node.script = () => promise;
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
    resolve(undefined);
    await node.stop();
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
  });

  test("and stops in the middle of an answer is unreachable", async () => {
    const { peers, node } = setUp(40);
    node.script = () =>
      new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{"code":0,')) }));
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
  });
});

test("an original node's clock does not move the hybrid clock", () => {
  const clock = new HybridClock(new SettableClock(), limitTable.timestampAhead.initial);
  const before = clock.reading();
  expect(clock.observe(nobody.clock)).toBe(true);
  expect(clock.reading()).toBe(before);
});
