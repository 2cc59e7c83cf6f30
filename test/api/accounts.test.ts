// Every method of Accounts but those of data, and those of Admin but for webhooks, by the clients that the package
// makes of proto/api.proto, with JSON and binary protobuf.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { until } from "../../scripts/harness/until.ts";
import { reasonOf } from "../../src/base/reason-of.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { Feature } from "../../src/wire/features.ts";
import { LoginReqSchema, SignalSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ApiStage, type KeyName, makeKey } from "./api-stage.ts";

let stage: ApiStage;
let left = 0;
beforeAll(async () => {
  stage = await ApiStage.start({ leave: () => left++ });
});
afterAll(() => stage.messenger.stop());

async function failure(work: Promise<unknown>): Promise<{ code: Code; sentence: string }> {
  try {
    await work;
  } catch (error) {
    const { code, rawMessage: sentence } = ConnectError.from(error);
    return { code, sentence };
  }
  throw new Error("it succeeded");
}

/** Why a token signs nobody in; '' if it does. */
async function signedIn(token: string): Promise<string> {
  try {
    await (await stage.messenger.stranger()).signIn(token);
    return "";
  } catch (error) {
    return reasonOf(error).replace(/^sign-in refused: \d+ /, "");
  }
}

const second = (): bigint => BigInt(Math.floor(Date.now() / 1_000));

describe.each([
  { title: "binary protobuf", isBinary: true, who: "b" },
  { title: "JSON", isBinary: false, who: "j" },
])("in $title", ({ isBinary, who }) => {
  const alice = `alice-${who}`;
  const bob = `bob-${who}`;
  const accounts = (key: KeyName = "all") => stage.accounts(key, isBinary);
  const admin = (key: KeyName = "everyApp") => stage.admin(key, isBinary);

  test("a profile is set and read; what is absent stays, and who has none is left out", async () => {
    const { version } = await accounts().setProfile({ account: alice, name: "Alice", extra: "{}" });
    expect(version).toBeGreaterThan(0n);
    expect((await accounts().setProfile({ account: alice, name: "Alicia" })).version).toBeGreaterThan(version);
    const { profiles } = await accounts().getProfiles({ accounts: [alice, `nobody-${who}`] });
    expect(profiles).toMatchObject([{ account: alice, name: "Alicia", extra: "{}" }]);
    const { profiles: ofOther } = await accounts("other").getProfiles({ accounts: [alice] });
    expect(ofOther).toEqual([]);
    const avatar = "javascript:alert(1)";
    expect(await failure(accounts().setProfile({ account: alice, avatar }))).toMatchObject({
      code: Code.InvalidArgument,
    });
    expect(await failure(accounts().setProfile({ account: alice }))).toMatchObject({ code: Code.InvalidArgument });
  });

  test("the devices of an account are listed with gateway, time and address, and its presence is told", async () => {
    const before = second();
    const clients = [
      await stage.messenger.client(bob, { device: "phone" }),
      await stage.messenger.client(bob, { device: "laptop" }),
    ];
    const { sessions } = await accounts().sessions({ account: bob });
    expect(sessions.map(({ device }) => device).toSorted()).toEqual(["laptop", "phone"]);
    for (const { gateway, address, since, channelId } of sessions) {
      expect([gateway, address, channelId !== ""]).toEqual(["test-gateway", "127.0.0.1", true]);
      expect(since).toBeGreaterThanOrEqual(before - 1n);
      expect(since).toBeLessThanOrEqual(second());
    }
    const { states } = await accounts().presence({ accounts: [`nobody-${who}`, bob] });
    expect(states.map(({ account, devices }) => [account, devices])).toEqual([
      [`nobody-${who}`, 0],
      [bob, 2],
    ]);
    expect((await accounts("other").sessions({ account: bob })).sessions).toEqual([]);
    expect(await accounts().kick({ account: bob, device: "phone" })).toMatchObject({ sessions: 1 });
    expect((await clients[0]!.ending()).code).toBe(CloseCode.Kicked);
    const count = async (): Promise<number> => (await accounts().sessions({ account: bob })).sessions.length;
    await until(async () => (await count()) === 1, "the session has ended");
    expect(await accounts().kick({ account: bob })).toMatchObject({ sessions: 1 });
    expect((await clients[1]!.ending()).code).toBe(CloseCode.Kicked);
  });

  test("a token that is issued signs in, for as long as is asked, until it is revoked", async () => {
    const account = `token-${who}`;
    const hour = await accounts().issueToken({ account });
    expect(Number(hour.expiresAt - second())).toBeCloseTo(3_600, -1);
    const { token, expiresAt } = await accounts().issueToken({ account, expiresIn: 60n });
    expect(Number(expiresAt - second())).toBeCloseTo(60, -1);
    expect(await signedIn(token)).toBe("");
    const { before } = await accounts().revokeTokens({ account });
    expect(before).toBeGreaterThan(second() - 2n);
    await until(async () => (await signedIn(token)).includes("the token was revoked"), "the gateway has heard of it");
    expect(await accounts().revokeTokens({ account, before: 1_000n })).toMatchObject({ before });
    for (const bad of ["@system", "", "a,b", "x".repeat(61)])
      expect([bad, await failure(accounts().issueToken({ account: bad }))]).toMatchObject([
        bad,
        { code: Code.InvalidArgument },
      ]);
    for (const expiresIn of [-1n, 31_622_401n])
      expect(await failure(accounts().issueToken({ account, expiresIn }))).toMatchObject({
        code: Code.InvalidArgument,
      });
    const later = second() + 1_000n;
    for (const bad of [-1n, later, BigInt(Date.now())])
      expect(await failure(accounts().revokeTokens({ account, before: bad }))).toMatchObject({
        code: Code.InvalidArgument,
      });
  });

  test("a banned account signs in with no token, and is told until when; without an end, it is for good", async () => {
    const account = `mallory-${who}`;
    const client = await stage.messenger.client(account);
    const until1 = second() + 3_600n;
    expect(await accounts().ban({ account, until: until1 })).toMatchObject({ until: until1 });
    expect((await client.ending()).text).toBe("the account is banned");
    const { token } = await accounts().issueToken({ account });
    const end = new Date(Number(until1) * 1_000).toISOString().replace(".000Z", "Z");
    expect(await signedIn(token)).toBe(`the account is banned until ${end}`);
    expect(await accounts().ban({ account })).toMatchObject({ until: 0n });
    await until(async () => (await signedIn(token)).endsWith("for good"), "the gateway has heard of it");
    expect(await accounts().unban({ account })).toMatchObject({ wasBanned: true });
    expect(await accounts().unban({ account })).toMatchObject({ wasBanned: false });
    await until(async () => !(await signedIn(token)).includes("banned"), "the gateway has heard of it");
    for (const bad of [-1n, second() - 10n, BigInt(Date.now()), 253_402_300_800n])
      expect([bad, await failure(accounts().ban({ account, until: bad }))]).toMatchObject([
        bad,
        { code: Code.InvalidArgument },
      ]);
  });

  test("an announcement is shown to every client of the app that knows signals", async () => {
    const kind = `notice-${who}`;
    const knowing = async (app: string) => {
      const client = await stage.messenger.stranger();
      const token = await stage.messenger.token(`shown-${who}`, app);
      await client.request(Command.SignIn, "", LoginReqSchema, { token, features: [Feature.Conversations] });
      return client;
    };
    const [mine, others] = [await knowing("app"), await knowing("other")];
    const old = await stage.messenger.client(`old-${who}`);
    expect(await accounts().announce({ kind, body: "at 22:00" })).toMatchObject({ gateways: 1 });
    const [shown] = await mine.pushed(Command.Signal, SignalSchema);
    expect(shown).toMatchObject({ sender: "@system", account: "", group: "", kind, body: "at 22:00" });
    expect([others, old].flatMap(({ pushes }) => pushes)).toEqual([]);
    expect(await failure(accounts().announce({ kind: "a\nb" }))).toMatchObject({ code: Code.InvalidArgument });
    expect(await failure(accounts().announce({ kind, body: "b".repeat(1_025) }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });

  test("a scope that a key lacks is named, and other apps are none of its business", async () => {
    expect(await failure(accounts("reader").ban({ account: bob }))).toEqual({
      code: Code.PermissionDenied,
      sentence: "the key lacks the scope accounts:ban",
    });
    expect(await failure(accounts("all").kick({ account: bob, app: "other" }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    expect(await failure(admin("all").drain({}))).toMatchObject({ code: Code.PermissionDenied });
    expect(await failure(admin("all").createKey({ name: "n", scopes: ["*"], app: "*" }))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });

  test("a node tells what it is, its limits and its metrics, and leaves when it is told to", async () => {
    const { nodes } = await admin().nodes({ app: "app" });
    expect(nodes).toMatchObject([{ id: "test", role: "standalone", version: "test", ready: true, draining: false }]);
    const { limits } = await admin().limits({ app: "app" });
    expect(limits.find(({ name }) => name === "revocations")).toMatchObject({ unit: "", reached: 0n });
    expect(limits.find(({ name }) => name === "shutdown")).toMatchObject({ unit: "ms" });
    const { stats } = await admin().stats({ app: "app", prefix: "roost_talk_commit" });
    expect(stats.map(({ name }) => name)).toContain("roost_talk_commit_seconds_count");
    const bugs = await admin().stats({ app: "app", prefix: "roost_bugs_total" });
    expect(bugs.stats.reduce((sum, { value }) => sum + value, 0)).toBe(0);
    const before = left;
    expect(await admin().drain({ app: "app" })).toMatchObject({ node: "test" });
    await until(() => left === before + 1, "it is told to leave");
  });

  test("a key is made by a key with as much, listed without its text, and refused once it is revoked", async () => {
    const text = await makeKey(stage.messenger, "shop", ["admin:keys", "groups:*"]);
    const made = await (
      await fetch(`${stage.url}/roost.v1.Admin/CreateKey`, {
        method: "POST",
        headers: { authorization: `Bearer ${text}`, "content-type": "application/json" },
        body: JSON.stringify({ name: `reader ${who}`, scopes: ["groups:read"] }),
      })
    ).json();
    const { key, secret } = Object(made);
    expect([String(secret), String(Object(key).id)]).toEqual([
      expect.stringMatching(/^rk_[0-9A-Za-z]{43}$/),
      expect.stringMatching(/^[0-9a-f]{16}$/),
    ]);
    expect(key).toMatchObject({ name: `reader ${who}`, app: "shop", scopes: ["groups:read"] });
    const { keys } = await admin().listKeys({ app: "shop", limit: 1_000 });
    const listed = keys.find(({ name }) => name === `reader ${who}`);
    expect(listed).toMatchObject({ app: "shop", revokedAt: 0n });
    const first = await admin().listKeys({ app: "shop", limit: 1 });
    expect([first.keys.length, first.hasMore]).toEqual([1, true]);
    const rest = await admin().listKeys({ app: "shop", after: first.keys[0]!.id });
    expect([...first.keys, ...rest.keys].map(({ id }) => id)).toEqual(keys.map(({ id }) => id));
    const calls = async (): Promise<number> =>
      (
        await fetch(`${stage.url}/roost.v1.Groups/List`, {
          method: "POST",
          headers: { authorization: `Bearer ${String(secret)}`, "content-type": "application/json" },
          body: JSON.stringify({ account: bob }),
        })
      ).status;
    expect(await calls()).toBe(200);
    expect((await admin().revokeKey({ id: listed!.id, app: "shop" })).revokedAt).toBeGreaterThan(0n);
    expect(await calls()).toBe(401);
    expect(await failure(admin().revokeKey({ id: "none", app: "shop" }))).toMatchObject({ code: Code.NotFound });
    expect(await failure(admin().createKey({ name: "n", scopes: ["no:such"], app: "shop" }))).toMatchObject({
      code: Code.InvalidArgument,
      sentence: expect.stringContaining('there is no scope "no:such"'),
    });
  });
});
