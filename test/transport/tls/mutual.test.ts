// A listener that demands certificates, and a client that is not ours: openssl.

import { afterEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listenTcp } from "../../../src/transport/tcp.ts";
import { readCertificate } from "../../../src/transport/tls/certificate.ts";
import { TlsContext } from "../../../src/transport/tls/tls-context.ts";
import type { Server } from "../../../src/transport/transport.ts";
import { closeNormal } from "../../../src/wire/close-reason.ts";
import { type Pair, TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type Counts, testOptions } from "../recording.ts";
import { loopback } from "./tls-stage.ts";

const folder = temporaryFolder("roost-mutual-tls-");
const authority = new TestAuthority(folder);
const extra = "extendedKeyUsage=serverAuth,clientAuth";
const [own, other] = [authority.leaf({ extra }), authority.leaf({ extra })];
const versions = ["-tls1_2", "-tls1_3"] as const;
/** Between the certificate and its authority; the test's root is all that a node knows. */
const chainOf = ({ certificate, key }: Pair): string[] => [
  ...["-cert", certificate, "-cert_chain", certificate, "-key", key],
];

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

/** Listens, and says goodbye to whom it accepts. */
function listening(): { readonly address: string; readonly counts: Counts } {
  const tls = new TlsContext(readCertificate(own, Date.now()), readFileSync(authority.root, "utf8"));
  const options = testOptions({ tls });
  const server = listenTcp(loopback, { accept: () => closeNormal }, options);
  servers.push(server);
  return { address: server.address, counts: options.observer };
}

/** What openssl tells of a connection. */
async function connected(address: string, version: string, ...words: string[]): Promise<string> {
  const common = ["-connect", address, version, "-CAfile", authority.root, "-ign_eof"];
  const { stdout, stderr, exited } = Bun.spawn(["openssl", "s_client", ...common, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = await Promise.all([stdout, stderr].map((stream) => new Response(stream).text()));
  await exited;
  return texts.join("");
}

test.each(versions)("takes a certificate of its authority, and says goodbye (%s)", async (version) => {
  const { address, counts } = listening();
  expect(await connected(address, version, ...chainOf(other))).toContain("1000 bye");
  expect(counts.faults).toEqual([]);
});

test.each(versions)("refuses a client without a certificate (%s)", async (version) => {
  const { address } = listening();
  const told = await connected(address, version);
  expect(told).toContain("4003 your certificate was issued by no authority that is known here, or is missing");
  expect(told).not.toContain("1000 bye");
});

test.each(versions)("resumes no session, for which no certificate would be shown again (%s)", async (version) => {
  const { address } = listening();
  const session = join(folder, `session${version}`);
  const first = await connected(address, version, ...chainOf(other), "-sess_out", session);
  expect(first).toContain("New, TLSv1.");
  // Without a ticket openssl may write no file.
  const second = await connected(address, version, ...(existsSync(session) ? ["-sess_in", session] : []));
  expect(second).not.toContain("Reused");
  expect(second).not.toContain("1000 bye");
});

test.each(["-tls1", "-tls1_1"])("takes no older version (%s)", async (version) => {
  const { address } = listening();
  const old = ["-cipher", "ALL:@SECLEVEL=0"];
  expect(await connected(address, version, ...chainOf(other), ...old)).not.toContain("1000 bye");
});
