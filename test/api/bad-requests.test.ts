// What is no good request: who may not, what is malformed, what is too much. None of it is the server's fault, so no
// answer is of 5xx; and none of it disturbs the next request.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { ApiStage, type KeyName } from "./api-stage.ts";

let stage: ApiStage;
beforeAll(async () => {
  stage = await ApiStage.start();
});
afterAll(() => stage.messenger.stop());
afterEach(async () => {
  // It serves as before.
  expect((await stage.post("Messages/Send", '{"to":"next","body":"hi"}')).status).toBe(200);
});

const hi = '{"to":"bob","body":"hi"}';

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

async function refused(answer: Promise<Response>): Promise<Refused> {
  const response = await answer;
  expect(response.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
  const { code, message }: Omit<Refused, "status"> = await response.json();
  return { status: response.status, code, message };
}

test("without a key, or with a wrong one, nothing is looked at", async () => {
  const headers = { "content-type": "application/json" };
  const bare = fetch(`${stage.url}/roost.v1.Messages/Send`, { method: "POST", body: "{", headers });
  expect(await refused(bare)).toMatchObject({ status: 401, code: "unauthenticated" });
  for (const authorization of ["Bearer rk_wrong", "Bearer ", "Basic cms6eA==", "all", "Bearer rk_all rk_all"])
    expect(await refused(stage.post("Messages/Send", "{", { authorization }))).toMatchObject({
      status: 401,
      code: "unauthenticated",
    });
});

test("a key of another app, or one without the scope, is told what it lacks", async () => {
  const other = await refused(stage.post("Messages/Send", '{"to":"bob","app":"app"}', {}, "other"));
  expect(other).toMatchObject({ status: 403, code: "permission_denied" });
  const lacking = await refused(stage.post("Messages/Send", hi, {}, "reader"));
  expect(lacking).toMatchObject({ status: 403, code: "permission_denied" });
  expect(lacking.message).toContain("messages:write");
  const acting = await refused(stage.post("Messages/Send", '{"sender":"eve","to":"bob"}', {}, "sender"));
  expect(acting).toMatchObject({ status: 403, code: "permission_denied" });
  expect(acting.message).toContain("messages:as");
  const forAll = await refused(stage.post("Messages/Send", hi, {}, "everyApp"));
  expect(forAll).toMatchObject({ status: 400, code: "invalid_argument" });
  expect(forAll.message).toContain("app");
  expect((await stage.post("Messages/Send", '{"to":"bob","body":"x","app":"other"}', {}, "everyApp")).status).toBe(200);
  // A key of one app sees nothing of the other's.
  expect((await stage.messages("other").history({ account: "bob", peer: "@system" })).messages.length).toBe(1);
});

test.each([
  ["an id as a number above 2^53", "Messages/Recall", '{"messageId":9007199254740993}'],
  ["an id above 2^63", "Messages/Recall", '{"messageId":"9223372036854775808"}'],
  ["a negative id", "Messages/Recall", '{"messageId":"-5"}'],
  ["no JSON", "Messages/Send", "{"],
  ["a list", "Messages/Send", "[]"],
  ["null", "Messages/Send", "null"],
  ["a number", "Messages/Send", "17"],
  ["a field twice", "Messages/Send", '{"to":"bob","body":"x","to":"eve"}'],
  ["a field twice under two names", "Messages/Edit", '{"messageId":"5","message_id":"6"}'],
  ["a field twice, once escaped", "Messages/Send", '{"to":"bob","body":"x","\\u0074o":"eve"}'],
  ["an unknown field", "Messages/Send", '{"to":"bob","text":"x"}'],
  ["a wrong type", "Messages/Send", '{"to":17}'],
  ["nesting of 10,000 levels", "Messages/Send", `{"to":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
  ["nesting of 10,000 objects", "Messages/Send", '{"a":'.repeat(10_000)],
  ["half a surrogate pair", "Messages/Send", '{"to":"bob\\ud800","body":"x"}'],
  ["10,001 receivers", "Messages/Send", JSON.stringify({ accounts: Array(10_001).fill("bob"), body: "x" })],
  ["a receiver that is no name", "Messages/Send", '{"to":"bob,eve","body":"x"}'],
  ["a name of 61 characters", "Messages/Send", JSON.stringify({ to: "b".repeat(61), body: "x" })],
  ["a body above the limit", "Messages/Send", JSON.stringify({ to: "bob", body: "x".repeat(17 * 1024) })],
  ["what is required left out", "Conversations/List", "{}"],
  ["a page above 200", "Messages/History", '{"account":"bob","peer":"eve","limit":201}'],
  ["201 ids", "Messages/Get", JSON.stringify({ messageIds: Array(201).fill("5") })],
  ["1,001 accounts", "Conversations/Unread", JSON.stringify({ accounts: Array(1_001).fill("bob") })],
  ["a role that only a transfer gives", "Groups/SetRole", '{"group":"1","account":"bob","role":"owner"}'],
])("%s is an invalid argument", async (_, path, body) => {
  expect(await refused(stage.post(path, body))).toMatchObject({ status: 400, code: "invalid_argument" });
});

test("invalid UTF-8 and broken protobuf are invalid arguments", async () => {
  const text = Buffer.from('{"to":"b\u0000b","body":"x"}');
  text[text.indexOf(0)] = 0xff;
  expect(await refused(stage.post("Messages/Send", text))).toMatchObject({ status: 400, code: "invalid_argument" });
  const proto = { "content-type": "application/proto" };
  for (const bytes of [[0x0a, 0x05, 0x62], [0x12, 0x01, 0xff], [0x10], [0xff, 0xff, 0xff, 0xff, 0xff]])
    expect(await refused(stage.post("Messages/Send", new Uint8Array(bytes), proto))).toMatchObject({
      status: 400,
      code: "invalid_argument",
    });
});

test("a body of 5 MiB is refused, told, chunked or compressed", async () => {
  const large = Buffer.alloc(5 * 1024 * 1024, " ");
  const wish = { status: 429, code: "resource_exhausted" };
  expect(await refused(stage.post("Messages/Send", large))).toMatchObject(wish);
  const gzip = { "content-encoding": "gzip" };
  expect(await refused(stage.post("Messages/Send", gzipSync(large), gzip))).toMatchObject(wish);
  expect(await refused(stage.post("Messages/Send", "not gzip", gzip))).toMatchObject({ code: "invalid_argument" });
  expect(await refused(stage.post("Messages/Send", hi, { "content-encoding": "br" }))).toMatchObject({ status: 501 });
  expect((await stage.post("Messages/Send", gzipSync(hi), gzip)).status).toBe(200);
  const chunks = new ReadableStream({
    start(controller) {
      for (let sent = 0; sent < 5; sent++) controller.enqueue(large.subarray(0, 1024 * 1024));
      controller.close();
    },
  });
  expect(await refused(stage.post("Messages/Send", chunks))).toMatchObject(wish);
});

test("another method, another type of content and another path are told what would be right", async () => {
  const got = await fetch(`${stage.url}/roost.v1.Messages/Send`);
  expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
  const xml = await stage.post("Messages/Send", hi, { "content-type": "text/xml" });
  expect([xml.status, xml.headers.get("accept-post")]).toEqual([415, "application/json, application/proto"]);
  expect(await refused(stage.post("Messages/Nothing", hi))).toMatchObject({ status: 404, code: "unimplemented" });
});

/** Whether the system has written to an account. */
async function hasMessages(account: string): Promise<boolean> {
  try {
    const { messages } = await stage.messages().history({ account, peer: "@system" });
    return messages.length > 0;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return false;
    throw error;
  }
}

test("a deadline that passes in the middle ends the work", async () => {
  const accounts = Array.from({ length: 10_000 }, (__, at) => `late${at}`);
  const client = stage.messages();
  const error = await client
    .send({ accounts, body: "x" }, { timeoutMs: 5 })
    .catch((failed: unknown) => ConnectError.from(failed));
  expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  expect(await hasMessages("late9999")).toBe(false);
  const wrong = { "connect-timeout-ms": "soon" };
  expect(await refused(stage.post("Messages/Send", hi, wrong))).toMatchObject({ code: "invalid_argument" });
});

test("a connection that ends in the middle ends the work", async () => {
  const accounts = Array.from({ length: 10_000 }, (__, at) => `gone${at}`);
  const leaving = new AbortController();
  const sending = stage.messages().send({ accounts, body: "x" }, { signal: leaving.signal });
  while (!(await hasMessages("gone0"))) await Bun.sleep(1);
  leaving.abort();
  await sending.catch(() => undefined);
  expect(await hasMessages("gone9999")).toBe(false);
});

test("a request's id is in its answer if it is harmless, else another one", async () => {
  const answered = async (id: string): Promise<string | null> =>
    (await stage.post("Messages/Send", hi, { "x-request-id": id })).headers.get("x-request-id");
  expect(await answered("order-17.A_b")).toBe("order-17.A_b");
  for (const harmful of ["a b", "x".repeat(65), "a/b", "<script>"]) expect(await answered(harmful)).not.toBe(harmful);
});

/** Sends bytes and returns what came back. */
function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(stage.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on("data", (data) => void (answer += data.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

test.each([
  ["a length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked"],
  ["chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 4"],
  ["two lengths", "Content-Length: 4\r\nContent-Length: 5"],
  ["a list of lengths", "Content-Length: 4, 4"],
  ["a signed length", "Content-Length: +4"],
  ["a blank before the colon", "Transfer-Encoding : chunked"],
  ["an unknown coding", "Transfer-Encoding: xchunked"],
  ["a folded line", "X-A: b\r\n Content-Length: 4"],
])("a request that two servers could read differently, with %s, ends its connection", async (_, fields) => {
  const smuggled = "POST /roost.v1.Messages/Send HTTP/1.1\r\nHost: x\r\n\r\n";
  const answer = await raw(
    `POST /roost.v1.Messages/Send HTTP/1.1\r\nHost: x\r\n${fields}\r\n\r\n1\r\na\r\n0\r\n\r\n${smuggled}`,
  );
  expect(answer.match(/^HTTP\/1\.1 \d+/gm)).toEqual(["HTTP/1.1 400"]);
});

test.each(["x/roost.v1.Messages", "x?", "x#", "a b", "user@x", "x\\\\y", "x:port", "[::1"])(
  "with the Host %s nothing of it is taken for the path",
  async (host) => {
    const answer = await raw(`POST /Send HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
    expect(answer).toStartWith("HTTP/1.1 400 Bad Request");
  },
);

test.each(["x", "localhost:8200", "[::1]:8200", "127.0.0.1", ""])("the Host %p is one", async (host) => {
  const lines = [`POST /roost.v1.Messages/Nothing HTTP/1.1`, `Host: ${host}`, "Content-Length: 0", "Connection: close"];
  expect(await raw(`${lines.join("\r\n")}\r\n\r\n`)).toStartWith("HTTP/1.1 404 Not Found");
});

const limited = (limits: Parameters<typeof testLimits>[0]) => ApiStage.start({ limits: testLimits(limits) });

const slow = { apiRequestsAtOnce: 3, apiRequestsPerSecond: 1 };

/** The statuses of requests one after the other. */
async function statuses(count: number, key: KeyName = "all"): Promise<readonly number[]> {
  await using small = await limited(slow);
  const found: number[] = [];
  for (let made = 0; made < count; made++) found.push((await small.post("Messages/Send", hi, {}, key)).status);
  return found;
}

bound("apiRequestsAtOnce", {
  at: async () => expect(await statuses(3)).toEqual([200, 200, 200]),
  above: async () => expect(await statuses(6)).toContain(429),
});

bound("apiRequestsPerSecond", {
  at: async () => {
    await using small = await limited(slow);
    for (let made = 0; made < 3; made++) await small.post("Messages/Send", hi);
    // Another key's are its own.
    expect((await small.post("Messages/Send", hi, {}, "sender")).status).toBe(200);
  },
  above: async () => {
    await using small = await limited(slow);
    let answer = await small.post("Messages/Send", hi);
    while (answer.status === 200) answer = await small.post("Messages/Send", hi);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await refused(Promise.resolve(answer))).toMatchObject({ code: "resource_exhausted" });
  },
});

bound("apiBytes", {
  at: async () => {
    await using small = await limited({ apiBytes: 4 * 1024 * 1024 });
    const large = `{"to":"bob","body":"${"x".repeat(4 * 1024 * 1024 - 22)}"}`;
    expect(await refused(small.post("Messages/Send", large))).toMatchObject({ code: "invalid_argument" });
  },
  above: async () => {
    await using small = await limited({ apiBytes: 4 * 1024 * 1024 });
    // A chunked body may become as large as any.
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const held = small.post("Messages/Send", readable);
    const writer = writable.getWriter();
    await writer.write(Buffer.from(hi.slice(0, 10)));
    let answer = await small.post("Messages/Send", hi);
    while (answer.status === 200) answer = await small.post("Messages/Send", hi);
    expect(await refused(Promise.resolve(answer))).toMatchObject({ status: 503, code: "unavailable" });
    await writer.write(Buffer.from(hi.slice(10)));
    await writer.close();
    expect((await held).status).toBe(200);
    expect((await small.post("Messages/Send", hi)).status).toBe(200);
  },
});

/** Begins a request whose body is chunked, and may become as large as any; ends it. */
async function begun(small: ApiStage, key: KeyName): Promise<() => Promise<Response>> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const answer = small.post("Messages/Send", readable, {}, key);
  const writer = writable.getWriter();
  await writer.write(Buffer.from(hi.slice(0, 10)));
  return async () => {
    await writer.write(Buffer.from(hi.slice(10)));
    await writer.close();
    return answer;
  };
}

/** A body of three MiB, which no message may have. */
const large = `{"to":"bob","body":"${"x".repeat(3 * 1024 * 1024)}"}`;

test("a key of all apps asks about the server without naming an app", async () => {
  for (const path of ["Admin/Nodes", "Admin/Limits", "Admin/Stats"])
    expect((await stage.post(path, "{}", {}, "everyApp")).status).toBe(200);
});

test.each(["*", "a,b", "a\u0000b", " a"])("%j is no app, also for a key of all apps", async (app) => {
  for (const path of ["Messages/Send", "Accounts/IssueToken", "Admin/SetRetention", "Conversations/List"]) {
    const fields = path === "Messages/Send" ? { to: "bob", body: "hi" } : { account: "bob" };
    const body = JSON.stringify({ app, ...(path === "Admin/SetRetention" ? { days: 1 } : fields) });
    expect(await refused(stage.post(path, body, {}, "everyApp"))).toMatchObject({ code: "invalid_argument" });
  }
});

test("the bodies that one key sends slowly leave room for those of others", async () => {
  await using small = await limited({ apiBytes: 12 * 1024 * 1024 });
  const end = await begun(small, "sender");
  let answer = await refused(small.post("Messages/Send", large, {}, "sender"));
  // The first request may not have arrived yet.
  while (answer.code !== "unavailable") answer = await refused(small.post("Messages/Send", large, {}, "sender"));
  expect(await refused(small.post("Messages/Send", large))).toMatchObject({ code: "invalid_argument" });
  expect((await end()).status).toBe(200);
  expect(await refused(small.post("Messages/Send", large, {}, "sender"))).toMatchObject({ code: "invalid_argument" });
});

test("a compressed body counts as what it becomes", async () => {
  await using small = await limited({ apiBytes: 6 * 1024 * 1024 });
  const end = await begun(small, "sender");
  const compressed = () => refused(small.post("Messages/Send", gzipSync(large), { "content-encoding": "gzip" }));
  let answer = await compressed();
  while (answer.code !== "unavailable") answer = await compressed();
  expect((await end()).status).toBe(200);
  expect(await compressed()).toMatchObject({ code: "invalid_argument" });
});

test("a connection that ends in the middle of a body is no bug", async () => {
  const bugs = async (): Promise<number> =>
    (await stage.admin("everyApp").stats({ app: "app", prefix: "roost_bugs_total" })).stats.reduce(
      (sum, { value }) => sum + value,
      0,
    );
  const before = await bugs();
  const { hostname, port } = new URL(stage.url);
  const head =
    `POST /roost.v1.Messages/Send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stage.keys.all}\r\n` +
    "Content-Type: application/json\r\n";
  for (const rest of [
    "Content-Length: 4000000\r\n\r\n{",
    "Content-Length: 100\r\n\r\n{",
    "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
    "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nffffffffffffffff\r\n",
  ])
    for (const isReset of [false, true]) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      await new Promise<void>((resolve) => socket.write(head + rest, () => resolve()));
      // It has been read when another request, sent later, is answered.
      await stage.post("Messages/Send", hi);
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
      await stage.post("Messages/Send", hi);
    }
  expect(await bugs()).toBe(before);
});

test("a stream's request is guarded as others are", async () => {
  const envelope = (json: string): Uint8Array<ArrayBuffer> => {
    const bytes = new TextEncoder().encode(`\0\0\0\0\0${json}`);
    new DataView(bytes.buffer).setUint32(1, bytes.length - 5);
    return bytes;
  };
  const headers = { "content-type": "application/connect+json" };
  const ask = (json: string): Promise<Response> => stage.post("Messages/Export", envelope(json), headers);
  for (const [json, sentence] of [
    ['{"account":"bob","account":"eve"}', 'the body names "account" twice'],
    [`{"account":${"[".repeat(20)}`, "the body nests deeper than 16 levels"],
  ] as const)
    expect(await refused(ask(json))).toEqual({ status: 400, code: "invalid_argument", message: sentence });
  expect((await ask('{"account":"next"}')).status).toBe(200);
});
