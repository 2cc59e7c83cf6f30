// Where the API listens, with what protection, and how it stops.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { readCertificate } from "../../src/transport/tls/certificate.ts";
import { TlsContext } from "../../src/transport/tls/tls-context.ts";
import { roost } from "../cli/run-roost.ts";
import { TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ApiStage } from "./api-stage.ts";

const folder = temporaryFolder("roost-api-listener-");

const hi = '{"to":"bob","body":"hi"}';

test("a deadline beyond what a timer takes is none", async () => {
  await using stage = await ApiStage.start();
  const answer = await stage.post("Messages/Send", hi, { "connect-timeout-ms": "9999999999" });
  expect(answer.status).toBe(200);
});

/** Sends one request after the other over one connection until an answer ends it; returns the heads of the answers. */
function requestsOf(stage: ApiStage, answered: () => void): Promise<readonly string[]> {
  const { hostname, port } = new URL(stage.url);
  const request =
    `POST /roost.v1.Messages/Send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stage.keys.all}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${hi.length}\r\n\r\n${hi}`;
  return new Promise((resolve, reject) => {
    const heads: string[] = [];
    let isAwaited = true;
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket.on("data", (data) => {
      heads.push(data.toString("latin1").split("\r\n\r\n", 1)[0] ?? "");
      isAwaited = !/^connection: close/im.test(heads.at(-1) ?? "");
      answered();
      if (isAwaited) socket.write(request);
    });
    socket.on("error", reject);
    socket.on("close", () => (isAwaited ? reject(new Error("a request was not answered")) : resolve(heads)));
  });
}

test("when it stops, a kept connection gets an answer to each request, the last one with its end", async () => {
  const stage = await ApiStage.start();
  const begun = Promise.withResolvers<void>();
  let count = 0;
  const connections = Array.from({ length: 8 }, () =>
    requestsOf(stage, () => {
      if (++count === 100) begun.resolve();
    }),
  );
  await begun.promise;
  const stopped = stage.messenger.stop();
  for (const heads of await Promise.all(connections))
    expect(heads.filter((head) => !head.startsWith("HTTP/1.1 200 OK"))).toEqual([]);
  await stopped;
  await expect(stage.post("Messages/Send", hi)).rejects.toThrow();
});

test("with a certificate it speaks HTTPS, and takes a renewed one for new connections", async () => {
  const authority = new TestAuthority(folder);
  const files = authority.leaf();
  const context = new TlsContext(readCertificate(files, Date.now()));
  await using stage = await ApiStage.start({ tls: { files, context } });
  const url = `https://${stage.messenger.api}/roost.v1.Messages/Send`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${stage.keys.all}` };
  const ca = readFileSync(authority.root, "utf8");
  const send = (): Promise<Response> =>
    fetch(url, { method: "POST", body: hi, headers, keepalive: false, tls: { ca } });
  expect((await send()).status).toBe(200);
  await expect(fetch(url, { method: "POST", body: hi, headers, keepalive: false })).rejects.toThrow();
  context.replace(readCertificate(authority.leaf(), Date.now()));
  expect((await send()).status).toBe(200);
});

test("off loopback it wants a certificate, or the word that a proxy has one", async () => {
  const serve = ["serve", "--data", folder, "--ws", "127.0.0.1:0", "--tcp", "off", "--monitor", "off"];
  const refused = await roost(...serve, "--api", "0.0.0.0:0");
  expect(refused.status).not.toBe(0);
  expect(refused.err).toContain("--api 0.0.0.0:0 would carry keys in plain text");
  expect(refused.err).toContain("--tls-cert");
  expect(refused.err).toContain("--api-plain");
});
