// The code that answers the API is loaded with the first request.

import { expect, test } from "bun:test";
import { LateAnswers } from "../../src/api/late-answers.ts";
import { OpenRequests } from "../../src/api/open-requests.ts";
import { until } from "../../scripts/harness/until.ts";

function stage() {
  const requests = new OpenRequests({ monotonicMs: () => 0 });
  const code = Promise.withResolvers<undefined>();
  const loads = { count: 0 };
  const answers = new LateAnswers(async () => {
    loads.count++;
    await code.promise;
    return { answer: async (request) => new Response(await request.text()) };
  }, requests);
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request, to) => answers.answer(request, to) });
  const post = async (body: string): Promise<string> =>
    (await fetch(server.url, { method: "POST", body, keepalive: false })).text();
  return { requests, answers, code, loads, post, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("nothing is loaded before a request, and one that stops meanwhile waits for nothing", async () => {
  await using late = stage();
  await late.answers.settled();
  expect(late.loads.count).toBe(0);
});

test("64 requests before the code is loaded wait for it, count as open, and get their own answers", async () => {
  await using late = stage();
  const bodies = Array.from({ length: 64 }, (_, at) => `request ${at}`);
  const answered = Promise.all(bodies.map((body) => late.post(body)));
  await until(() => late.requests.underWay === 64, "64 requests wait");
  expect(late.requests.isQuiet).toBe(false);
  let isSettled = false;
  const settled = late.answers.settled().then(() => (isSettled = true));
  await Bun.sleep(20);
  expect(isSettled).toBe(false);
  late.code.resolve(undefined);
  expect(await answered).toEqual(bodies);
  await settled;
  expect([late.requests.underWay, late.loads.count]).toEqual([0, 1]);
  expect(await late.post("one more")).toBe("one more");
  expect(late.loads.count).toBe(1);
});
