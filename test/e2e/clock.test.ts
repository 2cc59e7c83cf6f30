// The compiled server on a machine whose clock is wrong for a while: nothing is lost, and nothing is refused
// afterwards.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { dayMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";
import { until } from "../../scripts/harness/until.ts";

let folder: string;
let clock: SteppedClock;
const servers: ServerProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-clock-e2e-"));
  clock = new SteppedClock();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  clock.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(words: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words, clock.variables());
  servers.push(server);
  return server;
}

/** A client whose token is good for years: made by the true clock. */
async function clientOf(server: ServerProcess, account: string): Promise<RoostClient> {
  const { out } = await run(["token", "--account", account, "--ttl", "9999d"], folder);
  return RoostClient.connect({ url: server.tcp, token: out.trim(), reconnect: false });
}

const bodies = (count: number): string[] => Array.from({ length: count }, (_, number) => `${number}`);

/** How many messages bob finds, from the beginning. */
async function found(server: ServerProcess): Promise<number> {
  const bob = await clientOf(server, "bob");
  const entries = await bob.index(1n, false);
  await bob.close();
  return entries.length;
}

const messages = (path = join(folder, "data/messages.db")): number => {
  const db = new Database(path, { readonly: true });
  const row = db.query<{ messages: number }, []>("SELECT count(*) AS messages FROM message").get();
  db.close();
  return row?.messages ?? -1;
};

describe.skipIf(isSteppedClockMissing)("with a clock that is wrong", () => {
  test("40 messages are all there after the clock was 30 days ahead for 4 seconds at a start", async () => {
    const first = await start(["--retention", "15d"]);
    const alice = await clientOf(first, "alice");
    for (const body of bodies(40)) await alice.talkToUser("bob", { body });
    await alice.close();
    await first.end("SIGTERM");

    clock.stepTo(30 * dayMs);
    const second = await start(["--retention", "15d"]);
    await until(() => second.log.includes("Old messages are not deleted for now"), "it tells that it waits");
    await Bun.sleep(4_000);
    expect(messages()).toBe(40);
    const health: { purgeWaitSeconds: number; ready: boolean } = await (await fetch(`${second.monitor}/health`)).json();
    expect(health).toMatchObject({ ready: true, purgeWaitSeconds: 86_400 });
    clock.stepTo(0);
    expect(await found(second)).toBe(40);
    await second.end("SIGTERM");

    const third = await start(["--retention", "15d"]);
    await Bun.sleep(1_500);
    expect(await found(third)).toBe(40);
    expect(third.log).not.toContain("Old messages are not deleted");
  }, 60_000);

  test("a message of a year ahead stops nothing when the clock is right again, nor does a restart", async () => {
    const first = await start();
    const alice = await clientOf(first, "alice");
    clock.stepTo(365 * dayMs);
    const ahead = await alice.talkToUser("bob", { body: "from next year" });
    clock.stepTo(0);
    let last = ahead.id;
    const beganMs = Date.now();
    for (const body of bodies(5)) {
      const sent = await alice.talkToUser("bob", { body });
      expect(sent.id).toBeGreaterThan(last);
      expect(Number(sent.sendTime / 1_000_000n)).toBeWithin(beganMs - 1_000, beganMs + 60_000);
      last = sent.id;
    }
    await alice.close();
    await first.end("SIGTERM");

    const second = await start();
    await until(
      () => second.log.includes("The clock is behind the newest message's id"),
      "it tells that ids are ahead",
    );
    const again = await clientOf(second, "alice");
    expect((await again.talkToUser("bob", { body: "after a restart" })).id).toBeGreaterThan(last);
    await again.close();
    expect(await found(second)).toBe(7);
    const health: { idsAheadSeconds: number } = await (await fetch(`${second.monitor}/health`)).json();
    expect(health).toMatchObject({ ready: true });
    expect(health.idsAheadSeconds).toBeGreaterThan(364 * 86_400);
    const metrics = await (await fetch(`${second.monitor}/metrics`)).text();
    expect(metrics).toMatch(/^roost_store_ids_ahead_seconds\{[^}]*service_name="chat"\} 3\d{7}/m);
    expect(metrics).toMatch(/^roost_store_purge_wait_seconds\{[^}]*service_name="chat"\} 0$/m);
  }, 60_000);

  test("a mistyped retention deletes nothing, and roost purge --now deletes at once beside the server", async () => {
    clock.stepTo(-40 * dayMs);
    const first = await start();
    const alice = await clientOf(first, "alice");
    for (const body of bodies(40)) await alice.talkToUser("bob", { body });
    await first.end("SIGTERM");
    await alice.close();
    // As if it had run for 40 days with those messages.
    clock.stepTo(0);
    const db = new Database(join(folder, "data/messages.db"));
    const now = Date.now();
    db.run("INSERT INTO mark SELECT max(id), ?, ? FROM message", [now - 39 * dayMs, -39 * dayMs]);
    db.run("INSERT OR REPLACE INTO horizon VALUES ('time', ?, 0, ?, ?, 0, 0)", [now, now, dayMs]);
    db.close();

    const second = await start(["--retention", "1d"]);
    await until(() => second.log.includes("Old messages are not deleted for now"), "it tells that it waits");
    expect(second.log).toMatch(/ messages="40" notBefore="/);
    expect(messages()).toBe(40);
    const survey = await run(["purge"], folder);
    expect(survey).toMatchObject({ status: 0, err: "" });
    expect(survey.out).toMatch(/^Messages are kept for 1 day\. .*\n40 messages are older\. .* at the earliest/);
    expect(await run(["purge", "--retention", "100d"], folder)).toMatchObject({
      status: 0,
      out: expect.stringContaining("No message is older."),
    });
    const purged = await run(["purge", "--now"], folder);
    expect(purged).toMatchObject({ status: 0, err: "", out: expect.stringContaining("\n40 messages deleted.\n") });
    expect(messages()).toBe(0);
    const again = await clientOf(second, "alice");
    await again.talkToUser("bob", { body: "it goes on" });
    await again.close();
    expect(await found(second)).toBe(1);
  }, 60_000);
});

test("roost purge says what is wrong: no store, no retention, forever, a store that it does not know", async () => {
  const missing = await run(["purge"], folder);
  expect(missing).toMatchObject({ status: 1, out: "" });
  expect(missing.err).toMatch(
    /^roost: there is no message store at .*messages\.db; name the right one with --data or --store\n$/,
  );
  const server = await ServerProcess.start(folder);
  servers.push(server);
  const unset = await run(["purge", "--now"], folder);
  expect(unset).toMatchObject({ status: 1, out: "" });
  expect(unset.err).toMatch(/keep messages forever; set the days to keep with --retention/);
  expect((await run(["purge", "--retention", "forever"], folder)).status).toBe(2);
  expect((await run(["purge", "--store", "mysql://x"], folder)).err).toContain(
    "--store: invalid value: expected sqlite:PATH or postgres://",
  );
  const none = await run(["purge", "--retention", "15d", "--now"], folder);
  expect(none).toMatchObject({
    status: 0,
    err: "",
    out: expect.stringMatching(/No message is older\.\n0 messages deleted\.\n$/),
  });
}, 60_000);
