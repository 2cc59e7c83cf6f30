// Handshakes of openssl's client with both listeners.

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listenTcp } from "../../../src/transport/tcp.ts";
import type { Server } from "../../../src/transport/transport.ts";
import { listenWebSocket } from "../../../src/transport/websocket.ts";
import { closeNormal, type CloseReason } from "../../../src/wire/close-reason.ts";
import { type Pair, TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { eventually, type Recording, recordingAcceptor, testOptions } from "../recording.ts";
import { contextOf, loopback, portOf } from "./tls-stage.ts";

const folder = temporaryFolder("roost-openssl-");
const authority = new TestAuthority(folder);
const leaf = authority.leaf();
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

/** Runs `openssl s_client` with these words and this input until it ends; returns all that it says. */
async function sClient(port: number, words: readonly string[], input = ""): Promise<string> {
  const child = Bun.spawn(
    ["openssl", "s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.root, ...words],
    {
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return out + errors;
}

describe.each([
  ["TCP", listenTcp],
  ["WebSocket", listenWebSocket],
] as const)("a %s listener", (kind, listen) => {
  function serve(pair: Pair = leaf, refusal?: CloseReason) {
    const options = testOptions();
    const accepted: Recording[] = [];
    const acceptor = refusal === undefined ? recordingAcceptor(accepted) : { accept: () => refusal };
    const server = listen(loopback, acceptor, { ...options, tls: contextOf(pair) });
    servers.push(server);
    return { port: portOf(server), accepted, faults: options.observer.faults };
  }

  test.each([
    ["-tls1_2", "TLSv1.2"],
    ["-tls1_3", "TLSv1.3"],
  ])("with %s is verified by chain and name", async (word, version) => {
    const { port } = serve();
    const said = await sClient(port, [word, "-verify_return_error", "-verify_hostname", "localhost", "-brief"]);
    expect(said).toContain(`Protocol version: ${version}`);
    expect(said).toContain("Verification: OK");
  });

  test.each(["-tls1", "-tls1_1"])("refuses %s", async (word) => {
    const { port, faults } = serve();
    expect(await sClient(port, [word, "-cipher", "DEFAULT@SECLEVEL=0"])).toContain("alert protocol version");
    // The platform does not report the handshakes of its HTTP server.
    if (kind === "TCP") await eventually(() => faults.length > 0);
    expect(faults).toEqual(kind === "TCP" ? ["tls-handshake"] : []);
  });

  test("has no suite without forward secrecy or authenticated encryption", async () => {
    const { port } = serve();
    const weak = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256:@SECLEVEL=0";
    expect(await sClient(port, ["-tls1_2", "-cipher", weak])).toContain("handshake failure");
  });

  test("shows an RSA certificate", async () => {
    const { port } = serve(authority.leaf({ kind: "rsa" }));
    const said = await sClient(port, ["-verify_return_error", "-brief"]);
    expect(said).toContain("Verification: OK");
    expect(said).toContain("Signature type: RSA-PSS");
  });

  test("shows the intermediate, without which its certificate does not verify", async () => {
    const { port } = serve();
    const said = await sClient(port, ["-showcerts", "-verify_return_error"]);
    expect(said.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
    const alone = join(folder, "alone.pem");
    const [own = ""] = readFileSync(leaf.certificate, "utf8").split(/(?<=END CERTIFICATE-----\n)/);
    await Bun.write(alone, own);
    const { port: bare } = serve({ certificate: alone, key: leaf.key });
    expect(await sClient(bare, ["-verify_return_error"])).toContain("unable to get local issuer certificate");
  });

  test("does not verify for another name", async () => {
    const { port } = serve(authority.leaf({ names: "DNS:other.example" }));
    const said = await sClient(port, ["-verify_return_error", "-verify_hostname", "localhost", "-brief"]);
    expect(said).toContain("hostname mismatch");
  });

  test.each(["-servername localhost", "-servername other.example", "-noservername"])(
    "shows its only certificate whatever name is asked for: %s",
    async (words) => {
      const { port } = serve();
      expect(await sClient(port, [...words.split(" "), "-brief"])).toContain("Verification: OK");
    },
  );

  test.each(["-tls1_2", "-tls1_3"])("resumes a session with %s", async (word) => {
    const { port } = serve(leaf, closeNormal);
    const session = join(folder, `session${kind}${word}`);
    // The session of TLS 1.3 comes behind the handshake: the answer to a request comes behind it.
    const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const first = await sClient(port, [word, "-ign_eof", "-sess_out", session], request);
    expect(first).toMatch(/^New, TLSv/m);
    expect(existsSync(session)).toBe(true);
    expect(await sClient(port, [word, "-ign_eof", "-sess_in", session], request)).toMatch(/^Reused, TLSv/m);
  });

  test("refuses a renegotiation", async () => {
    const { port, accepted } = serve();
    // A line of `R` asks for it.
    expect(await sClient(port, ["-tls1_2"], "R\n")).toContain("alert no renegotiation");
    if (kind !== "TCP") return;
    await eventually(() => accepted[0]?.reasons.length === 1);
    expect(accepted).toHaveLength(1);
  });
});
