// A server that is killed at random loses no event of a webhook: each message that was acknowledged is told at least
// once, those of a conversation in their order, each request with a valid signature.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Receiver, testSecret } from "../hooks/receiver.ts";
import { Random, testSeed } from "../support/random.ts";

const kills = 6;
const conversations = ["bob", "cid", "dot"];

let folder = "";
let server: ServerProcess | undefined;
let receiver: Receiver | undefined;
afterEach(async () => {
  await server?.end("SIGKILL");
  await receiver?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("kill -9 at random loses no event, and none is told out of order", async () => {
  const random = new Random(testSeed("webhook kills"));
  folder = mkdtempSync(join(tmpdir(), "roost-webhooks-"));
  const told = (receiver = new Receiver());
  // It fails now and then, too.
  told.judge = () => (random.below(10) === 0 ? 503 : 200);
  const words = ["--data", folder, "--hook-allow", "127.0.0.0/8"];
  let present = (server = await ServerProcess.start(folder, words));
  const set = await run(
    ["webhook", "set", "crm", "--data", folder, "--hook-url", told.url, "--event", "message.stored"].concat([
      "--hook-secret",
      testSecret,
    ]),
    folder,
  );
  expect([set.status, set.out.trim()]).toEqual([0, testSecret]);
  const key = readFileSync(join(folder, "api-key"), "utf8").trim();

  const talking = { isOver: false };
  const acknowledged = new Map<string, string[]>();
  const talk = async (to: string): Promise<void> => {
    const stored: string[] = [];
    acknowledged.set(to, stored);
    for (let at = 0; !talking.isOver; at++) {
      const headers = {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "idempotency-key": `${to}-${at}`,
      };
      const body = JSON.stringify({ to, body: `${at}` });
      // Repeated until it is acknowledged: it may have been stored before.
      for (let isStored = false; !isStored;) {
        const sent = await fetch(`${present.api}/roost.v1.Messages/Send`, { method: "POST", headers, body }).catch(
          () => undefined,
        );
        isStored = sent?.ok === true;
        if (!isStored) await Bun.sleep(20);
      }
      stored.push(`${at}`);
    }
  };
  const talks = conversations.map((to) => talk(to));
  for (let at = 0; at < kills; at++) {
    // Delivering again takes some seconds: the lease of the killed process has to end. Some are killed before.
    const before = told.requests.length;
    if (random.below(3) > 0) await until(() => told.requests.length > before, "something is told");
    await Bun.sleep(random.below(1_500));
    await present.end("SIGKILL");
    present = server = await ServerProcess.start(folder, words);
  }
  talking.isOver = true;
  await Promise.all(talks);
  const bodiesTo = (to: string): string[] => {
    const events = told.events.filter(({ data }) => data["to"] === to);
    return [...new Set(events.map(({ data }) => String(data["body"])))];
  };
  for (const to of conversations) {
    const stored = acknowledged.get(to) ?? [];
    await until(() => bodiesTo(to).length >= stored.length, `all that ${to} got is told`);
    // A set keeps the order in which each came first.
    expect(bodiesTo(to)).toEqual(stored);
  }
  expect(told.invalid).toEqual([]);
  const total = [...acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  console.log(`${total} messages, ${told.events.length} events in ${told.requests.length} requests`);
  expect(total).toBeGreaterThan(50);
  const listed = await run(["webhook", "list", "--data", folder, "--json"], folder);
  expect(JSON.parse(listed.out)).toMatchObject({ name: "crm", dead: 0, lost: 0 });
}, 240_000);
