// The client of the registry beside its polls and registrations: what it finds, how it closes, what it refuses.

import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { requestMsMax } from "../../../src/registry/client/node-client.ts";
import { cancelMsMax } from "../../../src/registry/client/registration-loop.ts";
import { RegistryAway } from "../../../src/registry/client/naming.ts";
import { discoveryAppid, Status } from "../../../src/registry/instance.ts";
import { until } from "../../../scripts/harness/until.ts";
import { coded, instanceJson, never } from "./fake-registry.ts";
import { chat, client, endAll, fakeNode, told } from "./naming-client.ts";

afterEach(endAll);

describe("find", () => {
  test("asks for UP instances, and answers none for a service that is unknown", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    expect(await naming.find("chat")).toEqual([]);
    expect(Object.fromEntries(node.calls[0]?.parameters ?? [])).toEqual({ env: "test", appid: "chat", status: "1" });
  });

  test("goes on when a node does not answer within its time", async () => {
    const node = fakeNode();
    node.script = never;
    const { naming, timers } = client([node]);
    const answer = naming.find("chat").catch(String);
    await until(() => node.calls.length === 1, "the request");
    timers.advance(requestMsMax);
    expect(await answer).toContain("no answer within");
  });
});

describe("all instances", () => {
  test("are those of any status, the silent ones marked, from the next node if one is away", async () => {
    const [away, node] = [fakeNode(), fakeNode()];
    await away.stop();
    const up = instanceJson("chat", "chat-1");
    const [waiting, silent] = [{ status: Status.Waiting }, { stale: true }];
    const others = [instanceJson("chat", "chat-2", waiting), instanceJson("chat", "chat-3", silent)];
    node.list("chat", [up, ...others], 1n);
    const { naming } = client([away, node]);
    const all = await naming.listAll("chat");
    expect(all.map(({ instance: { hostname, status }, isStale }) => [hostname, status, isStale])).toEqual([
      ["chat-1", Status.Up, false],
      ["chat-2", Status.Waiting, false],
      ["chat-3", Status.Up, true],
    ]);
    const asked = Object.fromEntries(node.calls.at(-1)?.parameters ?? []);
    expect(asked).toEqual({ env: "test", appid: "chat", status: "3" });
    expect(await naming.listAll("login")).toEqual([]);
    await node.stop();
    await expect(naming.listAll("chat")).rejects.toBeInstanceOf(RegistryAway);
  });
});

describe("who lists an instance", () => {
  test("is asked of each configured node, and of no node that was learned", async () => {
    const [one, two, learned] = [fakeNode(), fakeNode(), fakeNode()];
    one.list("chat", [instanceJson("chat", "chat-1"), instanceJson("chat", "chat-2")], 1n);
    two.list("chat", [instanceJson("chat", "chat-2")], 1n);
    one.list(discoveryAppid, [instanceJson(discoveryAppid, "r3", { addrs: [learned.url] })], 1n);
    const { naming } = client([one, two]);
    told(naming, "chat");
    await until(() => [one, two, learned].some(({ calls }) => calls.length > 0), "it polls");
    expect(await naming.whoLists("chat", "chat-1")).toEqual({ listing: [one.url], lacking: [two.url] });
    const unknown = await naming.whoLists("login", "login-1");
    expect([unknown.listing, unknown.lacking.toSorted()]).toEqual([[], [one.url, two.url].toSorted()]);
    expect(learned.calls.filter(({ endpoint }) => endpoint === "fetch")).toEqual([]);
    const fetched = one.calls.find(({ endpoint }) => endpoint === "fetch");
    expect(Object.fromEntries(fetched?.parameters ?? [])).toEqual({ env: "test", appid: "chat", status: "1" });
  });

  test("is not told by a node that is starting, talks nonsense or is away, nor after the end", async () => {
    const [good, starting, odd, away] = [fakeNode(), fakeNode(), fakeNode(), fakeNode()];
    good.list("chat", [instanceJson("chat", "chat-1")], 1n);
    starting.script = () => coded(-500);
    odd.script = () => new Response("<html>");
    await away.stop();
    const { naming } = client([good, starting, odd, away]);
    expect(await naming.whoLists("chat", "chat-1")).toEqual({ listing: [good.url], lacking: [] });
    await naming.close();
    expect(await naming.whoLists("chat", "chat-1")).toEqual({ listing: [], lacking: [] });
  });
});

describe("closing", () => {
  test("deregisters, ends the poll and leaves no timer", async () => {
    const node = fakeNode();
    const { naming, timers } = client([node]);
    told(naming, "chat");
    await naming.register(chat);
    await until(() => node.held === 1, "a poll");
    await naming.close();
    expect(node.registered.size).toBe(0);
    await until(() => node.held === 0, "no poll");
    expect(timers.pending).toBe(0);
    const calls = node.calls.length;
    await Bun.sleep(20);
    expect(node.calls.length).toBe(calls);
    await expect(naming.find("chat")).rejects.toThrow("closed");
    await expect(naming.register(chat)).rejects.toThrow("closed");
    expect(() => naming.subscribe("login", () => undefined)).toThrow("closed");
  });

  test("rejects what waits", async () => {
    const node = fakeNode();
    node.script = ({ endpoint }) => (endpoint === "cancel" ? undefined : never());
    const { naming, timers } = client([node]);
    const waiting = [naming.find("chat"), naming.register(chat)].map((promise) => promise.catch(String));
    await until(() => node.called("register").length === 1 && node.called("fetch").length === 1, "the requests");
    const closing = naming.close();
    timers.advance(cancelMsMax);
    await closing;
    expect(await Promise.all(waiting)).toEqual([
      "Error: this naming client is closed",
      "Error: chat chat-1 is deregistered",
    ]);
    expect(timers.pending).toBe(0);
  });

  test("lets the process end", async () => {
    const node = fakeNode();
    const source = (path: string): string => JSON.stringify(join(import.meta.dir, `../../../src/${path}.ts`));
    const program = `
      import { HttpNaming } from ${source("registry/client/http-naming")};
      import { silentLog } from ${source("base/log")};
      import { systemRandom } from ${source("base/random")};
      const naming = new HttpNaming({ nodes: ["${node.url}"], env: "test", zone: "z1", region: "r", hostname: "h",
        tokens: () => [], random: systemRandom, log: silentLog });
      naming.subscribe("chat", () => undefined);
      const instance = { service: "chat", id: "c", addrs: ["tcp://a:1"], version: "", status: 1 };
      await naming.register({ ...instance, metadata: new Map() });
      await Bun.sleep(20);
      await naming.close();
    `;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "pipe" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
    clearTimeout(timer);
    expect(node.registered.size).toBe(0);
  });

  test("needs no use before, and may come twice", async () => {
    const { naming } = client([fakeNode()]);
    await naming.close();
    await naming.close();
  });
});

test("addresses that are not http://host:port or https://host:port are refused", () => {
  for (const node of [
    "",
    "127.0.0.1:7171",
    "ftp://a:1",
    "http://",
    "https://",
    "https://a:1/path",
    "http://a:1/path",
  ]) {
    expect(() => client([node])).toThrow("http://host:port");
  }
  expect(() => client([])).toThrow("no registry node");
});
