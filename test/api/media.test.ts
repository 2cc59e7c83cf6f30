// Messages/Media and the files of Messages/Send: a back end uploads and downloads at the API's listener.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MediaTicket } from "../../src/wire/gen/api_pb.ts";
import { MediaPerson } from "../media/media-stage.ts";
import { ApiStage } from "./api-stage.ts";

let stage: ApiStage;
beforeAll(async () => {
  stage = await ApiStage.start({ media: { kind: "folder" } });
});
afterAll(() => stage.messenger.stop());

const content = "an invoice";
const file = { name: "invoice.txt", type: "text/plain", size: BigInt(content.length) };

const urlOf = ({ url }: Pick<MediaTicket, "url">): string => new URL(url, stage.url).href;
const put = ({ method, url, headers }: MediaTicket, body: string): Promise<Response> =>
  fetch(urlOf({ url }), { method, body, headers: Object.fromEntries(headers.map((each) => [each.name, each.value])) });
const firstOf = ({ tickets }: { readonly tickets: readonly MediaTicket[] }): MediaTicket => {
  const [ticket] = tickets;
  if (ticket === undefined) throw new Error("expected a ticket");
  return ticket;
};
const codeOf = async (asked: Promise<unknown>): Promise<Code | undefined> => {
  try {
    await asked;
    return undefined;
  } catch (error) {
    return error instanceof ConnectError ? error.code : Code.Unknown;
  }
};

for (const isBinary of [true, false])
  test(`the system sends a file to many, and reads it itself (${isBinary ? "binary" : "JSON"})`, async () => {
    const messages = stage.messages("all", isBinary);
    const ticket = firstOf(await messages.media({ upload: file }));
    expect(ticket).toMatchObject({ ...file, method: "PUT" });
    expect((await put(ticket, content)).status).toBe(201);
    const { results } = await messages.send({ accounts: ["bob", "eve"], body: "see", media: [ticket.id] });
    expect(results.map(({ code }) => code)).toEqual(["", ""]);
    const bob = await MediaPerson.signIn(stage.messenger, "bob");
    expect(await (await bob.download(results[0]?.messageId ?? 0n)).text()).toBe(content);
    const own = firstOf(await messages.media({ download: { messageId: results[1]?.messageId ?? 0n } }));
    expect(own).toMatchObject({ id: ticket.id, ...file, method: "GET" });
    expect(await (await fetch(urlOf(own))).text()).toBe(content);
    const found = await messages.get({ messageIds: results.map(({ messageId }) => messageId) });
    for (const message of found.messages) expect(message.media).toMatchObject([{ id: ticket.id, ...file }]);
  });

test("an account's file is its own: others, other apps and a key without the right get nothing", async () => {
  const messages = stage.messages("all");
  const ticket = firstOf(await messages.media({ account: "ann", upload: file }));
  expect((await put(ticket, content)).status).toBe(201);
  expect(await codeOf(messages.send({ sender: "eve", to: "bob", media: [ticket.id] }))).toBe(Code.PermissionDenied);
  const { messageId } = await messages.send({ sender: "ann", to: "bob", media: [ticket.id] });
  expect(firstOf(await messages.media({ account: "bob", download: { messageId } })).id).toBe(ticket.id);
  expect(await codeOf(messages.media({ account: "eve", download: { messageId } }))).toBe(Code.NotFound);
  expect(await codeOf(stage.messages("other").media({ download: { messageId } }))).toBe(Code.NotFound);
  expect(await codeOf(stage.messages("reader").media({ download: { messageId } }))).toBe(Code.PermissionDenied);
  expect(await codeOf(messages.media({}))).toBe(Code.InvalidArgument);
});

test("a server without --media says what it lacks", async () => {
  const plain = await ApiStage.start();
  try {
    expect(await codeOf(plain.messages("all").media({ upload: file }))).toBe(Code.FailedPrecondition);
  } finally {
    await plain.messenger.stop();
  }
});

test("a request for a file whose Host is none is no server's fault, at either listener", async () => {
  for (const [address, status] of [
    [stage.messenger.ws, 426],
    [stage.messenger.api, 400],
  ] as const) {
    const { promise: answer, resolve, reject } = Promise.withResolvers<string>();
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connect(Number(port), hostname, () => socket.write("GET /media/x HTTP/1.1\r\nHost: a b\r\n\r\n"));
    socket.on("data", (data) => resolve(data.toString("latin1")));
    socket.on("error", reject);
    expect(await answer).toStartWith(`HTTP/1.1 ${status} `);
    socket.destroy();
  }
});
