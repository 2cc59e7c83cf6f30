// Tokens that openssl signs, and the file of the issuer's public keys changing under a running server.

import { expect, test } from "bun:test";
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { WireClient } from "../support/wire-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-issuers-");

const issuer = "https://id.example.com/";
const secretPath = join(folder, "secret");
const jwksPath = join(folder, "keys.json");
const line = `[shop] jwks=${jwksPath} issuer=${issuer} audience=roost`;
const common = "the key of all other apps";
const hasOpenssl = Bun.which("openssl") !== null;

/** Asynchronous: while Bun waits in spawnSync, output of the server that arrives meanwhile may never be read. */
async function openssl(...words: readonly string[]): Promise<Buffer> {
  const child = Bun.spawn(["openssl", ...words], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(errors);
  return Buffer.from(output);
}

const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64url");

type Algorithm = "RS256" | "ES256" | "EdDSA";
const generated: Readonly<Record<Algorithm, readonly string[]>> = {
  RS256: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  ES256: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  EdDSA: ["-algorithm", "ED25519"],
};

/** Makes a key pair in a file called `kid`; returns the public key as a JWK. */
async function makeKey(alg: Algorithm, kid: string): Promise<Readonly<Record<string, unknown>>> {
  await openssl("genpkey", ...generated[alg], "-out", kid);
  const use = { kid, alg, use: "sig" };
  if (alg === "RS256") {
    const modulus = (await openssl("rsa", "-in", kid, "-noout", "-modulus")).toString().trim().replace("Modulus=", "");
    return { kty: "RSA", n: base64url(Buffer.from(modulus, "hex")), e: "AQAB", ...use };
  }
  const der = await openssl("pkey", "-in", kid, "-pubout", "-outform", "DER");
  if (alg === "EdDSA") return { kty: "OKP", crv: "Ed25519", x: base64url(der.subarray(-32)), ...use };
  return { kty: "EC", crv: "P-256", x: base64url(der.subarray(-64, -32)), y: base64url(der.subarray(-32)), ...use };
}

/** Returns the two numbers of a signature in DER, of 32 bytes each (RFC 7518, 3.4). */
function pairOf(der: Buffer): Buffer {
  const firstBytes = der[3] ?? 0;
  const numbers = [der.subarray(4, 4 + firstBytes), der.subarray(6 + firstBytes)];
  return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(32), number]).subarray(-32)));
}

async function signed(
  alg: Algorithm,
  kid: string,
  account: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { acc: account, app: "shop", iss: issuer, aud: ["roost"], exp, ...more };
  const input = `${base64url(JSON.stringify({ alg, kid }))}.${base64url(JSON.stringify(claims))}`;
  writeFileSync(join(folder, "input"), input);
  const digest = alg === "EdDSA" ? ["-rawin"] : ["-rawin", "-digest", "sha256"];
  const signature = await openssl("pkeyutl", "-sign", "-inkey", kid, ...digest, "-in", "input");
  return `${input}.${base64url(alg === "ES256" ? pairOf(signature) : signature)}`;
}

/** Puts a text into the place of a file, as who deploys keys does. */
function replace(path: string, text: string, mode = 0o644): void {
  writeFileSync(`${path}.new`, text);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}
const jwks = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

test.skipIf(!hasOpenssl)(
  "openssl's tokens are taken, and the keys change without a dropped connection",
  async () => {
    const keys = {
      RS256: await makeKey("RS256", "r"),
      ES256: await makeKey("ES256", "e"),
      EdDSA: await makeKey("EdDSA", "o"),
    };
    const next = await makeKey("ES256", "e2");
    replace(secretPath, [line, common].join("\n"), 0o600);
    replace(jwksPath, jwks(...Object.values(keys), { kty: "AKP", alg: "ML-DSA-44", kid: "of the future" }));
    const server = await ServerProcess.start(folder, ["--secret-file", secretPath]);
    const count = (sentence: RegExp): number => server.log.match(sentence)?.length ?? 0;
    /** Changes files, sends the signal if `asks`, and waits for a line of the log that was not there before. */
    const changed = async (change: () => void, sentence: RegExp, asks = false): Promise<void> => {
      const before = count(sentence);
      change();
      if (asks) server.signal("SIGHUP");
      await until(() => count(sentence) > before, `the files were read: ${sentence} in ${server.log}`);
    };
    const signIn = async (token: string): Promise<WireClient> => {
      const client = await WireClient.connect(server.tcp.replace("tcp://", ""));
      await client.signIn(token);
      return client;
    };
    try {
      expect(server.log).toContain("a public key is skipped");
      const clients = {
        RS256: await signIn(await signed("RS256", "r", "ann")),
        ES256: await signIn(await signed("ES256", "e", "bob")),
        EdDSA: await signIn(await signed("EdDSA", "o", "cid")),
      };
      const other = await signIn(
        await signToken(new TextEncoder().encode(common), { account: "dan", app: "bank", ttlSeconds: 600 }),
      );
      const areOpen = (): boolean[] => [...Object.values(clients), other].map(({ isClosed }) => !isClosed);
      for (const [token, reason] of [
        [await signed("RS256", "r", "ann", { iss: "https://id.example.org/" }), "iss"],
        [await signed("RS256", "r", "ann", { aud: "another" }), "aud"],
        [await signed("RS256", "r", "ann", { exp: 1 }), "expired"],
        [await signed("ES256", "e2", "ann"), "no key matches"],
        [await signed("ES256", "e", "ann", { app: "bank" }), "must be signed with HS256"],
      ] as const)
        await expect(signIn(token)).rejects.toThrow(reason);
      const pem = (await openssl("pkey", "-in", "r", "-pubout")).toString();
      for (const text of [pem, jwks(keys.RS256), common]) {
        const token = await signToken(new TextEncoder().encode(text), { account: "eve", app: "shop", ttlSeconds: 60 });
        await expect(signIn(token)).rejects.toThrow("must be signed by its issuer");
      }

      const rubbish: readonly (readonly [string, number, string])[] = [
        ["rubbish", 0o644, "expected JSON"],
        [jwks(), 0o644, "no key verifies tokens"],
        ["", 0o644, "expected JSON"],
        [jwks(keys.RS256, keys.ES256).slice(0, -9), 0o644, "expected JSON"],
        [jwks(keys.RS256, { ...next, kid: "r" }), 0o644, "another key has the same kid"],
        [jwks(keys.RS256, { kty: "oct", k: "AAAA" }), 0o644, "a symmetric key"],
        [jwks({ ...keys.ES256, d: "AAAA" }), 0o644, "a part of a private key"],
        [`{"keys":[],"padding":"${"x".repeat(10 * 1024 * 1024)}"}`, 0o644, "longer than 524288 bytes"],
        [jwks(next), 0o666, "everybody can change"],
      ];
      for (const [text, mode, reason] of rubbish)
        await changed(() => replace(jwksPath, text, mode), new RegExp(`the old keys stay.*${reason}`, "g"));
      await changed(() => rmSync(jwksPath), /the old keys stay.*no such file/g);
      // Once for each change.
      expect(count(/ERROR.*the old keys stay/gi)).toBe(rubbish.length + 1);
      await expect(signIn(await signed("ES256", "e2", "fay"))).rejects.toThrow("no key matches");
      await signIn(await signed("EdDSA", "o", "fay"));
      expect(areOpen()).toEqual([true, true, true, true]);

      const five = /read again \((\w{8} ){4}\w{8}\); connections that end by it: 0/g;
      await changed(() => replace(jwksPath, jwks(...Object.values(keys), next)), five);
      const fresh = await signIn(await signed("ES256", "e2", "gus"));
      expect([fresh.isClosed, ...areOpen()]).toEqual([false, true, true, true, true]);
      // On SIGHUP all keys are read, changed or not.
      await changed(() => undefined, five, true);
      const four = /read again \((\w{8} ){3}\w{8}\); connections that end by it: 1/g;
      await changed(() => replace(jwksPath, jwks(keys.RS256, keys.EdDSA, next)), four);
      expect((await clients.ES256.ending()).code).toBe(CloseCode.Unauthorised);
      await expect(signIn(await signed("ES256", "e", "bob"))).rejects.toThrow("no key matches");
      expect([fresh.isClosed, ...areOpen()]).toEqual([false, true, false, true, true]);

      // The secret file waits for the signal, and names what is watched from then on.
      const moved = join(folder, "moved.json");
      writeFileSync(moved, jwks(keys.RS256, keys.EdDSA, next));
      const unwatched = (): void => replace(secretPath, [line.replace(jwksPath, moved), common].join("\n"), 0o600);
      await changed(unwatched, /read again \((\w{8} ){3}\w{8}\); connections that end by it: 0/g, true);
      await changed(() => replace(moved, "rubbish"), /the old keys stay.*moved\.json: expected JSON/g);
      await changed(() => replace(moved, jwks(next)), /read again \(\w{8} \w{8}\); connections that end by it: 3/g);
      for (const ended of [clients.RS256, clients.EdDSA])
        expect((await ended.ending()).code).toBe(CloseCode.Unauthorised);
      expect([fresh.isClosed, other.isClosed]).toEqual([false, false]);
    } finally {
      await server.end("SIGKILL");
    }
  },
  60_000,
);

test("a start with keys that cannot be used fails, and says which file and what would be right", async () => {
  replace(secretPath, line, 0o600);
  const start = () =>
    run(["--ws", "127.0.0.1:0", "--tcp", "off", "--monitor", "off", "--secret-file", secretPath], folder);
  for (const [text, reason] of [
    [jwks({ kty: "oct", k: "AAAA" }), `${jwksPath}: keys[0]: a symmetric key (oct) is a secret and belongs in`],
    ["x".repeat(10 * 1024 * 1024), `cannot read ${jwksPath}: it is longer than 524288 bytes`],
  ] as const) {
    replace(jwksPath, text);
    const { status, err } = await start();
    expect([status, err]).toEqual([1, expect.stringContaining(reason)]);
  }
  const { status, err } = await run(
    ["token", "--account", "ann", "--app", "shop", "--secret-file", secretPath],
    folder,
  );
  expect([status, err]).toEqual([1, expect.stringContaining("it is longer than")]);
}, 60_000);
