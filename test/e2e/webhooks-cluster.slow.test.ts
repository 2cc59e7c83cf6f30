// Webhooks of a cluster with two chat nodes on PostgreSQL: one delivers, and when it is killed the other one does.

import { afterEach, describe, expect, test } from "bun:test";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { type Finished, run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Receiver, testSecret } from "../hooks/receiver.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { findingsIn } from "../support/doctor.ts";
import { Random, testSeed } from "../support/random.ts";
import { TalkingBackEnd } from "../support/talking-back-end.ts";

const kills = 6;
const chats = ["chat-1", "chat-2"] as const;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function start() {
  const server = await PostgresServer.start();
  endings.push(() => server.stop());
  const ports = await freePorts(chats.length);
  const apis = ports.map((port) => `127.0.0.1:${port}`);
  const stage = await ClusterStage.start(
    { chats: chats.length },
    {
      store: await server.makeDatabase(),
      slips: Object.fromEntries(chats.map((name, at) => [name, { "--api": apis[at] }])),
      words: { chat: ["--hook-allow", "127.0.0.0/8"] },
    },
  );
  endings.push(() => stage.close());
  const receiver = new Receiver();
  endings.push(() => receiver.stop());
  const { cluster, folder } = stage;
  const where = ["--discovery", cluster.registry.join(","), "--cluster-key-file", stage.path("cluster-key")];
  const roost = (...words: string[]): Promise<Finished> => run([...words, ...where], folder);
  const made = await roost("key", "create", "--app", "default", "--scope", "messages:write", "--name", "test");
  return { cluster, folder, receiver, roost, key: made.out.trim(), apis: apis.map((api) => `http://${api}`) };
}

/** Whether a process delivers. */
async function isDelivering(monitor: string): Promise<boolean> {
  const metrics = await fetch(`${monitor}/metrics`).then((response) => response.text());
  return /^roost_webhooks_delivering(?:\{.*\})? 1$/m.test(metrics);
}

describe.skipIf(!hasPostgres)("two chat nodes on PostgreSQL", () => {
  test("kill -9 of the one that delivers, at random, loses no event, and none is told out of order", async () => {
    const random = new Random(testSeed("webhook kills in a cluster"));
    const { cluster, receiver, roost, key, apis } = await start();
    // It fails now and then, too, and takes its time, so that some are killed before they are answered.
    receiver.judge = async () => {
      await Bun.sleep(random.below(400));
      return random.below(10) === 0 ? 503 : 200;
    };
    const words = ["--hook-url", receiver.url, "--event", "message.stored", "--hook-secret", testSecret];
    expect(await roost("webhook", "set", "crm", ...words)).toMatchObject({ status: 0, out: `${testSecret}\n` });
    let next = 0;
    const talking = new TalkingBackEnd(["bob", "cid", "dot"], key, () => apis[next++ % apis.length] ?? "");
    const takeOvers = new Set<string>();
    for (let at = 0; at < kills; at++) {
      let delivering = "";
      await until(async () => {
        for (const name of chats) if (await isDelivering(cluster.monitor(name))) delivering = name;
        return delivering !== "";
      }, "one of them delivers");
      takeOvers.add(delivering);
      const before = receiver.requests.length;
      if (random.below(3) > 0) await until(() => receiver.requests.length > before, "something is told");
      await Bun.sleep(random.below(1_500));
      await cluster.end(delivering, "SIGKILL");
      await Bun.sleep(random.below(1_500));
      await cluster.start(delivering);
    }
    const total = await talking.end(receiver);
    console.log(`${total} messages, ${receiver.events.length} events in ${receiver.requests.length} requests`);
    expect([total > 50, takeOvers.size]).toEqual([true, 2]);
    const listed = await roost("webhook", "list", "--json");
    expect(JSON.parse(listed.out)).toMatchObject({ name: "crm", dead: 0, lost: 0 });
  }, 300_000);

  test("the commands for webhooks and the doctor of a chat node say what the cluster does", async () => {
    const { cluster, folder, receiver, roost, key, apis } = await start();
    const doctor = async () => {
      const { out } = await run(["doctor", "--json", ...cluster.words("chat-1")], folder);
      return findingsIn(out)
        .filter(({ check }) => check === "webhooks")
        .map(({ level, text }) => `${level}: ${text}`);
    };
    expect((await roost("webhook", "list")).out).toContain("there are no webhooks");
    expect(await doctor()).toEqual([]);
    const words = (url: string) => ["--hook-url", url, "--event", "message.stored", "--hook-secret", testSecret];
    const made = await roost("webhook", "set", "crm", ...words("http://127.0.0.1:1/"));
    expect([made.status, made.err]).toEqual([0, expect.stringContaining("was created")]);
    const failed = await roost("webhook", "test", "crm");
    expect([failed.status, failed.err]).toEqual([1, expect.stringContaining("cannot be reached")]);
    for (const api of apis) {
      const sent = await fetch(`${api}/roost.v1.Messages/Send`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: '{"to":"bob","body":"hi"}',
      });
      expect(sent.status).toBe(200);
    }
    const failure = /^warning: the webhook crm of the app default has failed \d+ times?: it cannot be reached/;
    await until(async () => failure.test((await doctor())[0] ?? ""), "the doctor says why");
    expect((await roost("webhook", "list")).out).toContain("cannot be reached");
    const changed = await roost("webhook", "set", "crm", ...words(receiver.url));
    expect([changed.status, changed.err]).toEqual([0, expect.stringContaining("was changed")]);
    await until(async () => (await roost("webhook", "test", "crm")).out.includes("accepted"), "it is tested");
    await until(() => receiver.bodies.filter((body) => body === "hi").length >= 2, "what waited is told");
    expect((await roost("webhook", "dead", "crm")).out).toContain("nothing was given up");
    expect((await roost("webhook", "replay", "crm")).out).toContain("nothing was given up");
    await until(async () => (await doctor())[0] === "ok: 1 webhook, told of all that happened", "all is well");
    expect((await roost("webhook", "remove", "crm")).status).toBe(0);
    const gone = await roost("webhook", "test", "crm");
    expect([gone.status, gone.err]).toEqual([1, expect.stringContaining('has no webhook "crm"')]);
    expect(receiver.invalid).toEqual([]);
  }, 180_000);
});
