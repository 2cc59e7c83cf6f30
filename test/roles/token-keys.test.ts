// The keys of the client tokens change while a gateway serves.

import { expect, test } from "bun:test";
import { SecretError } from "../../src/auth/secret.ts";
import { signToken, type TokenKeys } from "../../src/auth/token.ts";
import { gatewayTokenKeys } from "../../src/roles/gateway/token-keys.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const fresh = (text: string): Uint8Array => new TextEncoder().encode(text);
const [one, two] = ["the first key of the tokens", "the second key of the tokens"];

/** A gateway that takes two keys, and a client in `app` for each of them. */
async function stage(keys: TokenKeys = { keys: [fresh(one), fresh(two)], appKeys: [], issuers: [] }) {
  const lone = loneGateway();
  const { gateway, wheel } = lone;
  gateway.verifier.replaceKeys(keys);
  gateway.expiries.start();
  const client = async (account: string, text: string, app = "app") => {
    const verdict = await gateway.verifier.verify(await signToken(fresh(text), { account, app, ttlSeconds: 600 }));
    if (!verdict.ok) throw new Error(verdict.reason);
    const made = lone.client(account);
    Object.assign(made.channel, { app, key: verdict.key, expiresAt: verdict.expiresAt });
    return made.connection;
  };
  const reload = (read: () => TokenKeys): string | undefined => {
    const sentence = gatewayTokenKeys(gateway, { ...keys, again: read }, new ManualTimers()).reload();
    wheel.advance(1_000);
    return sentence;
  };
  return { gateway, client, reload };
}

test("connections that a key signed in which is taken away end with 4003, the others stay", async () => {
  const { client, reload, gateway } = await stage();
  const [ann, bob] = [await client("ann", one), await client("bob", two)];
  expect(
    reload(() => ({ keys: [fresh("a third key of the tokens"), fresh(two)], appKeys: [], issuers: [] })),
  ).toContain(": 1");
  expect(ann.reason).toEqual({ code: 4003, text: "the key of the token is good no longer" });
  expect(bob.isOpen).toBe(true);
  const token = await signToken(fresh(one), { account: "ann", app: "app", ttlSeconds: 60 });
  expect(await gateway.verifier.verify(token)).toMatchObject({ ok: false });
  expect((await client("cid", "a third key of the tokens")).isOpen).toBe(true);
});

test("keys that are the same in another order end nobody", async () => {
  const { client, reload } = await stage();
  const both = [await client("ann", one), await client("bob", two)];
  expect(reload(() => ({ keys: [fresh(two), fresh(one)], appKeys: [], issuers: [] }))).toContain(": 0");
  expect(both.every(({ isOpen }) => isOpen)).toBe(true);
});

test("keys that cannot be read change nothing", async () => {
  const { client, reload } = await stage();
  const ann = await client("ann", one);
  const sentence = reload(() => {
    throw new SecretError("the file is empty");
  });
  expect(sentence).toContain("not changed");
  expect([ann.isOpen, (await client("bob", two)).isOpen]).toEqual([true, true]);
});

test("an app that gets a key of its own loses the connections that the common key signed in", async () => {
  const { client, reload } = await stage();
  const [shop, bank] = [await client("ann", one, "shop"), await client("bob", one, "bank")];
  reload(() => ({
    keys: [fresh(one)],
    appKeys: [{ app: "shop", kid: "k", key: fresh("the key of the shop") }],
    issuers: [],
  }));
  expect([shop.isOpen, bank.isOpen]).toEqual([false, true]);
});

test("a key that is taken away while a token is verified with it does not let that in", async () => {
  const { gateway } = await stage();
  const token = await signToken(fresh(one), { account: "ann", app: "app", ttlSeconds: 60 });
  const verdict = gateway.verifier.verify(token);
  gateway.verifier.replaceKeys({ keys: [fresh(two)], appKeys: [], issuers: [] });
  expect((await verdict).ok).toBe(false);
});
