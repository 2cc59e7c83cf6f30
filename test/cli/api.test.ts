// roost api against a server that answers as the Connect protocol says.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiMethods } from "../../src/api/description/methods.ts";
import { enveloped, streamedMessages } from "../../src/cli/api/stream.ts";
import { roost } from "./run-roost.ts";

const key = `rk_${"k".repeat(43)}`;
const folder = mkdtempSync(join(tmpdir(), "roost-api-"));
writeFileSync(join(folder, "api-key"), `${key}\n`, { mode: 0o600 });

interface Received {
  readonly path: string;
  readonly key: string | null;
  readonly body: string;
}
const received: Received[] = [];
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const path = new URL(request.url).pathname;
    const bytes = Buffer.from(await request.arrayBuffer());
    const isStream = request.headers.get("content-type") === "application/connect+json";
    received.push({
      path,
      key: request.headers.get("authorization"),
      body: bytes.subarray(isStream ? 5 : 0).toString(),
    });
    if (path.endsWith("/Get"))
      return Response.json({ code: "not_found", message: "there is no such\u001B[31m group" }, { status: 404 });
    if (path.endsWith("/Sessions")) return Response.json({});
    if (path.endsWith("/Nodes")) return new Response("<html>", { status: 502 });
    if (!isStream) return Response.json({ messageId: "7", text: "a\u202Eb" });
    const isBroken = bytes.includes('"broken"');
    const messages = [enveloped('{"cursor":"1"}'), enveloped('{"cursor":"2"}')];
    const end = enveloped(isBroken ? '{"error":{"code":"unavailable","message":"come back"}}' : "{}");
    end[0] = 2;
    return new Response(Buffer.concat([...messages, end]), { headers: { "content-type": "application/connect+json" } });
  },
});
afterAll(async () => {
  await server.stop(true);
  rmSync(folder, { recursive: true });
});

const call = (...words: string[]): ReturnType<typeof roost> =>
  roost("api", ...words, "--data", folder, "--url", `http://127.0.0.1:${server.port}/`);

test("a method is called with the key of the data folder, and no terminal obeys its answer", async () => {
  received.length = 0;
  const { status, out } = await call("Messages/Send", '{"to":"bob","body":"hi"}');
  expect([status, out]).toEqual([0, '{\n  "messageId": "7",\n  "text": "a\\u202eb"\n}\n']);
  expect(received).toEqual([
    { path: "/roost.v1.Messages/Send", key: `Bearer ${key}`, body: '{"to":"bob","body":"hi"}' },
  ]);
}, 60_000);

test("--app is added unless the request names its app, and a missing request is an empty one", async () => {
  received.length = 0;
  await call("Groups/List", '{"account":"a"}', "--app", "shop");
  await call("Groups/List", '{"account":"a","app":"own"}', "--app", "shop");
  await call("Admin/Limits");
  expect(received.map(({ body }) => body)).toEqual([
    '{"account":"a","app":"shop"}',
    '{"account":"a","app":"own"}',
    "{}",
  ]);
}, 60_000);

test("a method is called whatever the case of its name, and an answer without fields is shown with them", async () => {
  received.length = 0;
  expect((await call("messages/send", '{"to":"bob"}')).status).toBe(0);
  expect(received.map(({ path }) => path)).toEqual(["/roost.v1.Messages/Send"]);
  expect((await call("Accounts/Sessions", '{"account":"bob"}')).out).toBe('{\n  "sessions": []\n}\n');
}, 60_000);

test("the server on this machine is found by its option", async () => {
  const local = (api: string): ReturnType<typeof roost> => roost("api", "Admin/Limits", "--data", folder, "--api", api);
  expect(await local(`127.0.0.1:${server.port}`)).toMatchObject({ status: 0 });
  expect(await local(`0.0.0.0:${server.port}`)).toMatchObject({ status: 0 });
  expect(await local("off")).toMatchObject({ status: 2, err: expect.stringContaining("name another with --url") });
}, 60_000);

test("a stream prints a line for each message, and its error ends the command with status 1", async () => {
  const lines = '{"cursor":"1"}\n{"cursor":"2"}\n';
  expect(await call("Messages/Export", '{"account":"bob"}')).toMatchObject({ status: 0, out: lines });
  expect(await call("Messages/Export", '{"account":"broken"}')).toEqual({
    status: 1,
    out: lines,
    err: "roost: unavailable: come back\n",
  });
}, 60_000);

test("errors say the code and the sentence; what is no API says its status", async () => {
  expect(await call("Groups/Get", '{"group":"1"}')).toEqual({
    status: 1,
    out: "",
    err: "roost: not_found: there is no such\ufffd[31m group\n",
  });
  const { status, err } = await call("Admin/Nodes");
  expect([status, err]).toEqual([1, expect.stringContaining('status 502: "<html>"')]);
  const unreachable = await roost("api", "Admin/Nodes", "--data", folder, "--url", "http://127.0.0.1:1");
  expect([unreachable.status, unreachable.err]).toEqual([1, expect.stringContaining("nothing listens there; start")]);
}, 60_000);

test("a request is checked before anything is sent, and the sentence names the place", async () => {
  received.length = 0;
  const faults: [method: string, request: string, sentence: string][] = [
    ["Messages/Send", '{"bdy":"x"}', '"bdy" is no field of SendReq; did you mean body?'],
    ["Messages/Send", '{"to":5}', "to: expected string, not 5\n"],
    ["Messages/Send", '{"to":"bob","body":"x","to":"eve"}', 'the request names "to" twice\n'],
    ["Messages/Send", '{"accounts":["bob",7]}', "accounts[1]: expected string, not 7\n"],
    ["Accounts/Ban", '{"account":"bob","until":"tomorrow"}', 'until: expected int64, not "tomorrow"\n'],
    ["Admin/SetRetention", '{"days":-1}', "days: expected uint32, not -1\n"],
    ["Messages/Send", '{"to":"bob"', "is not JSON"],
    ["Messages/Send", "[]", "expected an object"],
    ["Messages/Send", '{"accounts":"bob"}', "accounts: expected a list"],
    ["Messages/Send", JSON.stringify({ to: "b".repeat(61) }), "to: at most 60 characters, not 61"],
    ["Messages/Get", JSON.stringify({ messageIds: Array(201).fill("1") }), "messageIds: at most 200 items, not 201"],
    ["Messages/History", '{"group":"1","limit":201}', "limit: at most 200, not 201"],
    ["Messages/Recall", '{"messageId":7012345678901234567}', "messageId: JSON rounds this number"],
    ["Messages/Recall", "{}", "messageId is missing"],
    [
      "Messages/Import",
      '{"name":"a","records":[{"message":{"sender":"a"}}]}',
      "records[0].message.sendTime is missing",
    ],
    [
      "Groups/SetRole",
      '{"group":"1","account":"b","role":"king"}',
      'role: expected member | admin | owner, not "king"\n',
    ],
    ["Messages", '{"to":"bob"}', '"Messages" is no method of the API, but begins the names of 8\n'],
  ];
  for (const [method, request, sentence] of faults) {
    const { status, err } = await call(method, request);
    expect([method, status, err]).toEqual([method, 2, expect.stringContaining(sentence)]);
  }
  expect(received).toEqual([]);
}, 120_000);

test("names of methods are listed, completed and suggested", async () => {
  const names = [...apiMethods.keys()];
  const listed = await roost("api");
  expect(
    listed.out
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split(" ")[0] ?? ""),
  ).toEqual(names);
  const groups = names.filter((name) => name.startsWith("Groups/"));
  expect((await roost("api", "--complete", "groups/")).out).toBe(`${groups.join("\n")}\n`);
  expect((await roost("api", "--complete", "")).out).toBe(`${names.join("\n")}\n`);
  expect((await roost("api", "--complete", "x")).out).toBe("");
  expect(await roost("api", "Messages/Sned")).toMatchObject({
    status: 2,
    err: expect.stringContaining("did you mean Messages/Send?"),
  });
  const { out } = await roost("api", "Groups/SetRole", "--fields");
  expect(out).toContain("member | admin | owner");
}, 60_000);

test("a key that is none is refused without being shown", async () => {
  const file = join(folder, "other");
  writeFileSync(file, "hunter2-hunter2\n");
  const { status, err } = await call("Admin/Limits", "--key-file", file);
  expect([status, err]).toEqual([1, expect.stringContaining(`${file} holds no key of the HTTP API`)]);
  expect(err).not.toContain("hunter2");
  const none = await roost("api", "Admin/Limits", "--data", join(folder, "none"));
  expect([none.status, none.err]).toEqual([1, expect.stringContaining("start the server first")]);
}, 60_000);

test("a stream is read whatever pieces it comes in, and one that breaks off or is too long is refused", async () => {
  const end = enveloped("{}");
  end[0] = 2;
  const bytes = Buffer.concat([enveloped('{"a":"ä"}'), enveloped(""), end]);
  for (let size = 1; size <= bytes.length; size++) {
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    expect(await all(parts)).toEqual(['{"a":"ä"}', "", "{}"]);
  }
  await expect(all([bytes.subarray(0, bytes.length - 1)])).rejects.toThrow("broke off");
  await expect(all([Buffer.from([0, 255, 255, 255, 255])])).rejects.toThrow("expected at most");
});

async function all(parts: readonly Uint8Array[]): Promise<string[]> {
  const found: string[] = [];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  for await (const { json } of streamedMessages(body)) found.push(json);
  return found;
}
