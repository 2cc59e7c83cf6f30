import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSecret, fingerprintOf, secretFromText, secretPath, secretsFromFile } from "../../src/auth/secret.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-secret-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a folder's secret is made once, is long, and is its owner's alone", () => {
  expect(ensureSecret(folder)).toBe(true);
  const made = readFileSync(secretPath(folder), "utf8");
  // A command line takes what begins with a dash for an option.
  expect(made).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(secretPath(folder)).mode & 0o777).toBe(0o600);
  expect(ensureSecret(folder)).toBe(false);
  expect(readFileSync(secretPath(folder), "utf8")).toBe(made);
  expect(secretsFromFile(secretPath(folder)).keys[0]?.length).toBeGreaterThanOrEqual(32);
  expect(readdirSync(folder)).toEqual(["secret"]);
});

test("a file's lines are keys, the first one first", () => {
  const path = join(folder, "keys");
  writeFileSync(path, "the first key of them\nthe second key of them\n");
  expect(secretsFromFile(path).keys.map((key) => new TextDecoder().decode(key))).toEqual([
    "the first key of them",
    "the second key of them",
  ]);
});

test("short, empty and missing secrets are refused with where and why", () => {
  expect(() => secretFromText("fifteen bytes..", "--secret")).toThrow("--secret: a secret has at least 16 bytes");
  expect(secretFromText("sixteen bytes...", "--secret")).toHaveLength(16);
  const path = join(folder, "keys");
  expect(() => secretsFromFile(path)).toThrow(path);
  writeFileSync(path, "\n");
  expect(() => secretsFromFile(path)).toThrow("is empty");
});

const random = "x7Hq2LrW9tZk4VbN6cYd";

function keysOf(content: string | Uint8Array): string[] {
  const path = join(folder, "keys");
  writeFileSync(path, content);
  return secretsFromFile(path).keys.map((key) => new TextDecoder().decode(key));
}

test("comments, empty lines, a byte order mark and CR LF are no part of a key", () => {
  expect(keysOf(`# managed by ansible, do not edit\n${random}\n`)).toEqual([random]);
  expect(keysOf(`\uFEFF${random}\r\n\r\n# older:\r\n${random}2\r\n`)).toEqual([random, `${random}2`]);
});

test("keys that openssl, base64, uuidgen, this server and its installer make stay as they are, byte for byte", () => {
  const keys = [
    ...["Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo=", "9f86d081884c7d65", "550e8400-e29b-41d4-a716-446655440000"],
    ...[
      "0123456789abcdef0123456789abcdef",
      "correct horse battery staple",
      `p#"'\\$\`~ of ${random}`,
      "a/b+c=d!e@f:g;h,i",
    ],
  ];
  for (const key of keys) expect(keysOf(`${key}\n`)).toEqual([key]);
  for (let time = 0; time < 200; time++) {
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString(time % 2 === 0 ? "hex" : "base64");
    if (key.length >= 16 && new Set(key).size >= 6) expect(keysOf(key)).toEqual([key]);
  }
});

test("what is no secret is refused with its line, and is not shown", () => {
  for (const [line, reason] of [
    ["\0".repeat(40), "printable ASCII"],
    [" ".repeat(32), "no blanks before or after"],
    [`${random} `, "no blanks before or after"],
    [` ${random}`, "no blanks before or after"],
    [`${random}\t`, "printable ASCII"],
    [`pässwörter-${random}`, "printable ASCII"],
    [`"${random}"`, "quotes"],
    [`'${random}'`, "quotes"],
    ["a".repeat(32), "different characters"],
    ["abababababababababab", "different characters"],
    ["passwordpassword", "repeats"],
    ["x".repeat(5_000), "at most 4096 bytes"],
  ] as const) {
    const failure = ((): unknown => {
      try {
        return keysOf(`${random}\n${line}\n`);
      } catch (error) {
        return error;
      }
    })();
    expect([line, String(failure)]).toEqual([line, expect.stringContaining(reason)]);
    expect(String(failure)).toContain(", line 2: ");
    if (line.trim() !== "") expect(String(failure)).not.toContain(line.slice(2, 14));
    // The same as an option.
    expect(() => secretFromText(line, "--secret")).toThrow(reason);
  }
  expect(() => secretFromText(`#${random}`, "--secret")).toThrow("does not begin with #");
  const utf16 = Buffer.from(`\uFEFF${random}\n`, "utf16le");
  expect(() => keysOf(utf16)).toThrow("UTF-16");
  expect(() => keysOf(crypto.getRandomValues(new Uint8Array(64)).fill(0xff, 0, 1))).toThrow("UTF-8");
});

test("text that stands in many people's files is no key", () => {
  for (const [line, reason] of [
    ["-----BEGIN PRIVATE KEY-----", "first line of a file of another kind"],
    ["-----BEGIN AGE ENCRYPTED FILE-----", "first line of a file of another kind"],
    ["$ANSIBLE_VAULT;1.1;AES256", "first line of a file of another kind"],
    ["age-encryption.org/v1", "first line of a file of another kind"],
    ["PuTTY-User-Key-File-3: ssh-ed25519", "first line of a file of another kind"],
    ["// managed by ansible, do not edit", "only lines that begin with # are comments"],
    ["; managed by ansible, do not edit", "only lines that begin with # are comments"],
    ["-- managed by ansible, do not edit", "only lines that begin with # are comments"],
    ["/* managed by ansible, do not edit */", "only lines that begin with # are comments"],
    ["<!-- managed by ansible, do not edit -->", "only lines that begin with # are comments"],
    ["{{ roost_token_secret }}", "placeholder"],
    ["${ROOST_TOKEN_SECRET}", "placeholder"],
    ["$(cat /run/secrets/roost)", "placeholder"],
    ["<put your secret here>", "placeholder"],
  ] as const) {
    expect(() => keysOf(`${line}\n${random}\n`)).toThrow(reason);
    expect(() => secretFromText(line, "--secret")).toThrow(reason);
  }
  // What base64 may begin with stays a key.
  for (const key of [`//${random}`, `--${random}`, `;${random}`, `$${random}`, `<${random}`])
    expect(keysOf(key)).toEqual([key]);
});

test("a malformed line of an app or an issuer is no key: everybody can guess what it says", () => {
  const issuer = "jwks=/var/lib/roost/shop.json issuer=https://id.example.com/";
  for (const line of [
    ...[issuer, `${issuer} audience=roost`, `[shop]${issuer}`, `[shop 2026] ${issuer}`, `shop ${issuer}`],
    ...["issuer=https://id.example.com/ jwks=/keys.json", "[shop 2026] jwks=/var/lib/roost/shop.json"],
    ...["audience=roost issuer=https://id.example.com/", "[production-shop]", "[shop the-key-of-2026]"],
  ])
    expect(() => keysOf(`${random}\n${line}\n`), line).toThrow(/line 2: .*\[app/);
  for (const text of [issuer, `[shop] ${issuer}`, "[shop the-key-of-2026]"])
    expect(() => secretFromText(text, "--secret"), text).toThrow("--secret: ");
  for (const key of [`[shop]${random}`, `[${random}`, `issuer:${random}`]) expect(keysOf(key)).toEqual([key]);
});

test("a file of comments alone is refused as one, since a key may have begun with #", () => {
  expect(() => keysOf(`#${random}\n`)).toThrow("holds no key: lines that begin with # are comments");
});

test("a file holds at most 16 keys", () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, number) => `${random}${number}\n`).join("");
  expect(keysOf(lines(16))).toHaveLength(16);
  expect(() => keysOf(lines(17))).toThrow("holds 17 keys, at most 16");
});

test("a key that stands in a file twice is one key, at its first place", () => {
  expect(keysOf(`${random}1\n${random}2\n${random}1\n\n${random}1\n`)).toEqual([`${random}1`, `${random}2`]);
  const lines = Array.from({ length: 16 }, (_, number) => `${random}${number}`);
  expect(keysOf([...lines, ...lines].join("\n"))).toEqual(lines);
});

test("a draft that another process has put into the folder is not taken for the secret", () => {
  const draft = join(folder, "secret.new");
  writeFileSync(draft, "what another user wrote here\n", { mode: 0o666 });
  expect(ensureSecret(folder)).toBe(true);
  expect(statSync(secretPath(folder)).mode & 0o777).toBe(0o600);
  expect(readFileSync(secretPath(folder), "utf8")).not.toContain("another user");
});

test("a fingerprint tells keys apart and stays the same", () => {
  const of = (text: string): string => fingerprintOf(secretFromText(text, "--secret"));
  expect(of(random)).toMatch(/^[0-9a-f]{8}$/);
  expect(of(random)).toBe(of(random));
  expect(of(random)).not.toBe(of(`${random}2`));
});

test("a line [app kid] key is a key of that app alone, any other line is everybody's", () => {
  const path = join(folder, "apps");
  const lines = [
    "[shop 2026] the key of the shop alone",
    "a key of all other apps",
    "[%E5%B0%8F%20%E6%98%8E k] another app's key",
  ];
  writeFileSync(path, [...lines, lines[0], "[0123456789abcdef]ghi"].join("\n"), { mode: 0o600 });
  const { keys, appKeys } = secretsFromFile(path);
  const text = (key: Uint8Array): string => new TextDecoder().decode(key);
  expect(keys.map(text)).toEqual(["a key of all other apps", "[0123456789abcdef]ghi"]);
  expect(appKeys.map(({ app, kid, key }) => [app, kid, text(key)])).toEqual([
    ["shop", "2026", "the key of the shop alone"],
    ["小 明", "k", "another app's key"],
  ]);
});

test("a line of an app that is malformed, or names a kid twice, is refused with its number and without its key", () => {
  const path = join(folder, "malformed");
  const key = "a key that nobody is shown";
  const wrong = [
    ...[`[shop] ${key}`, `[] ${key}`, `[shop a b] ${key}`, `[ a] ${key}`, `[% a] ${key}`, `[a%2Cb k] ${key}`],
    ...["[shop k] short", `[shop k]  ${key}`, `[shop ${"k".repeat(65)}] ${key}`],
    `[shop k] ${key}\n[shop k] ${key}, too`,
    Array.from({ length: 17 }, (_, at) => `[shop k${at}] ${key} ${at}`).join("\n"),
  ];
  for (const lines of wrong) {
    writeFileSync(path, `# keys\n${lines}\n`, { mode: 0o600 });
    expect(() => secretsFromFile(path)).toThrow(/, line \d+: /);
    expect(() => secretsFromFile(path)).not.toThrow(key);
  }
});

test("a line [app] jwks=… names the public keys of that app, and may be all that a file holds", () => {
  const path = join(folder, "issuers");
  const lines = [
    "[shop] jwks=/etc/shop.json issuer=https://id.example.com/ audience=roost",
    "[shop] jwks=/etc/next.json issuer=https://id.example.org/",
    "[%E5%B0%8F%20%E6%98%8E] jwks=/etc/小.json issuer=a",
  ];
  writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  const { keys, appKeys, issuerLines } = secretsFromFile(path);
  expect([keys, appKeys]).toEqual([[], []]);
  expect(issuerLines).toEqual([
    { app: "shop", path: "/etc/shop.json", issuer: "https://id.example.com/", audience: "roost" },
    { app: "shop", path: "/etc/next.json", issuer: "https://id.example.org/", audience: undefined },
    { app: "小 明", path: "/etc/小.json", issuer: "a", audience: undefined },
  ]);
});

test("a line of an issuer that is malformed, repeated or one too many is refused with its number", () => {
  const path = join(folder, "issuers");
  const good = "[shop] jwks=/a issuer=b";
  for (const [lines, reason] of [
    ["[shop] jwks=/a", "expected [app] jwks=/path"],
    ["[shop] jwks=a issuer=b", "expected [app] jwks=/path"],
    ["[shop] jwks=/a issuer=", "expected [app] jwks=/path"],
    ["[shop] jwks=/a issuer=b c", "expected [app] jwks=/path"],
    ["[shop] jwks=/a issuer=b audience=", "expected [app] jwks=/path"],
    ["[shop] jwks=/a audience=c issuer=b", "expected [app] jwks=/path"],
    ["[shop] jwks=/a b issuer=c", "expected [app] jwks=/path"],
    [`[shop] jwks=/a issuer=${"b".repeat(513)}`, "expected [app] jwks=/path"],
    ["[] jwks=/a issuer=b", "the app percent-encoded"],
    ["[a%2Cb] jwks=/a issuer=b", "the app percent-encoded"],
    ["[%] jwks=/a issuer=b", "the app percent-encoded"],
    [`${good}\n${good}`, "the same issuer already"],
    [`${good}\n${good}1\n${good}2\n${good}3\n${good}4`, "at most 4 issuers"],
    [Array.from({ length: 1_001 }, (_, at) => `[a${at}] jwks=/a issuer=b`).join("\n"), "at most 1000 issuers"],
  ] as const) {
    writeFileSync(path, `# keys\n${lines}\n`, { mode: 0o600 });
    expect(() => secretsFromFile(path)).toThrow(/, line \d+: /);
    expect(() => secretsFromFile(path)).toThrow(reason);
  }
});
