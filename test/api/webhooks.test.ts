// The methods of Admin for webhooks, by the clients that the package makes of proto/api.proto.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { until } from "../../scripts/harness/until.ts";
import { Receiver } from "../hooks/receiver.ts";
import { loopback } from "../hooks/hook-stage.ts";
import { apiKeysPerAppMax, endpointsPerAppMax } from "../../src/base/limits/fixed.ts";
import { ApiStage, type KeyName } from "./api-stage.ts";

let stage: ApiStage;
const receivers: Receiver[] = [];
beforeAll(async () => {
  stage = await ApiStage.start({ hookAllow: loopback });
});
afterAll(async () => {
  await stage.messenger.stop();
  for (const receiver of receivers) await receiver.stop();
});

const admin = (isBinary = true) => stage.admin("all", isBinary);
async function failure(work: Promise<unknown>): Promise<readonly [Code, string]> {
  try {
    await work;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return [code, rawMessage];
  }
  throw new Error("it succeeded");
}

test.each([true, false])("an endpoint is set, told, listed, changed and removed (binary: %p)", async (isBinary) => {
  const made = await admin(isBinary).setWebhook({
    name: "crm",
    url: "http://127.0.0.1:9/hook",
    events: ["message.stored"],
  });
  expect(made.secret).toMatch(/^whsec_/);
  const receiver = new Receiver(made.secret);
  receivers.push(receiver);
  const changed = await admin(isBinary).setWebhook({ name: "crm", url: receiver.url });
  expect([changed.secret, changed.webhook?.events, changed.webhook?.url]).toEqual([
    "",
    ["message.stored"],
    receiver.url,
  ]);
  expect(await admin(isBinary).testWebhook({ name: "crm" })).toMatchObject({ ok: true, error: "" });
  expect(receiver.events.at(-1)).toMatchObject({ type: "webhook.test", data: { endpoint: "crm" } });
  await stage.messages("all", isBinary).send({ to: "bob", body: "hi" });
  await until(() => receiver.bodies.includes("hi"), "it is told");
  expect(receiver.events.at(-1)).toMatchObject({ data: { from: "@system", to: "bob", body: "hi" } });
  expect(receiver.invalid).toEqual([]);
  const { webhooks } = await admin(isBinary).listWebhooks({});
  expect(webhooks).toMatchObject([{ name: "crm", deadLetters: 0, lost: 0n, failOpen: false }]);
  expect((await stage.admin("other", isBinary).listWebhooks({})).webhooks).toEqual([]);
  expect((await admin(isBinary).listDeadLetters({ name: "crm" })).letters).toEqual([]);
  expect((await admin(isBinary).replayDeadLetters({ name: "crm" })).letters).toBe(0);
  const rotated = await admin(isBinary).setWebhook({ name: "crm", rotateSecret: true });
  expect(rotated.secret).toMatch(/^whsec_/);
  expect(rotated.secret).not.toBe(made.secret);
  const after = await admin(isBinary).testWebhook({ name: "crm" });
  expect([after.ok, after.error]).toEqual([false, "it answered 401: invalid signature"]);
  await admin(isBinary).removeWebhook({ name: "crm" });
  expect((await admin(isBinary).listWebhooks({})).webhooks).toEqual([]);
});

test("what cannot be an endpoint is refused with a sentence", async () => {
  const set = (change: object) =>
    failure(admin().setWebhook({ name: "x", url: "https://crm.example/", events: ["message.stored"], ...change }));
  for (const [change, sentence] of [
    [{ url: "https://user:pass@crm.example/" }, "credentials"],
    [{ url: "file:///etc/passwd" }, "its scheme is file"],
    [{ url: "" }, "no URL"],
    [{ events: ["message.deleted"] }, 'unknown event "message.deleted"'],
    [{ events: [] }, "name the events"],
    [{ name: "a b" }, "an endpoint's name"],
  ] as const) {
    const [code, said] = await set(change);
    expect([code, said]).toEqual([Code.InvalidArgument, expect.stringContaining(sentence)]);
  }
  for (const work of [
    () => admin().testWebhook({ name: "nobody" }),
    () => admin().removeWebhook({ name: "nobody" }),
    () => admin().listDeadLetters({ name: "nobody" }),
    () => admin().replayDeadLetters({ name: "nobody" }),
  ])
    expect((await failure(work()))[0]).toBe(Code.NotFound);
  // Addresses are judged when a request is sent: a name may lead somewhere else by then.
  await admin().setWebhook({ name: "inner", url: "http://10.0.0.1/", events: ["message.stored"] });
  const { ok, error } = await admin().testWebhook({ name: "inner" });
  expect([ok, error]).toEqual([false, expect.stringContaining("--hook-allow")]);
  await admin().removeWebhook({ name: "inner" });
});

test("edits and changes of groups by the API are asked about, with the message and the group", async () => {
  const asked: { data: Record<string, unknown> }[] = [];
  const backEnd = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { questions }: { questions: typeof asked } = JSON.parse(await request.text());
      asked.push(...questions);
      return Response.json({
        answers: questions.map(({ data }, id) => ({ id, allow: data["body"] !== "rude", reason: "be polite" })),
      });
    },
  });
  const url = `http://127.0.0.1:${backEnd.port}/`;
  const messages = stage.messages("all");
  const { messageId } = await messages.send({ sender: "ann", to: "bob", body: "fine" });
  await admin().setWebhook({ name: "moderation", url, events: ["before.send", "before.group"] });
  await until(async () => {
    await messages.send({ sender: "ann", to: "bob", body: "another" });
    return asked.length > 0;
  }, "it is asked");
  expect(await failure(messages.edit({ actor: "ann", messageId, body: "rude" }))).toEqual([
    Code.PermissionDenied,
    expect.stringContaining("be polite"),
  ]);
  expect(asked.at(-1)?.data).toMatchObject({ from: "ann", to: "bob", body: "rude", edits: `${messageId}` });
  const { group } = await stage.groups("all").create({ owner: "ann", name: "n", members: ["bob"] });
  await stage.groups("all").update({ group, name: "other" });
  expect(asked.at(-1)?.data).toEqual({ by: "@system", command: "chat.group.update", group });
  await stage.groups("all").removeMembers({ actor: "ann", group, accounts: ["bob"] });
  expect(asked.at(-1)?.data).toEqual({ by: "ann", command: "chat.group.remove", group });
  await admin().removeWebhook({ name: "moderation" });
  await backEnd.stop(true);
});

test("one test of an app's endpoints is under way at a time, other apps' are not stopped by it", async () => {
  const { promise: asked, resolve: met } = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<Response>();
  const slow = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      met();
      return answered.promise;
    },
  });
  const url = `http://127.0.0.1:${slow.port}/`;
  for (const key of ["all", "other"] as const)
    await stage.admin(key).setWebhook({ name: "slow", url, events: ["group.changed"] });
  const first = stage.admin().testWebhook({ name: "slow" });
  await asked;
  expect((await failure(stage.admin().testWebhook({ name: "slow" })))[0]).toBe(Code.ResourceExhausted);
  const others = stage.admin("other").testWebhook({ name: "slow" });
  answered.resolve(new Response(null, { status: 204 }));
  expect([await first, await others]).toMatchObject([{ ok: true }, { ok: true }]);
  expect(await stage.admin().testWebhook({ name: "slow" })).toMatchObject({ ok: true });
  for (const key of ["all", "other"] as const) await stage.admin(key).removeWebhook({ name: "slow" });
  await slow.stop(true);
});

test("an app has some of the endpoints and of the keys, and leaves room for others", async () => {
  await using small = await ApiStage.start();
  const wish = { url: "http://crm.example/", events: ["group.changed"] };
  for (let at = 0; at < endpointsPerAppMax; at++) await small.admin().setWebhook({ ...wish, name: `n${at}` });
  expect(await failure(small.admin().setWebhook({ ...wish, name: "more" }))).toEqual([
    Code.InvalidArgument,
    expect.stringContaining("endpoints already"),
  ]);
  await small.admin().setWebhook({ name: "n0", url: "http://other.example/" });
  await small.admin("other").setWebhook({ ...wish, name: "more" });
  const make = (key: KeyName, app: string) => small.admin(key).createKey({ app, name: "k", scopes: ["groups:read"] });
  let made = 0;
  const refused = await failure(
    (async () => {
      for (; ; made++) await make("all", "app");
    })(),
  );
  expect(refused).toEqual([Code.ResourceExhausted, expect.stringContaining("keys of the app")]);
  // The stage has made three of them.
  expect(made).toBe(apiKeysPerAppMax - 3);
  await make("other", "other");
  await make("everyApp", "app");
});
