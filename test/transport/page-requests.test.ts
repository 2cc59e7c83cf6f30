// Requests that a WebSocket listener answers itself: their number, and which sockets count as known.

import { expect, test } from "bun:test";
import { PageRequests } from "../../src/transport/page-requests.ts";

const requestFor = (path: string, signal?: AbortSignal): Request =>
  new Request(`http://127.0.0.1${path}`, signal && { signal });
const pages = {
  bodyBytesMax: 1,
  answer: (request: Request) => (request.url.endsWith("/page") ? Promise.resolve(new Response("page")) : undefined),
};

test("a page is answered, and its connection ends; other paths are not its own", async () => {
  const requests = new PageRequests(pages);
  const response = await requests.answer(requestFor("/page"), "127.0.0.1", 5, 1);
  expect([await response?.text(), response?.headers.get("connection")]).toEqual(["page", "close"]);
  expect(requests.answer(requestFor("/other"), "127.0.0.1", 6, 1)).toBeUndefined();
  expect(Array.from(requests.all(), ({ peer, isUnidentified }) => [peer, isUnidentified])).toEqual([
    ["127.0.0.1:5", false],
  ]);
});

test("with 256 requests under way another one is asked to come again", async () => {
  const requests = new PageRequests(pages);
  expect((await requests.answer(requestFor("/page"), "127.0.0.1", 5, 256))?.status).toBe(200);
  const refused = await requests.answer(requestFor("/page"), "127.0.0.1", 6, 257);
  expect([refused?.status, refused?.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(requests.size).toBe(1);
});

test("the newest 1,024 sockets are known, without those whose requests were given up", async () => {
  const requests = new PageRequests(pages);
  const given = new AbortController();
  await requests.answer(requestFor("/page", given.signal), "127.0.0.1", 1, 1);
  for (let port = 2; port <= 1_030; port++) await requests.answer(requestFor("/page"), "127.0.0.1", port, 1);
  expect(requests.size).toBe(1_024);
  expect(Math.min(...Array.from(requests.all(), ({ peerPort }) => peerPort))).toBe(7);
  const last = new AbortController();
  await requests.answer(requestFor("/page", last.signal), "127.0.0.1", 2_000, 1);
  last.abort();
  expect([requests.size, [...requests.all()].some(({ peerPort }) => peerPort === 2_000)]).toEqual([1_023, false]);
});
