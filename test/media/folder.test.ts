// Files in a folder of a standalone server: tickets, uploads and downloads by HTTP at the WebSocket listener, and what
// messages that name them allow.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../scripts/harness/until.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import type { Messenger } from "../support/messenger.ts";
import { Random, testSeed } from "../support/random.ts";
import { idOf, MediaPerson, startWithMedia } from "./media-stage.ts";

let messenger: Messenger;
let ann: MediaPerson;
let bob: MediaPerson;
let eve: MediaPerson;
beforeAll(async () => {
  messenger = await startWithMedia();
  [ann, bob, eve] = await Promise.all([
    MediaPerson.signIn(messenger, "ann"),
    MediaPerson.signIn(messenger, "bob"),
    MediaPerson.signIn(messenger, "eve"),
  ]);
});
afterAll(() => messenger.stop());

const files = (): string[] => readdirSync(join(messenger.dataFolder, "media", "files"));
const drafts = (): string[] => readdirSync(join(messenger.dataFolder, "media", "uploads"));
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const random = new Random(testSeed("files in a folder"));
const content = (size: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: size }, () => random.below(256));

test("a file goes from its sender to who reads the message, whole, and is shown in push and history", async () => {
  const sent = content(300_000);
  const id = await ann.upload(sent, "Urlaub ☀.png");
  const message = idOf(await ann.send("bob", [id]));
  const shown = { id, name: "Urlaub ☀.png", type: "image/png", size: 300_000n };
  const [push] = await bob.client.pushed(Command.UserTalk, MessagePushSchema);
  expect(push).toMatchObject({ messageId: message, body: "see", media: [shown] });
  expect((await bob.history("ann")).at(-1)).toMatchObject({ messageId: message, media: [shown] });
  for (const reader of [bob, ann]) {
    const response = await reader.download(message);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(sent))).toBe(true);
  }
  const { headers } = await bob.download(message, id);
  expect(headers.get("content-type")).toBe("image/png");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("content-security-policy")).toContain("sandbox");
  expect(headers.get("content-disposition")).toBe(
    "inline; filename=\"Urlaub _.png\"; filename*=UTF-8''Urlaub%20%E2%98%80.png",
  );
});

test("who may not read the message gets no ticket for its files", async () => {
  const id = await ann.upload(bytesOf("secret"));
  const messageId = idOf(await ann.send("bob", [id]));
  const none = [Status.NotFound, "there is no such message, or you may not read it"] as const;
  expect(await eve.tickets({ download: { messageId, id } })).toEqual(none);
  expect(await eve.tickets({ download: { messageId: messageId + 1n } })).toEqual(none);
  expect(await bob.tickets({ download: { messageId, id: "0".repeat(22) } })).toEqual([
    Status.NotFound,
    "the message has no such file",
  ]);
  const stranger = await MediaPerson.signIn(messenger, "bob", "another app");
  expect(await stranger.tickets({ download: { messageId, id } })).toEqual(none);
});

test("a message names no file that is not its sender's own, or was not uploaded", async () => {
  const unusable = [
    Status.Forbidden,
    "media must be uploads of your own that are complete, and not removed since",
  ] as const;
  const mine = await ann.upload(bytesOf("mine"));
  const waiting = await ann.forUpload(bytesOf("promised"));
  expect(await eve.send("bob", [mine])).toEqual(unusable);
  expect(await ann.send("bob", [mine, waiting.media?.id ?? ""])).toEqual(unusable);
  expect(await ann.send("bob", ["0".repeat(22)])).toEqual(unusable);
  const malformed = [Status.InvalidPacketBody, "media must be ids of uploads, as tickets for them have them"] as const;
  for (const bad of ["", "../../secret", "0".repeat(21), "0".repeat(23), `${"0".repeat(21)}é`, `${"0".repeat(21)}/`])
    expect(await ann.send("bob", [bad])).toEqual(malformed);
  const eleven = await Promise.all(Array.from({ length: 11 }, (_, at) => ann.upload(bytesOf(`file ${at}`))));
  expect(await ann.send("bob", eleven)).toEqual([Status.InvalidPacketBody, "a message names at most 10 files"]);
  const ten = eleven.slice(1);
  const id = idOf(await ann.send("bob", [...ten.slice(0, 5), ...ten.slice(5)]));
  expect((await bob.history("ann")).find(({ messageId }) => messageId === id)?.media.map((each) => each.id)).toEqual(
    ten,
  );
});

test("an upload of another size or type than its ticket says is refused, and leaves nothing", async () => {
  const before = files();
  const good = content(1_000);
  const ticket = await ann.forUpload(good);
  const status = async (body: Uint8Array<ArrayBuffer>, headers = {}) => (await ann.put(ticket, body, headers)).status;
  expect(await status(content(999))).toBe(413);
  expect(await status(content(1_001))).toBe(413);
  expect(await status(new Uint8Array(0))).toBe(413);
  expect(await status(content(5_000_000))).toBe(413);
  expect(await status(good, { "content-type": "text/html" })).toBe(415);
  expect(await status(good, { "content-type": "image/png; charset=x" })).toBe(415);
  // A length that is not declared is counted while it is read.
  const chunked = (bytes: number) =>
    fetch(ann.urlOf(ticket), {
      method: "PUT",
      headers: { "content-type": "image/png" },
      body: new ReadableStream({
        start(controller) {
          for (let left = bytes; left > 0; left -= 500) controller.enqueue(good.subarray(0, Math.min(500, left)));
          controller.close();
        },
      }),
    });
  expect((await chunked(1_500)).status).toBe(413);
  expect((await chunked(500)).status).toBe(413);
  expect([files(), drafts()]).toEqual([before, []]);
  expect((await ann.put(ticket, good)).status).toBe(201);
  expect(files().length).toBe(before.length + 1);
});

test("a ticket uploads once: what receivers were sent stays as it is", async () => {
  const ticket = await ann.forUpload(bytesOf("first"));
  expect((await ann.put(ticket, bytesOf("first"))).status).toBe(201);
  const id = idOf(await ann.send("bob", [ticket.media?.id ?? ""]));
  const again = await ann.put(ticket, bytesOf("other"));
  expect([again.status, await again.text()]).toEqual([409, "This ticket was used; ask for another.\n"]);
  expect(await (await bob.download(id)).text()).toBe("first");
});

test("two uploads with one ticket at the same moment leave one whole file", async () => {
  const [one, two] = [content(500_000), content(500_000)];
  const ticket = await ann.forUpload(one);
  const statuses = await Promise.all(
    [ann.put(ticket, one), ann.put(ticket, two)].map(async (each) => (await each).status),
  );
  expect(new Set(statuses)).toEqual(new Set([201, 409]));
  const id = idOf(await ann.send("bob", [ticket.media?.id ?? ""]));
  const got = Buffer.from(await (await bob.download(id)).arrayBuffer());
  expect([one, two].some((each) => got.equals(Buffer.from(each)))).toBe(true);
});

test("some who upload slowly do not take the places of others", async () => {
  const slow = await Promise.all(["s1", "s2", "s3", "s4"].map((name) => MediaPerson.signIn(messenger, name)));
  const ends: (() => unknown)[] = [];
  const uploads = slow.flatMap((person) =>
    Array.from({ length: 16 }, async () => {
      const ticket = await person.forUpload(content(2));
      let isOpen = true;
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(1));
          ends.push(() => isOpen && controller.close());
        },
        cancel() {
          isOpen = false;
        },
      });
      const headers = { "content-type": "image/png" };
      return (await fetch(person.urlOf(ticket), { method: "PUT", headers, body })).status;
    }),
  );
  await until(() => drafts().length === 64, "all places are taken");
  // Who has many gets no more.
  const [first] = slow;
  const more = await first?.forUpload(content(2));
  if (more !== undefined) expect((await first?.put(more, content(2)))?.status).toBe(503);
  expect(await bob.upload(content(1_000))).toHaveLength(22);
  expect(await Promise.race(uploads)).toBe(503);
  for (const end of ends) end();
  const statuses = await Promise.all(uploads);
  expect([statuses.filter((status) => status === 503).length, new Set(statuses)]).toEqual([1, new Set([413, 503])]);
});

test("no address is accepted that was not given out as it is, and none lists what is there", async () => {
  const upload = await ann.forUpload(bytesOf("x"));
  const message = idOf(await ann.send("bob", [await ann.upload(bytesOf("y"), "a.svg", "image/svg+xml")]));
  const download = await bob.ticket({ download: { messageId: message } });
  const tampered = (url: string, change: (url: URL) => void): string => {
    const changed = new URL(url);
    change(changed);
    return changed.href;
  };
  const [put, get] = [ann.urlOf(upload), bob.urlOf(download)];
  const tries = [
    `http://${messenger.ws}/media/`,
    `http://${messenger.ws}/media/secret`,
    `http://${messenger.ws}/media/..%2f..%2fsecret?op=get`,
    tampered(get, (url) => (url.pathname = "/media/../media/secret")),
    tampered(get, (url) => (url.pathname = `/media/${upload.media?.id}`)),
    tampered(get, (url) => url.searchParams.set("until", "99999999999")),
    tampered(get, (url) => url.searchParams.set("type", "text/html")),
    tampered(get, (url) => url.searchParams.set("name", "x.html")),
    tampered(get, (url) => url.searchParams.set("sig", "")),
    tampered(get, (url) => url.searchParams.delete("sig")),
    tampered(put, (url) => url.searchParams.set("size", "2")),
    tampered(put, (url) => url.searchParams.set("op", "get")),
  ];
  for (const url of tries)
    for (const method of ["GET", "PUT"])
      expect([url, (await fetch(url, { method, ...(method === "PUT" && { body: "x" }) })).status]).toEqual([url, 403]);
  // Each ticket is for one thing.
  expect((await fetch(get, { method: "PUT", body: "x" })).status).toBe(405);
  expect((await fetch(put)).status).toBe(405);
  expect((await fetch(put, { method: "DELETE" })).status).toBe(405);
  expect((await fetch(`http://${messenger.ws}/other`)).status).toBe(426);
});

test("an SVG with a script is given out as a download that runs nothing", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`;
  for (const [name, type] of [
    ["x.svg", "image/svg+xml"],
    ["x.html", "text/html"],
    ["x.pdf", "application/pdf"],
  ] as const) {
    const id = idOf(await ann.send("bob", [await ann.upload(bytesOf(svg), name, type)]));
    const { headers } = await bob.download(id);
    expect(headers.get("content-disposition")).toStartWith("attachment; ");
    expect(headers.get("content-type")).toBe(type);
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
  }
});

test("ranges are answered in part, one at a time", async () => {
  const whole = content(1_000);
  const message = idOf(await ann.send("bob", [await ann.upload(whole)]));
  const ask = async (range: string, more = {}) => {
    const response = await bob.download(message, "", { range, ...more });
    const body = Buffer.from(await response.arrayBuffer());
    return [response.status, response.headers.get("content-range"), body] as const;
  };
  const part = (from: number, to: number) => Buffer.from(whole.subarray(from, to));
  expect(await ask("bytes=0-9")).toEqual([206, "bytes 0-9/1000", part(0, 10)]);
  expect(await ask("bytes=990-")).toEqual([206, "bytes 990-999/1000", part(990, 1_000)]);
  expect(await ask("bytes=-5")).toEqual([206, "bytes 995-999/1000", part(995, 1_000)]);
  expect(await ask("bytes=-5000")).toEqual([206, "bytes 0-999/1000", part(0, 1_000)]);
  expect(await ask("bytes=900-5000")).toEqual([206, "bytes 900-999/1000", part(900, 1_000)]);
  expect(await ask("bytes=1000-")).toEqual([416, "bytes */1000", part(0, 0)]);
  expect(await ask("bytes=-0")).toEqual([416, "bytes */1000", part(0, 0)]);
  for (const odd of ["bytes=5-2", "bytes=0-1,5-6", "bytes=x", "items=0-1", `bytes=0-${"9".repeat(40)}`])
    expect(await ask(odd)).toEqual([200, null, part(0, 1_000)]);
  expect(await ask("bytes=0-9", { "if-range": '"other"' })).toEqual([200, null, part(0, 1_000)]);
});

test("a recall of the last message that names a file removes it, and the recall of one of two does not", async () => {
  const id = await ann.upload(bytesOf("twice"));
  const first = idOf(await ann.send("bob", [id]));
  const second = idOf(await ann.send("eve", [id]));
  idOf(await ann.recall(first));
  expect(await bob.tickets({ download: { messageId: first } })).toEqual([Status.NotFound, "the message has no files"]);
  expect(await (await eve.download(second)).text()).toBe("twice");
  const ticket = await eve.ticket({ download: { messageId: second } });
  idOf(await ann.recall(second));
  await until(() => !files().includes(id), "the file is removed");
  expect((await fetch(eve.urlOf(ticket))).status).toBe(404);
}, 90_000);

test("talks behind one with files stay behind it", async () => {
  const id = await ann.upload(content(10_000));
  const sent: Promise<bigint>[] = [];
  for (let round = 0; round < 20; round++)
    sent.push(ann.send("bob", round % 4 === 0 ? [id] : [], { body: `${round}` }).then(idOf));
  const ids = await Promise.all(sent);
  expect(ids).toEqual(ids.toSorted((one, other) => (one < other ? -1 : 1)));
});

test("what is asked for a ticket is checked", async () => {
  const refused = async (upload: object) =>
    (await ann.tickets({ upload: { name: "n", type: "a/b", size: 1n, ...upload } }))[0];
  for (const name of ["", "a/b", "..\\x", "x".repeat(256), "a\nb", "a\u202eb"])
    expect(await refused({ name })).toBe(Status.InvalidPacketBody);
  for (const type of [
    "",
    "image",
    "image/",
    "text/html; charset=x",
    "a b/c",
    `a/${"b".repeat(126)}`,
    "image/png\r\nx: y",
  ])
    expect(await refused({ type })).toBe(Status.InvalidPacketBody);
  for (const size of [0n, -1n]) expect(await refused({ size })).toBe(Status.InvalidPacketBody);
  expect(await refused({ size: 2n ** 62n })).toBe(Status.PayloadTooLarge);
  expect((await ann.tickets({}))[0]).toBe(Status.InvalidPacketBody);
  expect((await ann.tickets({ download: { messageId: 1n }, upload: { name: "n", type: "a/b", size: 1n } }))[0]).toBe(
    Status.InvalidPacketBody,
  );
});

test("a browser's page of any origin may ask, and its preflight is answered", async () => {
  const ticket = await ann.forUpload(bytesOf("x"));
  const preflight = await fetch(ann.urlOf(ticket), {
    method: "OPTIONS",
    headers: { origin: "https://elsewhere", "access-control-request-method": "PUT" },
  });
  expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([204, "GET, HEAD, PUT"]);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
});

test("without --media there are neither tickets nor addresses", async () => {
  const plain = await startWithMedia({ media: { kind: "off" } });
  try {
    const zoe = await MediaPerson.signIn(plain, "zoe");
    const sentence = "this server keeps no files; its operator has to start it with --media";
    expect(await zoe.tickets({ download: { messageId: 1n } })).toEqual([Status.NotImplemented, sentence]);
    expect(await zoe.send("bob", ["0".repeat(22)])).toEqual([Status.NotImplemented, sentence]);
    expect((await fetch(`http://${plain.ws}/media/x`)).status).toBe(426);
  } finally {
    await plain.stop();
  }
});
