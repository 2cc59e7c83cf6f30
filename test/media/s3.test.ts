// Files in an S3-compatible store: tickets that it checks, and what it does not check, the server does.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { AwsClient } from "aws4fetch";
import { S3Server, s3Key } from "../../scripts/harness/s3.ts";
import { until } from "../../scripts/harness/until.ts";
import { systemClock } from "../../src/base/clock.ts";
import { parseS3 } from "../../src/media/s3/s3-location.ts";
import { S3Place } from "../../src/media/s3/s3-place.ts";
import { MediaUnavailable } from "../../src/media/media-place.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import type { Messenger } from "../support/messenger.ts";
import { idOf, MediaPerson, startWithMedia } from "./media-stage.ts";

let s3: S3Server;
let messenger: Messenger;
let ann: MediaPerson;
let bob: MediaPerson;
beforeAll(async () => {
  s3 = await S3Server.start();
  const media = { kind: "s3", location: parseS3(s3.url) } as const;
  messenger = await startWithMedia({ media, s3Credentials: s3Key });
  [ann, bob] = await Promise.all([MediaPerson.signIn(messenger, "ann"), MediaPerson.signIn(messenger, "bob")]);
});
afterAll(async () => {
  await messenger.stop();
  await s3.remove();
});

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const place = (credentials: { accessKeyId: string; secretAccessKey: string } = s3Key) =>
  new S3Place(parseS3(s3.url), credentials, systemClock);

test("a file goes from its sender to who reads the message, with the name and type of its ticket", async () => {
  const sent = new Uint8Array(200_000).map((_, at) => at % 251);
  const id = await ann.upload(sent, "Bild ☀.png");
  const message = idOf(await ann.send("bob", [id]));
  const response = await bob.download(message);
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(sent))).toBe(true);
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(response.headers.get("content-disposition")).toBe(
    "inline; filename=\"Bild _.png\"; filename*=UTF-8''Bild%20%E2%98%80.png",
  );
  const part = await bob.download(message, "", { range: "bytes=10-19" });
  expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, Buffer.from(sent.subarray(10, 20))]);
});

test("an upload of another size or type than its ticket says is refused", async () => {
  const ticket = await ann.forUpload(bytesOf("12345"));
  expect((await ann.put(ticket, bytesOf("123456"))).status).toBe(403);
  expect((await ann.put(ticket, bytesOf("1234"))).status).toBe(403);
  expect((await ann.put(ticket, bytesOf("12345"), { "content-type": "text/html" })).status).toBe(403);
  expect((await ann.send("bob", [ticket.media?.id ?? ""])).toString()).toStartWith(`${Status.Forbidden}`);
  expect((await ann.put(ticket, bytesOf("12345"))).status).toBe(200);
  idOf(await ann.send("bob", [ticket.media?.id ?? ""]));
});

test("an address is for one object, one method and some time", async () => {
  const ticket = await ann.forUpload(bytesOf("12345"));
  const [url, at] = [new URL(ann.urlOf(ticket)), new URL(ann.urlOf(ticket))];
  expect((await fetch(url)).status).toBe(403);
  at.pathname = `${at.pathname.slice(0, -1)}x`;
  const headers = { "content-type": "image/png" };
  expect((await fetch(at, { method: "PUT", body: "12345", headers })).status).toBe(403);
  url.searchParams.set("X-Amz-Expires", "3601");
  expect((await fetch(url, { method: "PUT", body: "12345", headers })).status).toBe(403);
});

test("a ticket that is used again changes nothing that was sent", async () => {
  const ticket = await ann.forUpload(bytesOf("first"));
  expect((await ann.put(ticket, bytesOf("first"))).status).toBe(200);
  const id = idOf(await ann.send("bob", [ticket.media?.id ?? ""]));
  // This store fails what comes while it removes the former content.
  await until(async () => (await ann.put(ticket, bytesOf("other"))).status === 200, "it is used again");
  expect(await (await bob.download(id)).text()).toBe("first");
  const again = idOf(await ann.send("bob", [ticket.media?.id ?? ""]));
  expect(await (await bob.download(again)).text()).toBe("first");
});

test("what was uploaded is kept once when a message names it", async () => {
  const { endpoint, bucket, prefix, region } = parseS3(s3.url);
  const client = new AwsClient({ ...s3Key, region, service: "s3" });
  const status = async (key: string) =>
    (await client.fetch(`${endpoint}/${bucket}/${prefix}${key}`, { method: "HEAD" })).status;
  const id = await ann.upload(bytesOf("once"));
  expect([await status(`uploads/${id}`), await status(`files/${id}`)]).toEqual([200, 404]);
  const message = idOf(await ann.send("bob", [id]));
  await until(async () => (await status(`uploads/${id}`)) === 404, "the upload is removed");
  expect(await (await bob.download(message)).text()).toBe("once");
});

test("a recall of the last message removes the file, and the upload that it was copied from", async () => {
  const id = await ann.upload(bytesOf("gone soon"));
  const message = idOf(await ann.send("bob", [id]));
  const url = bob.urlOf(await bob.ticket({ download: { messageId: message } }));
  expect((await fetch(url)).status).toBe(200);
  idOf(await ann.recall(message));
  await until(async () => (await fetch(url)).status === 404, "the file is removed");
  expect(await place().settle({ id, name: "", type: "image/png", size: 9 })).toBe(false);
}, 90_000);

test("while the store is away a talk with files is refused, and may be repeated; others are not held up", async () => {
  const id = await ann.upload(bytesOf("later"));
  await s3.stop();
  const refused = await ann.send("bob", [id], { clientId: "k" });
  expect(refused).toEqual([Status.SystemException, "the store of files is unavailable, try again"]);
  idOf(await ann.send("bob", [], { body: "without" }));
  await expect(place().remove(id)).rejects.toThrow(MediaUnavailable);
  await s3.startAgain();
  const message = idOf(await ann.send("bob", [id], { clientId: "k" }));
  expect(await (await bob.download(message)).text()).toBe("later");
});

test("a wrong key is told to the operator by what the store answers", async () => {
  const wrong = place({ accessKeyId: "S3RVER", secretAccessKey: "wrong" });
  await expect(wrong.probe()).rejects.toThrow(
    /^the store of files http:\/\/127\.0\.0\.1:\d+\/files answers 403 to HEAD$/,
  );
  await expect(wrong.remove("0".repeat(22))).rejects.toThrow(/answers 403 SignatureDoesNotMatch to DELETE$/);
  await place().probe();
});
