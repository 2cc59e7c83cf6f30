// What is judged of a node's certificate and its authorities before other nodes would refuse them.

import { describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeTls, readNodePair } from "../../../src/transport/tls/node-tls.ts";
import { openssl, type Pair, TestAuthority } from "../../support/certificates.ts";
import { bothPurposes, nodeTls } from "../../support/node-tls.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const folder = temporaryFolder("roost-node-tls-");
const authority = new TestAuthority(folder);
const other = new TestAuthority(folder);
const pair = authority.leaf({ extra: bothPurposes });
const root = readFileSync(authority.root, "utf8");
const [own = "", between = ""] = readFileSync(pair.certificate, "utf8").split(/(?<=END CERTIFICATE-----\n)/);

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** The node's certificate without its intermediate. */
const alone: Pair = { certificate: file("alone.pem", own), key: pair.key };

describe("authorities", () => {
  test("may be a root, a root with its intermediate in any order, and others besides", () => {
    expect(() => nodeTls(pair, authority.root)).not.toThrow();
    for (const text of [between + root, root + between, readFileSync(other.root, "utf8") + between + root])
      expect(() => nodeTls(alone, file("several.pem", text))).not.toThrow();
  });

  test("are refused if they lead to no root: peers would trust nothing that they issued", () => {
    expect(() => nodeTls(alone, file("between.pem", between))).toThrow(
      /between\.pem: CN=between has issued .*alone\.pem, but is no root, .*; add the certificate of its own issuer/,
    );
  });

  test("are refused if none has issued the certificate, or the intermediate is missing", () => {
    expect(() => nodeTls(pair, other.root)).toThrow(/no authority of .* has issued it, so that other nodes refuse it/);
    expect(() => nodeTls(alone, authority.root)).toThrow(/no authority of .* has issued it/);
  });

  test("are refused if the one of this node has expired, although another one is valid", () => {
    const short = join(folder, "short.pem");
    const key = authority.root.replace(/pem$/, "key");
    openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Root", "-days", "1", "-out", short);
    const authorities = file("mixed.pem", readFileSync(short, "utf8") + readFileSync(other.root, "utf8"));
    const read = (nowMs: number): unknown => readNodePair({ ...pair, authorities }, nowMs);
    expect(() => read(Date.now())).not.toThrow();
    expect(() => read(Date.now() + 2 * 86_400_000)).toThrow(
      /mixed\.pem: CN=Root has issued .*leaf0\.pem, but is not valid now \(from .* GMT until .* GMT\); make a new/,
    );
    // The same key may have a certificate that is valid.
    writeFileSync(authorities, readFileSync(short, "utf8") + root);
    expect(() => read(Date.now() + 2 * 86_400_000)).not.toThrow();
  });

  test("are refused if one of the file has no end or no beginning: it would be left out silently", () => {
    for (const [name, text] of [
      ["second", root + readFileSync(other.root, "utf8").slice(0, 300)],
      ["first", `${readFileSync(other.root, "utf8").slice(0, 300)}\n${root}`],
      ["no end", readFileSync(other.root, "utf8").replace("-----END CERTIFICATE-----", "") + root],
    ] as const)
      expect(() => nodeTls(pair, file(`${name}.pem`, text))).toThrow(/certificate \d is damaged \(it has no end\)/);
  });
});

describe("a certificate for servers only", () => {
  const server = authority.leaf();

  test("is enough for HTTPS, but not for links: peers that this node dials would refuse it", () => {
    const tls = nodeTls(server, authority.root);
    expect(() => tls.requireBothPurposes()).toThrow(
      /leaf\d+\.pem: the certificate is not for TLS clients, .*; issue one with .* serverAuth and clientAuth/,
    );
    expect(() => nodeTls(pair, authority.root).requireBothPurposes()).not.toThrow();
    expect(() => nodeTls(authority.leaf({ extra: "" }), authority.root).requireBothPurposes()).not.toThrow();
  });

  test("does not replace one for both in a node with links", () => {
    const files = { certificate: join(folder, "node.crt"), key: join(folder, "node.key"), authorities: authority.root };
    const install = (from: Pair): void => {
      for (const kind of ["certificate", "key"] as const) {
        copyFileSync(from[kind], `${files[kind]}.new`);
        renameSync(`${files[kind]}.new`, files[kind]);
      }
    };
    install(pair);
    const tls = new NodeTls(files, readNodePair(files, Date.now()), true);
    tls.requireBothPurposes();
    const { fingerprint } = tls.certificate;
    install(server);
    expect(() => tls.readAgain(Date.now())).toThrow("is not for TLS clients");
    expect(tls.certificate.fingerprint).toBe(fingerprint);
  });
});
