// The back ends of scripts/examples with an API that answers what a test says: which webhooks they believe.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { ExampleBackEnd, exampleMsMax, examples, isInstalled, pathOf } from "../support/example-back-end.ts";

const linesMax = 60;
const key = "rk_a-key-of-this-test";
const secret = randomBytes(32);
const another = randomBytes(32);
const answers: Readonly<Record<string, object>> = {
  "/roost.v1.Admin/SetWebhook": { secret: `whsec_${secret.toString("base64")}` },
  "/roost.v1.Accounts/IssueToken": { token: "a.token.of-alice" },
  "/roost.v1.Messages/Send": { messageId: "4711" },
};

const event = (body: string): string =>
  JSON.stringify({ events: [{ id: "1", type: "message.stored", data: { messageId: "4711", body } }] });

function signed(by: Buffer, id: string, secondsAgo: number, body: string): [string, string] {
  const timestamp = `${Math.floor(Date.now() / 1_000) - secondsAgo}`;
  return [timestamp, `v1,${createHmac("sha256", by).update(`${id}.${timestamp}.${body}`).digest("base64")}`];
}

const isRefused: Readonly<Record<string, (body: string) => [timestamp: string, signature: string]>> = {
  "no signature": (body) => [signed(secret, "msg_1", 0, body)[0], ""],
  "one by another secret": (body) => signed(another, "msg_1", 0, body),
  "one of another id": (body) => signed(secret, "msg_2", 0, body),
  "one of another body": (body) => signed(secret, "msg_1", 0, `${body} `),
  "one of ten minutes ago": (body) => signed(secret, "msg_1", 600, body),
  "one of ten minutes later": (body) => signed(secret, "msg_1", -600, body),
  "no time": (body) => ["", signed(secret, "msg_1", 0, body)[1]],
};

let api: Bun.Server<undefined>;
const asked: { method: string; authorization: string | null; idempotencyKey: string | null; request: unknown }[] = [];
beforeAll(() => {
  api = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const method = new URL(request.url).pathname;
      const { headers } = request;
      const [authorization, idempotencyKey] = [headers.get("authorization"), headers.get("idempotency-key")];
      asked.push({ method, authorization, idempotencyKey, request: await request.json() });
      return Response.json(answers[method] ?? {});
    },
  });
});
afterAll(() => api.stop(true));

describe.each([...examples])("$name", (example) => {
  test.skipIf(!isInstalled(example))(
    "the example calls the API, and believes webhooks with a signature of now alone",
    async () => {
      asked.length = 0;
      const backEnd = await ExampleBackEnd.start(example, api.url.origin, key);
      try {
        expect(await backEnd.line(/^token (\S+)$/m)).toBe("a.token.of-alice");
        expect(await backEnd.line(/^sent (\S+)$/m)).toBe("4711");
        expect(asked.map(({ method }) => method)).toEqual(Object.keys(answers));
        expect(asked.map(({ authorization }) => authorization)).toEqual(asked.map(() => `Bearer ${key}`));
        expect(asked[2]).toMatchObject({
          idempotencyKey: expect.stringMatching(/^[!-~]{1,64}$/),
          request: { to: "alice" },
        });
        const post = async (body: string, timestamp: string, signature: string): Promise<number> => {
          const headers = { "webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature };
          const answer = await fetch(backEnd.hook, { method: "POST", headers, body });
          await answer.arrayBuffer();
          return answer.status;
        };
        for (const [name, sign] of Object.entries(isRefused))
          expect([name, await post(event("forged"), ...sign(event("forged")))]).toEqual([name, 401]);
        const [timestamp, signature] = signed(secret, "msg_1", 0, event("hello"));
        expect(await post(event("hello"), timestamp, signature)).toBeLessThan(300);
        await backEnd.line(/message\.stored.*4711.*hello/);
        // While a secret is changed, the former one signs, too.
        const [, former] = signed(another, "msg_1", 0, event("good bye"));
        const [now, mine] = signed(secret, "msg_1", 0, event("good bye"));
        expect(await post(event("good bye"), now, `${former} ${mine}`)).toBeLessThan(300);
        await backEnd.line(/message\.stored.*4711.*good bye/);
        expect(backEnd.printed).not.toContain("forged");
      } finally {
        await backEnd.end();
      }
    },
    exampleMsMax,
  );

  test(`the example has at most ${linesMax} lines`, () => {
    expect(readFileSync(pathOf(example), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(linesMax);
  });
});
