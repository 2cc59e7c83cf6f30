// roost kick, revoke, ban and unban as a process with a message store obeys them: what is refused, and what is in force
// afterwards.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { banMsMax } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { controlAnswer, controlRequest, type ControlFields } from "../../src/observe/control-commands.ts";
import { AccountControls } from "../../src/service/account-controls.ts";
import { operatorCommands } from "../../src/roles/chat/operator-commands.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import type { Revocation } from "../../src/wire/revocations.ts";
import { testLimits } from "../support/limits.ts";
import { until } from "../../scripts/harness/until.ts";
import { reasonOf } from "../../src/base/reason-of.ts";
import { Messenger } from "../support/messenger.ts";

let messenger: Messenger;
const folder = mkdtempSync(join(tmpdir(), "roost-revoked-"));
const storePath = join(folder, "messages.db");
const start = (): Promise<Messenger> => Messenger.start({ storePath });
beforeAll(async () => {
  messenger = await start();
});
afterAll(async () => {
  await messenger.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (command: string, fields: ControlFields): Promise<unknown> =>
  controlAnswer(await messenger.control.obey(controlRequest(command, { app: "app", ...fields })));
const tokenOf = (account: string, nowMs: number): Promise<string> =>
  signToken(messenger.secret, { account, app: "app", ttlSeconds: 86_400 }, nowMs);

/** Why a token signs nobody in; '' if it does. */
const signedIn = async (token: string): Promise<string> => {
  try {
    await (await messenger.stranger()).signIn(token);
    return "";
  } catch (error) {
    return reasonOf(error).replace(/^sign-in refused: \d+ /, "");
  }
};

test("a kicked account's connections end; its token is good at once, and it stays signed in", async () => {
  const [phone, laptop, bob] = await Promise.all([
    messenger.client("kick", { device: "phone" }),
    messenger.client("kick", { device: "laptop" }),
    messenger.client("kickbob"),
  ]);
  expect(await ask("kick", { account: "kick", device: "phone" })).toMatchObject({ connections: 1 });
  expect((await phone.ending()).code).toBe(CloseCode.Kicked);
  const again = await messenger.client("kick", { device: "phone" });
  expect(await ask("kick", { account: "kick" })).toMatchObject({ connections: 2 });
  expect([(await laptop.ending()).code, (await again.ending()).code]).toEqual([CloseCode.Kicked, CloseCode.Kicked]);
  const third = await messenger.client("kick");
  await Bun.sleep(20);
  expect([third.isClosed, bob.isClosed]).toEqual([false, false]);
});

test("a revoked token signs nobody in, after a restart either; one that is issued later does", async () => {
  const nowMs = Date.now();
  const former = await tokenOf("rev", nowMs);
  const client = await messenger.stranger();
  await client.signIn(former);
  expect(await ask("revoke", { account: "rev" })).toMatchObject({ connections: 1 });
  expect((await client.ending()).code).toBe(CloseCode.Unauthorised);
  const refused = async (): Promise<void> => {
    await expect((await messenger.stranger()).signIn(former)).rejects.toThrow("the token was revoked");
  };
  await refused();
  await messenger.drain();
  messenger = await start();
  await refused();
  await (await messenger.stranger()).signIn(await tokenOf("rev", nowMs + 2_000));
});

test("a revocation up to an earlier time leaves later tokens good", async () => {
  const nowMs = Date.now();
  const [old, fresh] = [await tokenOf("earlier", nowMs - 7_200_000), await tokenOf("earlier", nowMs - 60_000)];
  const clients = await Promise.all([messenger.stranger(), messenger.stranger()]);
  await clients[0].signIn(old, "old");
  await clients[1].signIn(fresh, "fresh");
  await ask("revoke", { account: "earlier", beforeMs: nowMs - 3_600_000 });
  expect((await clients[0].ending()).code).toBe(CloseCode.Unauthorised);
  await Bun.sleep(20);
  expect(clients[1].isClosed).toBe(false);
});

test("a revocation takes none back that goes further, and says what is in force", async () => {
  const nowMs = Date.now();
  await ask("revoke", { account: "further", beforeMs: nowMs });
  expect(await ask("revoke", { account: "further", beforeMs: nowMs - 3_600_000 })).toMatchObject({ beforeMs: nowMs });
  const client = await messenger.stranger();
  await expect(client.signIn(await tokenOf("further", nowMs - 60_000))).rejects.toThrow("the token was revoked");
});

test("a banned account signs in with no token, after a restart either, until the ban is ended", async () => {
  const nowMs = Date.now();
  const client = await messenger.stranger();
  await client.signIn(await tokenOf("banned", nowMs));
  const untilMs = (Math.floor(nowMs / 1_000) + 3_600) * 1_000;
  expect(await ask("ban", { account: "banned", untilMs })).toMatchObject({ connections: 1, untilMs });
  expect(await client.ending()).toEqual({ code: CloseCode.Unauthorised, text: "the account is banned" });
  const fresh = await tokenOf("banned", nowMs + 2_000);
  const sentence = `the account is banned until ${new Date(untilMs).toISOString().replace(".000Z", "Z")}`;
  expect(await signedIn(fresh)).toBe(sentence);
  await messenger.drain();
  messenger = await start();
  expect(await signedIn(fresh)).toBe(sentence);
  expect(await ask("ban", { account: "banned" })).toMatchObject({ connections: 0, untilMs: banMsMax });
  await until(async () => (await signedIn(fresh)) === "the account is banned for good", "the gateway has heard of it");
  expect(await ask("unban", { account: "banned" })).toEqual({ wasBanned: true });
  expect(await ask("unban", { account: "banned" })).toEqual({ wasBanned: false });
  // The second ban has revoked what was issued before it, also the token that is fresh no more on a slow machine.
  const freshest = await tokenOf("banned", Date.now() + 2_000);
  await until(async () => (await signedIn(freshest)) === "", "the gateway has heard of it");
  expect(await signedIn(await tokenOf("banned", nowMs - 1_000))).toContain("the token was revoked");
});

test("a kick of an account that nobody knows is kept, and says that nobody was signed in", async () => {
  expect(await ask("kick", { account: "nobody-knows" })).toMatchObject({ connections: 0 });
});

test("what is no name, no device and no time is refused with a sentence", async () => {
  const nowMs = Date.now();
  const bad: [string, ControlFields, string][] = [
    ["kick", {}, "account is no name"],
    ["kick", { account: "" }, "account is no name"],
    ["kick", { account: 5 }, "account is no name"],
    ["kick", { account: "a", app: "" }, "app is no name"],
    ["kick", { account: "a", device: 5 }, "the name of a device"],
    ["kick", { account: "a", device: "d".repeat(65) }, "the name of a device"],
    ["revoke", { account: "a\n" }, "account is no name"],
    ["revoke", { account: "a", beforeMs: "1" }, "beforeMs is a time"],
    ["revoke", { account: "a", beforeMs: -1 }, "beforeMs is a time"],
    ["revoke", { account: "a", beforeMs: 1e300 }, "beforeMs is a time"],
    ["revoke", { account: "a", beforeMs: nowMs + 120_000 }, "that time is to come"],
    ["ban", {}, "account is no name"],
    ["ban", { account: "a", untilMs: "1" }, "untilMs is a time"],
    ["ban", { account: "a", untilMs: 1.5 }, "the end of a ban is a time"],
    ["ban", { account: "a", untilMs: banMsMax + 1 }, "not after the year 9999"],
    ["ban", { account: "a", untilMs: nowMs - 1 }, "that time is over"],
    ["unban", { account: "a," }, "account is no name"],
  ];
  for (const [command, fields, sentence] of bad) await expect(ask(command, fields)).rejects.toThrow(sentence);
});

test("a store or sessions that are away, and a full table, are reported", async () => {
  const limits = testLimits({ revocations: 7 });
  const kept: Revocation[] = [];
  let outcome: "stored" | "full" | "away" = "stored";
  let told = 0;
  const controls = new AccountControls({
    store: {
      ban: () => Promise.resolve({ result: "full" }),
      revoke(revocation) {
        kept.push(revocation);
        if (outcome === "away") return Promise.reject(new StoreUnavailable("the disk is full"));
        return Promise.resolve(outcome === "full" ? { result: "full" } : { result: "stored", id: 9n });
      },
      revocations: () => Promise.reject(new StoreUnavailable("the disk is gone")),
    },
    sessions: { locate: () => Promise.reject(new Error("the sessions are away")) },
    feed: { added: () => Promise.resolve(void told++) },
    limits,
    log: silentLog,
    clock: { wallMs: () => 1_500 },
  });
  const commands = operatorCommands(controls);
  const fields = { app: "app", account: "ann" };
  expect(await commands.revoke(fields)).toEqual({ id: "9", connections: null, beforeMs: 2_000 });
  expect(await commands.kick(fields)).toEqual({ id: "9", connections: null, beforeMs: 1_500 });
  expect(told).toBe(2);
  outcome = "full";
  await expect(commands.kick(fields)).rejects.toThrow("7 kicks and revocations are kept already");
  outcome = "away";
  await expect(commands.kick(fields)).rejects.toThrow("the message store cannot keep it now: the disk is full");
  await expect(commands.ban(fields)).rejects.toThrow("7 kicks and revocations are kept already");
  expect(limits.reached.get("revocations")).toBe(2);
  expect(kept[0]).toEqual({ ...fields, kind: "revoke", device: undefined, beforeMs: 2_000 });
});
