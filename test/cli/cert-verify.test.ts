// The certificates of roost cert, judged by others: openssl, and TLS with certificates on both sides.

import { beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { roost } from "./run-roost.ts";

const root = temporaryFolder("roost-cert-verify-");
const [ours, theirs] = [join(root, "ours"), join(root, "theirs")];
const nodes = "gw-1=127.0.0.1,gw-1=gw.example.com,gw-1=fd00::5,chat-1=chat1.internal";

beforeAll(async () => {
  for (const folder of [ours, theirs]) expect((await roost("cert", "--dir", folder, "--nodes", nodes)).status).toBe(0);
});

const fileOf = (folder: string, name: string): Buffer => readFileSync(join(folder, name));

async function openssl(...words: string[]): Promise<{ status: number; out: string }> {
  const child = Bun.spawn(["openssl", ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out: out + err };
}

const withOpenssl = test.skipIf(Bun.which("openssl") === null);

withOpenssl("openssl verifies both purposes and every name, strictly", async () => {
  const verify = (folder: string, ...words: string[]) =>
    openssl("verify", "-x509_strict", "-CAfile", join(folder, "ca.crt"), ...words, join(ours, "gw-1.crt"));
  for (const words of [
    ["-purpose", "sslserver", "-verify_ip", "127.0.0.1"],
    ["-purpose", "sslserver", "-verify_ip", "fd00::5"],
    ["-purpose", "sslserver", "-verify_hostname", "gw.example.com"],
    ["-purpose", "sslclient"],
  ])
    expect(await verify(ours, ...words)).toMatchObject({ status: 0, out: expect.stringContaining("OK") });
  for (const [folder, words] of [
    [ours, ["-verify_hostname", "chat1.internal"]],
    [ours, ["-verify_ip", "127.0.0.2"]],
    [ours, ["-purpose", "smimesign"]],
    [theirs, []],
  ] as const)
    expect((await verify(folder, ...words)).status).not.toBe(0);
  // A node is no authority.
  const chained = await openssl("verify", "-CAfile", join(ours, "chat-1.crt"), join(ours, "gw-1.crt"));
  expect(chained.status).not.toBe(0);
});

withOpenssl("openssl prints the extensions that RFC 5280 asks for", async () => {
  const textOf = async (name: string) => (await openssl("x509", "-noout", "-text", "-in", join(ours, name))).out;
  const [authority, node] = [await textOf("ca.crt"), await textOf("gw-1.crt")];
  expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
  expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  expect(node).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
  expect(node).toMatch(/Key Usage: critical\s+Digital Signature\n/);
  expect(node).toMatch(/Extended Key Usage: ?\s+TLS Web Server Authentication, TLS Web Client Authentication\n/);
  expect(node).toMatch(/IP Address:127\.0\.0\.1, DNS:gw\.example\.com, IP Address:FD00:0:0:0:0:0:0:5\n/);
  for (const text of [authority, node]) {
    expect(text).toContain("Version: 3 ");
    expect(text).toContain("Signature Algorithm: ecdsa-with-SHA256");
    expect(text).toContain("NIST CURVE: P-256");
  }
  const subjectKey = /Subject Key Identifier: ?\s+([0-9A-F:]+)\n/.exec(authority)?.[1] ?? "none";
  expect(node).toMatch(new RegExp(String.raw`Authority Key Identifier: ?\s+(keyid:)?${subjectKey}\n`));
  const key = await openssl("pkey", "-in", join(ours, "gw-1.key"), "-noout", "-check");
  expect(key).toMatchObject({ status: 0, out: expect.stringContaining("valid") });
});

/** A TLS server that asks for certificates, and answers with the client's common name. */
async function listening() {
  const server = createServer(
    {
      cert: fileOf(ours, "gw-1.crt"),
      key: fileOf(ours, "gw-1.key"),
      ca: fileOf(ours, "ca.crt"),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket: TLSSocket) => socket.end(String(socket.getPeerCertificate().subject.CN)),
  );
  // A client that is refused is the client's matter.
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { port: address.port, [Symbol.dispose]: () => server.close() };
}

/** What the server says to a client with the certificate of chat-1 in `folder`, or the reason why it is refused. */
function greeting(port: number, name: string, folder: string | undefined): Promise<string> {
  const pair = folder === undefined ? {} : { cert: fileOf(folder, "chat-1.crt"), key: fileOf(folder, "chat-1.key") };
  return new Promise((resolve) => {
    const named = isIP(name) === 0 ? { servername: name } : {};
    const socket = connect({ host: "127.0.0.1", port, ca: fileOf(ours, "ca.crt"), ...named, ...pair });
    let said = "";
    socket.on("data", (data) => (said += data));
    socket.on("error", (error) => resolve(`refused: ${error.message}`));
    socket.on("close", () => resolve(said === "" ? "refused: closed" : said));
  });
}

test("two nodes talk TLS with certificates on both sides, and nobody else joins in", async () => {
  using server = await listening();
  expect(await greeting(server.port, "gw.example.com", ours)).toBe("chat-1");
  expect(await greeting(server.port, "127.0.0.1", ours)).toBe("chat-1");
  expect(await greeting(server.port, "chat1.internal", ours)).toStartWith("refused: ");
  expect(await greeting(server.port, "gw.example.com", theirs)).toStartWith("refused: ");
  expect(await greeting(server.port, "gw.example.com", undefined)).toStartWith("refused: ");
});

withOpenssl("openssl's own client gets through the same door", async () => {
  using server = await listening();
  const connected = (folder: string) =>
    openssl(
      ...["s_client", "-connect", `127.0.0.1:${server.port}`, "-CAfile", join(ours, "ca.crt"), "-verify_return_error"],
      ...[
        "-verify_hostname",
        "gw.example.com",
        "-cert",
        join(folder, "chat-1.crt"),
        "-key",
        join(folder, "chat-1.key"),
      ],
      ...["-ign_eof"],
    );
  expect((await connected(ours)).out).toMatch(/Verify return code: 0 \(ok\)[^]*chat-1/);
  expect((await connected(theirs)).out).not.toContain("\nchat-1");
});
