// Which of several nodes a client polls, and what it goes on with while they fail.

import { afterEach, describe, expect, test } from "bun:test";
import { registryAnswerBytesMax } from "../../../src/base/limits/fixed.ts";
import { rotationMs } from "../../../src/registry/client/http-naming.ts";
import { absenceMs } from "../../../src/registry/client/poll-loop.ts";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { until } from "../../../scripts/harness/until.ts";
import { coded, instanceJson } from "./fake-registry.ts";
import { client, endAll, fakeNode, heldMs, namesOf, pass, pollsAt, told, untilWith } from "./naming-client.ts";

afterEach(endAll);

describe("several nodes", () => {
  test("stand in for each other, with timestamps from 0", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    for (const node of [one, other]) node.list("chat", [instanceJson("chat", "a")], 50n);
    const { naming } = client([one, other]);
    const lists = told(naming, "chat");
    const [first, second] = await pollsAt(one, other);
    expect(first.calls.at(-1)?.parameters.getAll("latest_timestamp")).toEqual(["0", "50"]);
    second.list("chat", [instanceJson("chat", "b")], 7n);
    await first.stop();
    await until(() => lists.length === 2, "the other's list");
    expect(second.calls[0]?.parameters.getAll("latest_timestamp")).toEqual(["0", "0"]);
    expect(lists).toEqual([["a"], ["b"]]);
  });

  const faults: Record<string, () => Response | Promise<Response>> = {
    "-500": () => coded(-500),
    "an HTTP error": () => new Response(JSON.stringify({ code: 0, data: {} }), { status: 503 }),
    "an empty body": () => new Response(""),
    "no JSON": () => new Response("<html>"),
    "no UTF-8": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "a redirect": () => Response.redirect("http://127.0.0.1:1/"),
    "no code": () => Response.json({ data: {} }),
    "a null service": () => Response.json({ code: 0, data: { chat: null } }),
    "an instance without a zone": () =>
      Response.json({ code: 0, data: { chat: { instances: { z: [{ appid: "chat" }] }, latest_timestamp: 1 } } }),
    "something packed": () =>
      new Response(Bun.gzipSync(Buffer.from('{"code":0,"data":{}}')), { headers: { "content-encoding": "gzip" } }),
    "more than is read": () => new Response(" ".repeat(registryAnswerBytesMax + 1)),
  };
  for (const [what, fault] of Object.entries(faults)) {
    test(`one that answers ${what} is left for the next`, async () => {
      const [one, other] = [fakeNode(), fakeNode()];
      const { naming, timers } = client([one, other]);
      const lists = told(naming, "chat");
      const [first, second] = await pollsAt(one, other);
      second.list("chat", [instanceJson("chat", "b")], 7n);
      first.script = fault;
      first.release(-304);
      await untilWith(timers, "the other's list", () => lists.length === 1);
      expect(lists).toEqual([["b"]]);
    });
  }

  test("all away: the last list stays, and is there again when one comes back", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([node, "http://127.0.0.1:1"]);
    const lists = told(naming, "chat");
    await untilWith(timers, "the list", () => lists.length === 1 && node.held === 1);
    await node.stop();
    for (let round = 0; round < 20; round++) {
      timers.advance(1_000);
      await Bun.sleep(2);
    }
    expect(lists).toEqual([["a"]]);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    const back = fakeNode(node.port);
    back.list("chat", [instanceJson("chat", "c")], 1n);
    await untilWith(timers, "the new list", () => lists.length === 2);
    expect(lists[1]).toEqual(["c"]);
  });

  test("findNow asks although a list is known, and lets nothing from before stand in", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([node, "http://127.0.0.1:1"]);
    const lists = told(naming, "chat");
    await untilWith(timers, "the list", () => lists.length === 1 && node.held === 1);
    node.script = ({ endpoint }) => (endpoint === "fetch" ? coded(-404) : undefined);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    expect(await naming.findNow("chat")).toEqual([]);
    node.script = ({ endpoint }) => (endpoint === "fetch" ? coded(-500) : undefined);
    await expect(naming.findNow("chat")).rejects.toThrow("no registry node answers for chat");
    node.script = () => undefined;
    expect(namesOf(await naming.findNow("chat"))).toEqual(["a"]);
    await node.stop();
    await expect(naming.findNow("chat")).rejects.toThrow("no registry node answers for chat");
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    await naming.close();
    await expect(naming.findNow("chat")).rejects.toThrow("closed");
  });

  test("all starting: the last list stays, however long that takes, for subscribers and for find", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    for (const node of [one, other]) node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([one, other]);
    const lists = told(naming, "chat");
    const [first] = await pollsAt(one, other);
    await until(() => lists.length === 1 && first.held === 1, "the list");
    for (const node of [one, other]) node.script = () => coded(-500);
    first.release(-500);
    const asked = (): number => one.calls.length + other.calls.length;
    for (let round = 0; round < 20; round++) {
      const before = asked();
      await untilWith(timers, "another try", () => asked() > before);
      timers.advance(absenceMs);
    }
    expect(lists).toEqual([["a"]]);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    for (const node of [one, other]) {
      node.script = () => undefined;
      node.list("chat", [instanceJson("chat", "a"), instanceJson("chat", "b")], 5n);
    }
    await untilWith(timers, "the new list", () => lists.length === 2);
    expect(lists[1]).toEqual(["a", "b"]);
  });

  test("give a service up only by what they say of it, not by falling silent after it was unknown", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers, waits } = client([node]);
    const lists = told(naming, "chat");
    await until(() => lists.length === 1 && node.held === 1, "the list");
    await node.stop();
    const restarted = fakeNode(node.port);
    restarted.list(discoveryAppid, [instanceJson(discoveryAppid, "d", { addrs: [node.url] })], 10n);
    await untilWith(timers, "the wait", () => restarted.held === 1 && waits(absenceMs));
    await restarted.stop();
    for (let round = 0; round < 20; round++) {
      timers.advance(absenceMs / 10);
      await Bun.sleep(2);
    }
    expect(lists).toEqual([["a"]]);
  });

  test("take turns every half hour", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming, timers } = client([one, other]);
    told(naming, "chat");
    const [first, second] = await pollsAt(one, other);
    await pass(timers, first, rotationMs - heldMs);
    timers.advance(heldMs);
    first.release(-304);
    await until(() => second.held === 1, "a poll at the other");
    expect(second.calls[0]?.parameters.getAll("latest_timestamp")).toEqual(["0", "0"]);
  });

  test("are learned from the registry, those of the own zone first", async () => {
    const [seed, near, far] = [fakeNode(), fakeNode(), fakeNode()];
    seed.list(
      discoveryAppid,
      [
        instanceJson(discoveryAppid, "far", { zone: "z2", addrs: [far.url] }),
        instanceJson(discoveryAppid, "near", { addrs: ["grpc://127.0.0.1:1", near.url] }),
        instanceJson(discoveryAppid, "odd", { addrs: ["http://", "ftp://x"] }),
      ],
      10n,
    );
    const { naming, timers } = client([seed]);
    told(naming, "chat");
    await until(() => seed.calls.length === 2 && seed.held === 1, "the second poll");
    await seed.stop();
    await untilWith(timers, "the near node", () => near.held === 1);
    expect(far.calls.length).toBe(0);
    await near.stop();
    await untilWith(timers, "the far node", () => far.held === 1);
    const back = fakeNode(seed.port);
    await far.stop();
    await untilWith(timers, "the seed", () => back.held === 1);
  });

  test("are each asked once by a find, which rejects when all fail", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming } = client([one, other]);
    for (const node of [one, other]) node.script = () => coded(-500);
    const refusal = await naming.find("chat").catch(String);
    expect(refusal).toContain(one.url);
    expect(refusal).toContain(other.url);
    expect([one.calls.length, other.calls.length]).toEqual([1, 1]);
    other.script = () => undefined;
    other.list("chat", [instanceJson("chat", "a")], 10n);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    other.script = () => coded(-500);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
  });
});
