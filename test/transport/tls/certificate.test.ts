import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCertificate } from "../../../src/transport/tls/certificate.ts";
import { TlsContext } from "../../../src/transport/tls/tls-context.ts";
import { openssl, selfSigned, TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const folder = temporaryFolder("roost-certificates-");
const authority = new TestAuthority(folder);
const good = authority.leaf();

const read = (files: { certificate: string; key: string }) => readCertificate(files, Date.now());

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

describe("a certificate that is fit for use", () => {
  test.each(["ecdsa", "rsa"] as const)("is one of an intermediate, with a key of the kind %s", (kind) => {
    const certificate = read(authority.leaf({ kind }));
    expect(certificate.names).toBe("DNS:localhost, IP Address:127.0.0.1");
    expect(certificate.fingerprint).toMatch(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/);
    expect(certificate.expiryMs).toBeGreaterThan(Date.now());
    expect(certificate.warnings).toEqual([]);
    expect(new TlsContext(certificate).certificate).toBe(certificate);
  });

  test("may be self-signed", () => {
    expect(read(selfSigned(folder)).names).toContain("localhost");
  });

  test("expires when the first of its chain does", () => {
    const certificate = read(authority.leaf({ to: "20400101000000Z" }));
    expect(certificate.expiryMs).toBeLessThan(Date.now() + 21 * 86_400_000);
  });

  test("is named in a warning if it has no names", () => {
    expect(read(authority.leaf({ names: "" })).warnings).toEqual([
      expect.stringContaining("has no subjectAltName: clients that verify names refuse it"),
    ]);
  });

  test("is named in a warning if others can read or change the key", () => {
    const { certificate, key } = authority.leaf();
    chmodSync(key, 0o644);
    expect(read({ certificate, key }).warnings).toEqual([expect.stringContaining("other users can read")]);
    chmodSync(key, 0o660);
    expect(read({ certificate, key }).warnings).toEqual([expect.stringContaining("its group can change")]);
  });
});

describe("a certificate that is refused", () => {
  const refusedAs = (files: { certificate: string; key: string }, pattern: RegExp): void =>
    expect(() => read(files)).toThrow(pattern);

  test.each([
    ["rsa512", /CN=leaf\d+ has an RSA key of 512 bits; use RSA with 2048 bits or more, or ECDSA/],
    ["rsa1024", /has an RSA key of 1024 bits/],
    ["p224", /has an ECDSA key of the curve secp224r1; use/],
    ["ed25519", /has a key of the kind ed25519; use/],
  ] as const)("has a key of the kind %s", (kind, pattern) => {
    const pair = authority.leaf({ kind });
    refusedAs(pair, pattern);
    refusedAs(pair, new RegExp(pair.certificate));
  });

  test("has expired", () => {
    refusedAs(
      authority.leaf({ from: "20200101000000Z", to: "20210101000000Z" }),
      /leaf\d+\.pem: the certificate of CN=leaf\d+ expired on Jan .*2021 GMT; renew it/,
    );
  });

  test("is not valid yet", () => {
    const from = "20390101000000Z";
    refusedAs(authority.leaf({ from, to: "20400101000000Z" }), /is valid from Jan .* on; check this machine's clock/);
  });

  test("has another key", () => {
    const { key } = authority.leaf();
    refusedAs({ certificate: good.certificate, key }, /leaf\d+\.key does not fit .*leaf\d+\.pem: name the private key/);
  });

  test("is for clients only", () => {
    refusedAs(authority.leaf({ extra: "extendedKeyUsage=clientAuth" }), /not for TLS servers; .* serverAuth/);
  });

  test("comes after the intermediate", () => {
    const [own, between] = readFileSync(good.certificate, "utf8").split(/(?<=END CERTIFICATE-----\n)/);
    const certificate = file("turned.pem", `${between}${own}`);
    refusedAs({ certificate, key: good.key }, /is number 2; move it to the beginning/);
  });

  test("is followed by another authority's", () => {
    const [own] = readFileSync(good.certificate, "utf8").split(/(?<=END CERTIFICATE-----\n)/);
    const certificate = file("foreign.pem", `${own}${readFileSync(new TestAuthority(folder).root, "utf8")}`);
    refusedAs({ certificate, key: good.key }, /is followed by one that did not issue it; put each issuer's/);
  });

  test("is rubbish", () => {
    const { key } = good;
    refusedAs({ certificate: file("empty.pem", ""), key }, /empty\.pem has no certificate: expected PEM/);
    const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    refusedAs({ certificate: file("damaged.pem", damaged), key }, /damaged\.pem: certificate 1 is damaged/);
    refusedAs({ certificate: good.certificate, key: file("no.key", "hello") }, /no\.key has no private key/);
    refusedAs({ certificate: join(folder, "none.pem"), key }, /none\.pem: no such file/);
    refusedAs({ certificate: file("long.pem", "x".repeat(300_000)), key }, /longer than 262144 bytes/);
    const many = readFileSync(good.certificate, "utf8").repeat(8);
    refusedAs({ certificate: file("many.pem", many), key }, /has 16 certificates; at most 10/);
  });

  test("has a key with a passphrase", () => {
    const key = join(folder, "locked.key");
    openssl("pkey", "-in", good.key, "-aes256", "-passout", "pass:secret", "-out", key);
    refusedAs({ certificate: good.certificate, key }, /locked\.key: the private key has a passphrase; remove it/);
  });

  test("has a key that everybody can change", () => {
    const key = join(folder, "open.key");
    copyFileSync(good.key, key);
    chmodSync(key, 0o666);
    refusedAs({ certificate: good.certificate, key }, /everybody can change the private key .*open\.key/);
  });
});
