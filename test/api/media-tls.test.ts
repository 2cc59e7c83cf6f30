// Files in a folder over HTTPS: at the listener of the API, and at that of the WebSocket clients.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readCertificate } from "../../src/transport/tls/certificate.ts";
import { TlsContext } from "../../src/transport/tls/tls-context.ts";
import { TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ApiStage } from "./api-stage.ts";

const folder = temporaryFolder("roost-media-tls-");

test("files go up and down over HTTPS at both listeners, also after the certificate was renewed", async () => {
  const authority = new TestAuthority(folder);
  const files = authority.leaf();
  const context = new TlsContext(readCertificate(files, Date.now()));
  await using stage = await ApiStage.start({ media: { kind: "folder" }, tls: { files, context } });
  const ca = readFileSync(authority.root, "utf8");
  const [api, ws] = [`https://${stage.messenger.api}`, `https://${stage.messenger.ws}`];
  const ask = (url: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url, { ...init, keepalive: false, tls: { ca } });
  const call = async (method: string, body: object): Promise<Record<string, unknown>> => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${stage.keys.all}` };
    const response = await ask(`${api}/roost.v1.${method}`, { method: "POST", body: JSON.stringify(body), headers });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return Object(answer);
  };
  const ticketFor = async (request: object): Promise<{ readonly id: string; readonly url: string }> => {
    const { tickets } = await call("Messages/Media", request);
    const [ticket] = Array.from(Object(tickets), (each) => Object(each));
    return { id: String(ticket?.id), url: String(ticket?.url) };
  };
  // Several reads of the socket, and several records of TLS.
  const content = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  const headers = { "content-type": "image/png" };
  const roundTrip = async (base: string): Promise<void> => {
    const upload = { name: "n", type: "image/png", size: `${content.length}` };
    const { id, url } = await ticketFor({ account: "ann", upload });
    // A ticket is a path: it leads to the listener that the client knows, never to plain text.
    expect(url).toStartWith("/media/");
    const short = await ask(base + url, { method: "PUT", headers, body: content.subarray(1) });
    expect(short.status).toBe(413);
    expect((await ask(base + url, { method: "PUT", headers, body: content })).status).toBe(201);
    const { messageId } = await call("Messages/Send", { sender: "ann", to: "bob", media: [id] });
    const get = await ticketFor({ account: "bob", download: { messageId } });
    const whole = await ask(base + get.url);
    expect(whole.headers.get("x-content-type-options")).toBe("nosniff");
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true);
    const part = await ask(base + get.url, { headers: { range: "bytes=999998-" } });
    expect([part.status, await part.bytes()]).toEqual([206, content.slice(999_998)]);
  };
  await roundTrip(api);
  await roundTrip(ws);
  context.replace(readCertificate(authority.leaf(), Date.now()));
  await roundTrip(api);
  await roundTrip(ws);
  // Nobody is served without the handshake.
  for (const address of [stage.messenger.api, stage.messenger.ws])
    await expect(fetch(`http://${address}/media/x`, { keepalive: false })).rejects.toThrow();
});
