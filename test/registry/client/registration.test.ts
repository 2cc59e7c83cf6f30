// A registration of a client: made, renewed, updated and taken back.

import { afterEach, describe, expect, test } from "bun:test";
import { cancelMsMax, renewIntervalMs, retryMsMax } from "../../../src/registry/client/registration-loop.ts";
import { Status } from "../../../src/registry/instance.ts";
import { until } from "../../../scripts/harness/until.ts";
import { coded, never } from "./fake-registry.ts";
import { chat, client, endAll, fakeNode, untilWith } from "./naming-client.ts";

afterEach(endAll);

describe("a registration", () => {
  test("says what it is, renews, and is cancelled", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    const registered = await naming.register(chat);
    const [call] = node.called("register");
    expect([...(call?.parameters ?? [])]).toEqual([
      ["region", "r"],
      ["zone", "z1"],
      ["env", "test"],
      ["appid", "chat"],
      ["hostname", "chat-1"],
      ["addrs", "tcp://127.0.0.1:1"],
      ["addrs", "http://127.0.0.1:2"],
      ["version", "7"],
      ["status", "1"],
      ["metadata", '{"state":"young"}'],
    ]);
    expect(call?.headers.get("authorization")).toBe("Bearer the token");
    for (let renewals = 1; renewals <= 3; renewals++) {
      await until(() => waits(renewIntervalMs), "the interval");
      timers.advance(renewIntervalMs);
      await until(() => node.called("renew").length === renewals, "a renewal");
    }
    await registered.deregister();
    expect(node.registered.size).toBe(0);
    await expect(registered.update({ status: Status.Waiting })).rejects.toThrow("deregistered");
    timers.advance(10 * renewIntervalMs);
    await Bun.sleep(10);
    expect(node.called("renew").length).toBe(3);
    expect(node.called("register").length).toBe(1);
  });

  test("that the registry forgot is made again", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    await naming.register(chat);
    node.registered.clear();
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await until(() => node.registered.size === 1, "the registration");
    expect(node.called("register").length).toBe(2);
  });

  test("goes to another node when one fails, and waits for one to come", async () => {
    const { naming, timers } = client(["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    let isRegistered = false;
    const registering = naming.register(chat).then(() => {
      isRegistered = true;
    }, String);
    for (let round = 0; round < 10; round++) {
      timers.advance(retryMsMax);
      await Bun.sleep(2);
    }
    expect(isRegistered).toBe(false);
    const node = fakeNode();
    const other = client([node, "http://127.0.0.1:1"]);
    const elsewhere = other.naming.register(chat);
    await untilWith(other.timers, "the registration", () => node.registered.size === 1);
    await elsewhere;
    await naming.close();
    expect(await registering).toContain("deregistered");
  });

  for (const code of [-400, -401, -403, -409, -509]) {
    test(`rejects when it is first refused with ${code}, and says why`, async () => {
      const node = fakeNode();
      node.script = ({ endpoint }) => (endpoint === "register" ? coded(code, "not like this") : undefined);
      const { naming } = client([node]);
      await expect(naming.register(chat)).rejects.toThrow("not like this");
      node.script = () => undefined;
      await naming.register(chat);
    });
  }

  test("is updated, the last word winning", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    const registered = await naming.register(chat);
    const { promise, resolve } = Promise.withResolvers<Response>();
    node.script = ({ endpoint }) =>
      endpoint === "register" && node.called("register").length === 2 ? promise : undefined;
    const updates = [
      registered.update({ metadata: new Map([["state", "1"]]) }),
      (async () => {
        await until(() => node.called("register").length === 2, "the first update");
        const last = [2, 3, 4].map((state) => registered.update({ metadata: new Map([["state", String(state)]]) }));
        last.push(registered.update({ status: Status.Waiting }));
        resolve(coded(0));
        await Promise.all(last);
      })(),
    ];
    await Promise.all(updates);
    const said = node
      .called("register")
      .map(({ parameters }) => [parameters.get("metadata"), parameters.get("status")]);
    expect(said).toEqual([
      ['{"state":"young"}', "1"],
      ['{"state":"1"}', "1"],
      ['{"state":"4"}', "2"],
    ]);
  });

  test("stays as it was while an update is refused, and says it again at the next interval", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    const registered = await naming.register(chat);
    node.script = ({ endpoint }) => (endpoint === "register" ? coded(-409, "not now") : undefined);
    await expect(registered.update({ status: Status.Waiting })).rejects.toThrow("not now");
    await until(() => node.called("renew").length === 1, "a renewal");
    await until(() => waits(renewIntervalMs), "the interval");
    expect(node.called("register").length).toBe(2);
    timers.advance(renewIntervalMs);
    await until(() => node.called("renew").length === 2, "the next renewal");
    expect(node.called("register").length).toBe(3);
    node.script = () => undefined;
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await until(() => node.called("register").length === 4, "the update");
    expect(node.called("register")[3]?.parameters.get("status")).toBe("2");
  });

  test("renews at another node when its own dies", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming, timers, waits } = client([one, other]);
    await naming.register(chat);
    const [first, second] = one.registered.size === 1 ? [one, other] : [other, one];
    await first.stop();
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await untilWith(timers, "the registration", () => second.registered.size === 1);
  });

  test("is refused twice at once under one id", async () => {
    const { naming } = client([fakeNode()]);
    const registered = await naming.register(chat);
    await expect(naming.register(chat)).rejects.toThrow("already");
    await naming.register({ ...chat, id: "chat-2" });
    await registered.deregister();
    await naming.register(chat);
  });

  test("is cancelled after what is under way, at no more than two nodes that do not answer", async () => {
    const nodes = [fakeNode(), fakeNode(), fakeNode()];
    const { naming, timers } = client(nodes);
    const registered = await naming.register(chat);
    for (const node of nodes) node.script = never;
    const ending = registered.deregister();
    for (let tries = 1; tries <= 2; tries++) {
      await until(() => nodes.flatMap((node) => node.called("cancel")).length === tries, "a cancel");
      timers.advance(cancelMsMax);
    }
    await ending;
    expect(nodes.flatMap((node) => node.called("cancel")).length).toBe(2);
  });
});
