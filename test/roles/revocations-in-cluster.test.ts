// Kicks and revocations in a cluster of several gateways and chat nodes: in force everywhere, also where a link was
// down or a login node away.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { controlAnswer, ControlCommands, controlRequest } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { createLoginService } from "../../src/roles/login/commands.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { endings } from "../support/endings.ts";
import { sleep } from "../../src/base/timers.ts";

const key = new TextEncoder().encode("the key of a test with gateways");
const closing = endings();

const beganMs = Date.now();
/** Always the same. */
const tokenOf = (account: string): Promise<string> => signToken(key, { account, app: "app", ttlSeconds: 600 }, beganMs);

/** `time`: that of the cluster; the machine's unless it is given. */
async function fixture(time?: ManualTimers) {
  const folder = mkdtempSync(join(tmpdir(), "roost-revocations-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const sessions = await openSqliteSessions({
    path: join(folder, "s.db"),
    log: silentLog,
    ...(time && { clock: time, timers: time }),
  });
  closing.push(() => sessions.close());
  const cluster = new MemoryCluster(time);
  closing.push(() => cluster.stop());
  const metrics = new Metrics();
  const runtime = { ...systemRuntime, ...(time && { clock: time, timers: time }) };
  const { limits } = cluster;
  const startLogin = async (): Promise<void> => {
    const ofLogin = metrics.forService("login", "login");
    const { service, stop } = createLoginService({
      ...runtime,
      sessions,
      metrics: ofLogin,
      limits,
      log: silentLog,
    });
    closing.push(stop);
    await cluster.startNode(cluster.around("login", "login"), service, ofLogin);
  };
  await startLogin();
  /**
   * Opens the store of a chat node, and returns the function that starts the node and resolves with its controls.
   * With `readMs`, the store takes that long to list the revocations, which are those of now: manual time would pass by
   * the thread that reads them.
   */
  const openChat = async (id: string, readMs?: number): Promise<() => Promise<ControlCommands>> => {
    const store = await openSqliteStore({ path: join(folder, "m.db"), retentionDays: 0, log: silentLog });
    closing.push(() => store.close());
    if (readMs !== undefined) {
      const rows = await store.revocations(0n, 100);
      store.revocations = async (after, limit) => {
        await sleep(runtime.timers, readMs);
        return rows.filter((row) => row.id > after).slice(0, limit);
      };
    }
    return async () => {
      const control = new ControlCommands({}, () => undefined);
      const ofChat = metrics.forService(id, "chat");
      const parts = { store, sessions, metrics: ofChat, latency: metrics.talkLatency, ...runtime };
      const service = createChatService({ ...defaultSettings("chat"), ...parts, limits, control, log: silentLog });
      await cluster.startNode(cluster.around(id, "chat"), service, ofChat);
      return control;
    };
  };
  const startChat = async (id: string): Promise<ControlCommands> => (await openChat(id))();
  const gateway = async (id: string): Promise<GatewayRole & { readonly tcp: string }> => {
    const role = cluster.gateway(cluster.around(id, "gateway"), metrics.forService(id, "gateway"), key);
    const { tcp = "" } = await cluster.during(role.start());
    closing.push(() => cluster.during(role.drain(0, 0)));
    return Object.assign(role, { tcp });
  };
  const client = async (of: { readonly tcp: string }, account: string): Promise<WireClient> => {
    const made = await WireClient.connect(of.tcp);
    closing.push(() => made.terminate());
    await made.signIn(await tokenOf(account), systemRandom.base62(24));
    return made;
  };
  return { cluster, sessions, startLogin, startChat, openChat, gateway, client };
}

const obeyed = async (control: ControlCommands, command: string, account: string): Promise<unknown> =>
  controlAnswer(await control.obey(controlRequest(command, { app: "app", account })));

test("a revocation given to one chat node ends the connections on all gateways", async () => {
  const { startChat, gateway, client } = await fixture();
  const chat = await startChat("chat-1");
  await startChat("chat-2");
  const gateways = [await gateway("gate-1"), await gateway("gate-2")] as const;
  const clients = await Promise.all(gateways.map((of) => client(of, "ann")));
  const bob = await client(gateways[1], "bob");
  expect(await obeyed(chat, "kick", "ann")).toMatchObject({ connections: 2 });
  for (const one of clients) expect((await one.ending()).code).toBe(CloseCode.Kicked);
  expect(bob.isClosed).toBe(false);
});

test("a gateway that has lost that chat node gets the revocation from another one", async () => {
  const { startChat, gateway, client, cluster } = await fixture();
  const chat = await startChat("chat-1");
  await startChat("chat-2");
  const gate = await gateway("gate-1");
  const ann = await client(gate, "ann");
  await cluster.kill("chat-1");
  await obeyed(chat, "revoke", "ann");
  expect((await ann.ending()).code).toBe(CloseCode.Unauthorised);
});

test("a gateway whose links to all chat nodes were down catches up; one that starts later begins with it", async () => {
  const { startChat, gateway, client, cluster } = await fixture();
  const chat = await startChat("chat-1");
  const gate = await gateway("gate-1");
  const [ann, joe] = [await client(gate, "ann"), await client(gate, "joe")];
  await cluster.kill("chat-1");
  await until(() => gate.missingServices().length === 1, "the link is down");
  await obeyed(chat, "kick", "ann");
  await obeyed(chat, "revoke", "joe");
  await Bun.sleep(50);
  expect([ann.isClosed, joe.isClosed]).toEqual([false, false]);
  await startChat("chat-2");
  expect([(await ann.ending()).code, (await joe.ending()).code]).toEqual([CloseCode.Kicked, CloseCode.Unauthorised]);
  const later = await gateway("gate-2");
  await expect(client(later, "joe")).rejects.toThrow("the token was revoked");
  await client(later, "ann");
});

test("a kick while the login node is away brings no session back when it is there again", async () => {
  const time = new ManualTimers();
  const { startChat, startLogin, gateway, client, cluster, sessions } = await fixture(time);
  const chat = await startChat("chat-1");
  const gate = await gateway("gate-1");
  const [ann, bob] = [await client(gate, "ann"), await client(gate, "bob")];
  await cluster.kill("login");
  await time.until(() => gate.missingServices().includes("login"), "the login node is away");
  await time.during(obeyed(chat, "kick", "ann"));
  expect((await time.during(ann.ending())).code).toBe(CloseCode.Kicked);
  const located = async (account: string): Promise<number> => (await sessions.locate("app", [account]))[0]?.length ?? 0;
  await time.until(async () => (await located("bob")) === 0, "the gateway's sessions have ended");
  await startLogin();
  await time.until(async () => (await located("bob")) === 1, "they are sent again");
  expect([await located("ann"), bob.isClosed]).toEqual([0, false]);
}, 60_000);

test("a gateway that starts without any chat node lets a revoked token in until one is there, no longer", async () => {
  const time = new ManualTimers();
  const { startChat, gateway, client, cluster } = await fixture(time);
  const chat = await startChat("chat-1");
  await time.during(obeyed(chat, "revoke", "joe"));
  await cluster.kill("chat-1");
  const gate = await gateway("gate-1");
  const joe = await client(gate, "joe");
  await startChat("chat-2");
  expect((await time.during(joe.ending())).code).toBe(CloseCode.Unauthorised);
  await expect(client(gate, "joe")).rejects.toThrow("the token was revoked");
}, 60_000);

test("a starting gateway lets nobody in before a chat node has listed the revocations, however long", async () => {
  const time = new ManualTimers();
  const { startChat, openChat, gateway, client, cluster } = await fixture(time);
  const chat = await startChat("chat-1");
  await time.during(obeyed(chat, "revoke", "joe"));
  await cluster.kill("chat-1");
  for (const readMs of [200, 2_500]) {
    const start = await openChat(`chat-${readMs}`, readMs);
    const [gate] = await Promise.all([gateway(`gate-${readMs}`), start()]);
    await expect(client(gate, "joe")).rejects.toThrow("the token was revoked");
    await cluster.kill(`chat-${readMs}`);
  }
}, 60_000);
