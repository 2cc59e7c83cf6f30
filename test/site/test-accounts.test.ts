// POST /web/account, over real sockets: who gets an account, and who does not.

import { expect, test } from "bun:test";
import { request as httpRequest } from "node:http";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { newLinkSecret, TestAccounts } from "../../src/site/test-accounts.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const secret = newLinkSecret(systemRandom);
const right = JSON.stringify({ secret });
const json = { "content-type": "application/json" };

interface Stage {
  readonly url: string;
  readonly time: ManualTimers;
  /** What was issued. */
  readonly issued: { readonly app: string; readonly account: string; readonly ttlSeconds: number }[];
  readonly ask: (body: string, headers?: Record<string, string>) => Promise<Response>;
}

/** Serves accounts while `work` asks for some. `remote`: the address of whoever asks. */
async function withAccounts(
  work: (stage: Stage) => Promise<void>,
  { remote = (): string => "127.0.0.1", hasKey = true } = {},
): Promise<void> {
  const time = new ManualTimers();
  const issued: Stage["issued"] = [];
  const accounts = new TestAccounts({
    clock: time,
    timers: time,
    random: systemRandom,
    secret,
    tokens: {
      issue: (claims) => {
        issued.push(claims);
        return Promise.resolve(hasKey ? { token: `token of ${claims.account}`, expiresAt: 5 } : undefined);
      },
    },
    isSecure: false,
    rareLog: new RareLog(silentLog, time),
  });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => accounts.answer(request, remote()),
  });
  const url = `http://127.0.0.1:${server.port}/web/account`;
  try {
    await work({
      url,
      time,
      issued,
      ask: (body, headers = {}) => fetch(url, { method: "POST", body, headers: { ...json, ...headers } }),
    });
  } finally {
    await server.stop(true);
  }
}

test("a secret has 256 bits and is made anew each time", () => {
  expect(Buffer.from(secret, "base64url")).toHaveLength(32);
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(newLinkSecret(systemRandom)).not.toBe(secret);
});

test("with the secret of the link there is an account with an invented name, or with a chosen one", async () => {
  await withAccounts(async ({ ask, issued }) => {
    const invented = await ask(right);
    const { account, ...rest } = await invented.json();
    expect(account).toMatch(/^[a-z]{2,10}-[0-9a-z]{4}$/);
    expect(rest).toEqual({ app: "demo", token: `token of ${account}`, expiresAt: 5 });
    expect(invented.headers.get("cache-control")).toBe("no-store");
    // Again is how a token is renewed.
    for (let time = 0; time < 2; time++)
      expect(await (await ask(JSON.stringify({ secret, account: "Zoë 李" }))).json()).toMatchObject({
        account: "Zoë 李",
      });
    expect(issued.map(({ app, ttlSeconds }) => `${app} ${ttlSeconds}`)).toEqual(Array(3).fill("demo 3600"));
  });
});

test("what a proxy has passed on gets no account, though it has the secret", async () => {
  await withAccounts(async ({ ask, issued }) => {
    const fields = {
      forwarded: "for=192.0.2.1",
      via: "1.1 proxy",
      "x-real-ip": "192.0.2.1",
      "x-forwarded-for": "",
      "X-Forwarded-Proto": "https",
      "x-forwarded-host": "chat.example.org",
      "x-forwarded-prefix": "/chat",
    };
    for (const [name, value] of Object.entries(fields)) {
      const refused = await ask(right, { [name]: value });
      expect([name, refused.status]).toEqual([name, 403]);
      expect((await refused.json()).error).toContain(name.toLowerCase());
    }
    expect(issued).toEqual([]);
  });
});

test("a page of another origin gets no account, and its preflight no permission", async () => {
  await withAccounts(async ({ url, ask, issued }) => {
    const { origin, port } = new URL(url);
    expect((await ask(right, { origin, "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await ask(right, { "sec-fetch-site": "none" })).status).toBe(200);
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: `https://127.0.0.1:${port}` },
      { origin: `http://localhost:${port}` },
      { origin: "http://127.0.0.1" },
      { origin: "null" },
      { origin: "" },
      { origin, "sec-fetch-site": "cross-site" },
      { origin, "sec-fetch-site": "same-site" },
    ];
    for (const headers of foreign) expect([headers, (await ask(right, headers)).status]).toEqual([headers, 403]);
    const preflight = await fetch(url, { method: "OPTIONS", headers: { origin: "https://evil.example" } });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([405, null]);
    expect(issued).toHaveLength(2);
  });
});

test("only JSON is taken, which no foreign page may send without asking", async () => {
  await withAccounts(async ({ url, ask, issued }) => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"])
      expect([type, (await ask(right, { "content-type": type })).status]).toEqual([type, 415]);
    expect((await fetch(url, { method: "POST", body: new Blob([right]) })).status).toBe(415);
    expect((await ask(right, { "content-type": "application/json; charset=utf-8" })).status).toBe(200);
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      const refused = await fetch(url, { method });
      expect([method, refused.status, refused.headers.get("allow")]).toEqual([method, 405, "POST"]);
    }
    expect(issued).toHaveLength(1);
  });
});

test("a malformed request is told what would be right", async () => {
  await withAccounts(async ({ url, ask, issued }) => {
    for (const body of ["", "x", "null", "[]", "1", "{}", '{"secret":1}', '{"secret":null}', `{"secret":"${secret}"`])
      expect([body, (await ask(body)).status]).toEqual([body, 400]);
    for (const account of ["", " ann", "a,b", "@system", "a\u200bb", "\u202eann", "x".repeat(61), 1, null, {}])
      expect([account, (await ask(JSON.stringify({ secret, account }))).status]).toEqual([account, 400]);
    const latin = await fetch(url, { method: "POST", body: new Uint8Array([0x22, 0xff, 0x22]), headers: json });
    expect([latin.status, (await latin.json()).error]).toEqual([400, "The body is not UTF-8."]);
    expect(issued).toEqual([]);
  });
});

test("a body is bounded in length, whatever it announces, and in time", async () => {
  await withAccounts(async ({ url, ask, time, issued }) => {
    expect((await ask(right.padEnd(4_096))).status).toBe(200);
    expect((await ask(right.padEnd(4_097))).status).toBe(413);
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_000).fill(0x20)),
    });
    const status = await fetch(url, { method: "POST", body: endless, headers: json }).then(
      (response) => response.status,
      () => 413,
    );
    expect(status).toBe(413);
    const slow = Promise.withResolvers<number | undefined>();
    const asking = httpRequest(url, { method: "POST", headers: { ...json, "content-length": right.length } });
    asking.on("response", (response) => slow.resolve(response.statusCode));
    asking.on("error", slow.reject);
    asking.write(right.slice(0, 5));
    expect(await time.during(slow.promise)).toBe(400);
    asking.destroy();
    expect(issued).toHaveLength(1);
  });
});

test("wrong secrets are counted, of an address and of all, and the right one is taken at any time", async () => {
  let remote = "192.0.2.1";
  await withAccounts(
    async ({ ask, time }) => {
      const wrong = JSON.stringify({ secret: newLinkSecret(systemRandom) });
      const statuses = async (count: number): Promise<number[]> => {
        const all: number[] = [];
        for (let asked = 0; asked < count; asked++) all.push((await ask(wrong)).status);
        return all;
      };
      expect(await statuses(12)).toEqual([...Array(10).fill(403), 429, 429]);
      const limited = await ask(wrong);
      expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "5"]);
      expect((await ask(right)).status).toBe(200);
      time.advance(5_000);
      expect(await statuses(2)).toEqual([403, 429]);
      // A network of IPv6 is one address; another address has its own count.
      remote = "2001:db8::1";
      expect(await statuses(10)).toEqual(Array(10).fill(403));
      remote = "2001:db8::2";
      expect(await statuses(1)).toEqual([429]);
      for (let host = 0; host < 30; host++) {
        remote = `198.51.100.${host}`;
        await statuses(10);
      }
      remote = "203.0.113.1";
      expect(await statuses(1)).toEqual([429]);
      expect((await ask(right)).status).toBe(200);
    },
    { remote: () => remote },
  );
});

test("secrets that are alike, or of any length, are wrong", async () => {
  await withAccounts(async ({ ask, issued }) => {
    const alike = [secret.slice(1), `${secret}=`, secret.toUpperCase(), ` ${secret}`, "", "x".repeat(3_000), "\u0000"];
    for (const each of alike) expect((await ask(JSON.stringify({ secret: each }))).status).toBe(403);
    expect(issued).toEqual([]);
  });
});

test("where others make the tokens of the app, there is no account", async () => {
  await withAccounts(
    async ({ ask }) => {
      expect((await ask(right)).status).toBe(409);
    },
    { hasKey: false },
  );
});
