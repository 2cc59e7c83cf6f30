// roost cert: what it makes, keeps, renews and refuses.

import { beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readAuthority } from "../../src/cli/cert/authority.ts";
import { planOf } from "../../src/cli/cert/plan.ts";
import { issueAuthority, issueNode } from "../../src/auth/issue-certificate.ts";
import { privateKeyIn } from "../../src/cli/cert/read.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { roost } from "./run-roost.ts";

const root = temporaryFolder("roost-cert-");
const cluster = join(root, "cluster");
const dayMs = 86_400_000;
const nobody = 65_534;
let count = 0;

/** A new folder with the files of the cluster. */
function copied(): string {
  const folder = join(root, `copy-${count++}`);
  cpSync(cluster, folder, { recursive: true });
  chmodSync(folder, 0o700);
  return folder;
}

const cert = (folder: string, ...words: string[]) => roost("cert", "--dir", folder, ...words);
const bytesOf = (folder: string) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
const modeOf = (...path: string[]) => statSync(join(...path)).mode & 0o777;

beforeAll(async () => {
  const { status, out, err } = await cert(cluster, "--nodes", "chat-1=chat1.internal,chat-1=fd00::5,gw-1=10.0.0.5");
  expect([status, err]).toEqual([0, expect.stringContaining("never ca.key")]);
  expect(out).toMatch(/ca\.key +new .*no node needs it/);
});

test("one command makes an authority, and a key and certificate for each node", () => {
  const names = ["ca.crt", "ca.key", "chat-1.crt", "chat-1.key", "gw-1.crt", "gw-1.key"];
  expect(readdirSync(cluster).toSorted()).toEqual(names);
  expect(names.map((name) => modeOf(cluster, name))).toEqual([0o644, 0o600, 0o644, 0o600, 0o644, 0o600]);
  expect(modeOf(cluster)).toBe(0o700);
  expect(readFileSync(join(cluster, "gw-1.key"), "utf8")).toStartWith("-----BEGIN PRIVATE KEY-----\n");
  const authority = new X509Certificate(readFileSync(join(cluster, "ca.crt")));
  const chat = new X509Certificate(readFileSync(join(cluster, "chat-1.crt")));
  expect([authority.ca, chat.ca, chat.subject, chat.verify(authority.publicKey)]).toEqual([
    true,
    false,
    "CN=chat-1",
    true,
  ]);
  expect(chat.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  // From five minutes before it was made.
  for (const [{ validFrom, validTo }, days] of [
    [authority, 3_650],
    [chat, 365],
  ] as const)
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(days * dayMs + 300_000);
});

test("the same command again changes nothing, with the nodes named or not", async () => {
  const folder = copied();
  const before = bytesOf(folder);
  for (const words of [[], ["--nodes", "chat-1=fd00::5,chat-1=chat1.internal"]]) {
    const { status, out, err } = await cert(folder, ...words);
    expect([status, err]).toEqual([0, ""]);
    expect(out.match(/ kept /g)).toHaveLength(4);
    expect(bytesOf(folder)).toEqual(before);
  }
});

test("a node is added by the same authority, and other names renew a certificate", async () => {
  const folder = copied();
  const before = bytesOf(folder);
  const { status, out } = await cert(folder, "--nodes", "login-1=login1.internal,gw-1=gw.example.com");
  expect(status).toBe(0);
  expect(out).toMatch(/login-1\.crt +new /);
  expect(out).toMatch(/gw-1\.crt +renewed .*gw\.example\.com \(its names were 10\.0\.0\.5\)/);
  const after = bytesOf(folder);
  const changed = [...after.keys()].filter((name) => after.get(name) !== before.get(name));
  expect(changed.toSorted()).toEqual(["gw-1.crt", "gw-1.key", "login-1.crt", "login-1.key"]);
  expect(modeOf(folder, "gw-1.key")).toBe(0o600);
});

test("a configuration file gives nodes as a table, and readers of the authority's key are reported", async () => {
  const [folder, config] = [copied(), join(root, "cert.toml")];
  writeFileSync(config, `dir = "${folder}"\n[nodes]\nlogin-1 = "login1.internal"\n`, { mode: 0o600 });
  chmodSync(join(folder, "ca.key"), 0o644);
  const { status, out, err } = await roost("cert", "--config", config);
  expect([status, out]).toEqual([0, expect.stringMatching(/login-1\.crt +new .*login1\.internal/)]);
  expect(err).toContain(`other users can read ${join(folder, "ca.key")}`);
});

test("a key that was removed after it was copied is not missed, and one that does not fit is replaced", async () => {
  const folder = copied();
  rmSync(join(folder, "gw-1.key"));
  expect((await cert(folder)).out).toMatch(/gw-1\.crt +kept/);
  cpSync(join(folder, "chat-1.key"), join(folder, "gw-1.key"));
  expect((await cert(folder)).out).toMatch(/gw-1\.crt +renewed .*its key does not fit/);
  expect((await roost("cert", "show", join(folder, "gw-1.crt"))).out).toContain("gw-1.key fits");
});

test("certificates are renewed 30 days before their end, short ones in their last third", async () => {
  const folder = copied();
  const nowMs = Date.now();
  const actions = (atMs: number) =>
    planOf(folder, readAuthority(folder, atMs), new Map(), atMs).map(({ action, why }) => `${action} ${why}`.trim());
  expect(actions(nowMs + 334 * dayMs)).toEqual(["kept", "kept"]);
  expect(actions(nowMs + 336 * dayMs)).toEqual(Array(2).fill("renewed it expires in 28 days"));
  expect(actions(nowMs + 364.5 * dayMs)).toEqual(Array(2).fill("renewed it expires within a day"));
  expect(actions(nowMs + 400 * dayMs)).toEqual(Array(2).fill("renewed it has expired"));
  expect((await cert(folder, "--nodes", "day=d.internal", "--valid-for", "24h")).status).toBe(0);
  expect(actions(nowMs + dayMs / 2)[1]).toBe("kept");
  expect(actions(nowMs + 0.7 * dayMs)[1]).toBe("renewed it expires within a day");
});

test("a certificate that is not valid yet is renewed, and no certificate outlives its authority", async () => {
  const folder = join(root, "times");
  mkdirSync(folder, { mode: 0o700 });
  const nowMs = Date.now();
  const authority = await issueAuthority({ nowMs, untilMs: nowMs + 20 * dayMs });
  const issuer = { certificate: authority.certificate, key: privateKeyIn(authority.key, "") };
  const ahead = { nowMs: nowMs + 5 * dayMs, untilMs: nowMs + 9 * dayMs };
  const early = await issueNode(issuer, "early", ["e.internal"], ahead);
  for (const [name, text] of [
    ["ca.crt", authority.certificate],
    ["ca.key", authority.key],
    ["early.crt", early.certificate],
    ["early.key", early.key],
  ] as const)
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const { status, out, err } = await cert(folder);
  expect([status, out]).toEqual([0, expect.stringMatching(/early\.crt +renewed .*not valid yet/)]);
  expect(err).toContain("the certificates end with the authority");
  const { validTo } = new X509Certificate(readFileSync(join(folder, "early.crt")));
  expect(validTo).toBe(new X509Certificate(authority.certificate).validTo);
});

test("an authority is used neither before nor after its time", () => {
  expect(() => readAuthority(cluster, Date.now() - dayMs)).toThrow("is not valid before");
  expect(() => readAuthority(cluster, Date.now() + 3_651 * dayMs)).toThrow("expired at");
});

test("dates after 2049, which have another form, are read back", async () => {
  const nowMs = Date.parse("2049-12-31T23:59:30Z");
  const { certificate } = await issueAuthority({ nowMs, untilMs: nowMs + 3_650 * dayMs });
  const { validFrom, validTo } = new X509Certificate(certificate);
  expect([validFrom, validTo].map((time) => new Date(time).toISOString())).toEqual([
    "2049-12-31T23:54:30.000Z",
    "2059-12-29T23:59:30.000Z",
  ]);
});

/** What someone did to the folder of a cluster, and what the command says. */
const slips: Readonly<Record<string, readonly [act: (folder: string) => void, sentence: string]>> = {
  "the authority's key is missing": [(folder) => rmSync(join(folder, "ca.key")), "ca.key is missing"],
  "the authority's certificate is missing": [(folder) => rmSync(join(folder, "ca.crt")), "ca.crt is missing"],
  "the authority's key is another": [
    (folder) => cpSync(join(folder, "gw-1.key"), join(folder, "ca.key")),
    "ca.key does not fit",
  ],
  "the authority's key is rubbish": [(folder) => writeFileSync(join(folder, "ca.key"), "rubbish"), "no private key"],
  "the authority's key has a passphrase": [
    (folder) => writeFileSync(join(folder, "ca.key"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
    "has a passphrase",
  ],
  "the authority is a node": [
    (folder) => {
      for (const end of ["crt", "key"]) cpSync(join(folder, `gw-1.${end}`), join(folder, `ca.${end}`));
    },
    "is not an authority that roost cert made",
  ],
  "the authority's certificate is rubbish": [
    (folder) => writeFileSync(join(folder, "ca.crt"), "rubbish"),
    "holds no certificate",
  ],
  "the authority's certificate is malformed": [
    (folder) => writeFileSync(join(folder, "ca.crt"), "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"),
    "certificate 1 of",
  ],
  "a node's certificate is of another node": [
    (folder) => cpSync(join(folder, "gw-1.crt"), join(folder, "chat-1.crt")),
    "chat-1.crt is not the certificate of chat-1",
  ],
  "a node's certificate is rubbish": [
    (folder) => writeFileSync(join(folder, "gw-1.crt"), "rubbish"),
    "gw-1.crt holds no certificate",
  ],
  "a node's key stands alone": [(folder) => rmSync(join(folder, "gw-1.crt")), "gw-1.key exists without"],
  "a node's key is a link": [
    (folder) => {
      renameSync(join(folder, "gw-1.key"), join(folder, "elsewhere"));
      symlinkSync("elsewhere", join(folder, "gw-1.key"));
    },
    "gw-1.key is a symbolic link",
  ],
  "a node's certificate is a folder": [
    (folder) => {
      rmSync(join(folder, "gw-1.crt"));
      mkdirSync(join(folder, "gw-1.crt"));
    },
    "gw-1.crt is not a file",
  ],
  "everybody can change the folder": [(folder) => chmodSync(folder, 0o777), "can be changed by everybody"],
};

for (const [what, [act, sentence]] of Object.entries(slips))
  test(`writes nothing if ${what}`, async () => {
    const folder = copied();
    act(folder);
    const names = readdirSync(folder);
    const { status, out, err } = await cert(folder, "--nodes", "gw-1=10.9.9.9,new=new.internal");
    expect([status, out, err]).toEqual([1, "", expect.stringContaining(sentence)]);
    expect(err.split("\n")).toHaveLength(2);
    expect(readdirSync(folder)).toEqual(names);
  });

test("a folder with a certificate of somebody else is no place for a new authority", async () => {
  const folder = copied();
  for (const name of ["ca.crt", "ca.key"]) rmSync(join(folder, name));
  const { status, err } = await cert(folder, "--nodes", "x=x.internal");
  expect([status, err]).toEqual([1, expect.stringContaining("chat-1.crt is not the certificate of chat-1")]);
  expect(readdirSync(folder)).not.toContain("ca.key");
});

test("a folder that is a file, a link or out of reach is named", async () => {
  const [file, link, dangling] = [join(root, "file"), join(root, "link"), join(root, "dangling")];
  writeFileSync(file, "");
  symlinkSync(cluster, link);
  symlinkSync(join(root, "nothing"), dangling);
  for (const [folder, sentence] of [
    [file, "no folder"],
    [join(file, "x"), "choose another"],
    [link, "a symbolic link"],
    [dangling, "a symbolic link"],
    [join(root, "a".repeat(300)), "choose another"],
    ["/proc/x", "choose another"],
  ] as const)
    expect(await cert(folder, "--nodes", "a=b.internal")).toMatchObject({
      status: 1,
      out: "",
      err: expect.stringContaining(sentence),
    });
});

test("without an authority and without nodes it says what is missing; other slips are named, too", async () => {
  const nowhere = join(root, "nowhere");
  expect(await cert(nowhere)).toMatchObject({ status: 2, err: expect.stringContaining("--nodes is required") });
  for (const [words, sentence] of [
    [["--nodes", "a=*.b"], "--nodes: invalid value"],
    [["--valid-for", "30m"], "--valid-for: invalid value"],
    [["--valid-for", "4000d"], "--valid-for: invalid value"],
    [["renew"], '"renew" is not an option'],
  ] as const)
    expect(await cert(nowhere, ...words)).toMatchObject({ status: 2, err: expect.stringContaining(sentence) });
  expect(readdirSync(root)).not.toContain("nowhere");
});

/** Runs a shell line in which $0 is Bun, $1 the program and $2 a folder. */
async function inShell(line: string, folder: string) {
  const main = join(import.meta.dir, "../../src/main.ts");
  const child = Bun.spawn(["sh", "-c", line, process.execPath, main, folder], { stdout: "pipe", stderr: "pipe" });
  const [err, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return { status, err };
}

test("the modes of keys and of the folder do not depend on the umask", async () => {
  for (const umask of ["000", "277"]) {
    const folder = join(root, `umask-${umask}`);
    const { status } = await inShell(`umask ${umask}; exec "$0" "$1" cert --dir "$2" --nodes a=a.internal`, folder);
    expect(status).toBe(0);
    expect([modeOf(folder), modeOf(folder, "ca.key"), modeOf(folder, "a.key")]).toEqual([0o700, 0o600, 0o600]);
    expect(modeOf(folder, "a.crt")).toBe(0o644);
  }
});

test.skipIf(process.getuid?.() !== 0 || Bun.which("setpriv") === null)(
  "a user who may not write to the folder is told so, and one who does not own it does not use it",
  async () => {
    chmodSync(root, 0o755);
    const [closed, foreign] = [copied(), copied()];
    const as = `exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups "$0" "$1" cert --dir "$2"`;
    chmodSync(closed, 0o755);
    const node = " --nodes new=new.internal";
    expect(await inShell(as + node, join(closed, "sub"))).toMatchObject({
      status: 1,
      err: expect.stringContaining("cannot create the folder"),
    });
    expect(await inShell(as + node, closed)).toMatchObject({
      status: 1,
      err: expect.stringContaining("permission denied"),
    });
    expect(await inShell(as + node, foreign)).toMatchObject({ status: 1, err: expect.stringMatching(/denied|EACCES/) });
    chmodSync(root, 0o700);
  },
);

test.skipIf(process.getuid?.() !== 0)("an authority's key that belongs to another user is reported", async () => {
  const folder = copied();
  chownSync(join(folder, "ca.key"), nobody, nobody);
  const { status, err } = await cert(folder);
  expect([status, err]).toEqual([0, expect.stringContaining(`other users can read ${join(folder, "ca.key")}`)]);
});

test("two commands at the same time leave keys that fit, and one of them says that it lost", async () => {
  const folder = join(root, "race");
  const both = await Promise.all([1, 2].map(() => cert(folder, "--nodes", "a=a.internal")));
  expect(both.some(({ status }) => status === 0)).toBe(true);
  expect((await cert(folder, "--nodes", "a=a.internal")).status).toBe(0);
  for (const id of ["ca", "a"]) expect((await roost("cert", "show", join(folder, `${id}.crt`))).status).toBe(0);
  expect(readdirSync(folder).toSorted()).toEqual(["a.crt", "a.key", "ca.crt", "ca.key"]);
});

test.skipIf(Bun.which("flock") === null)(
  "while a command works in a folder, another one changes nothing there",
  async () => {
    const folder = copied();
    const before = bytesOf(folder);
    const holder = Bun.spawn(["flock", folder, "sh", "-c", "echo held; cat"], { stdin: "pipe", stdout: "pipe" });
    expect((await holder.stdout.getReader().read()).done).toBe(false);
    const renewal = ["--nodes", "gw-1=gw.example.com"];
    expect(await cert(folder, ...renewal)).toEqual({
      status: 1,
      out: "",
      err: `roost: another roost cert works in ${folder}; run the command again when it has ended\n`,
    });
    expect(bytesOf(folder)).toEqual(before);
    void holder.stdin.end();
    await holder.exited;
    expect((await cert(folder, ...renewal)).status).toBe(0);
  },
);

test("what a killed command left is removed by the next one: the keys in it may have been published", async () => {
  const folder = copied();
  const [left, foreign] = ["ca.key.partial-0123456789ab", "gw-1.key.partial"];
  for (const name of [left, foreign, "gw-1.crt.partial-ba9876543210"])
    cpSync(join(folder, "ca.key"), join(folder, name));
  rmSync(join(folder, "ca.crt"));
  expect((await cert(folder)).status).toBe(1);
  expect(readdirSync(folder)).toContain(left);
  cpSync(join(cluster, "ca.crt"), join(folder, "ca.crt"));
  expect((await cert(folder)).status).toBe(0);
  expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([foreign]);
});

test("cert show prints what a file holds, and whether it is good", async () => {
  const folder = copied();
  const path = join(folder, "chat-1.crt");
  const shown = await roost("cert", "show", path);
  expect(shown.status).toBe(0);
  for (const part of ["CN=chat-1", "DNS:chat1.internal", "CN=Roost CA ", "days left", "chat-1.key fits", "prime256v1"])
    expect(shown.out).toContain(part);
  expect(shown.out).toContain(new X509Certificate(readFileSync(path)).fingerprint256);
  cpSync(join(folder, "gw-1.key"), join(folder, "chat-1.key"));
  expect(await roost("cert", "show", path)).toMatchObject({ status: 1, out: expect.stringContaining("does not fit") });
  rmSync(join(folder, "chat-1.key"));
  expect(await roost("cert", "show", path)).toMatchObject({ status: 0, out: expect.stringContaining("none at") });
  const chain = join(folder, "chain.pem");
  writeFileSync(chain, ["gw-1.key", "gw-1.crt", "ca.crt"].map((name) => readFileSync(join(folder, name))).join(""));
  expect(await roost("cert", "show", chain)).toMatchObject({
    status: 0,
    out: expect.stringMatching(/CN=gw-1[^]*chain\.pem fits\n\nsubject +CN=Roost CA/),
  });
});

/** Makes a certificate that openssl signs with its own key; resolves with its path. */
async function madeByOpenssl(name: string, subject: string, ...key: string[]): Promise<string> {
  const path = join(root, `${name}.crt`);
  const words = ["req", "-x509", "-nodes", "-newkey", ...key, "-subj", subject, "-days", "3"];
  const files = ["-keyout", join(root, `${name}.key`), "-out", path];
  expect(await Bun.spawn(["openssl", ...words, ...files], { stderr: "ignore" }).exited).toBe(0);
  return path;
}

const withOpenssl = test.skipIf(Bun.which("openssl") === null);

withOpenssl("cert show prints certificates of others, whatever is in them", async () => {
  const curve = (name: string) => ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
  for (const [path, status, parts] of [
    [
      await madeByOpenssl("rsa", "/C=DE/O=A, B/CN=one\ntwo", "rsa:2048"),
      0,
      ["CN=one\\0Atwo", "rsa 2048 bits", "rsa.key fits"],
    ],
    [await madeByOpenssl("nobody", "/", "ed25519"), 0, ["subject      none", "names        none", "nobody.key fits"]],
    [await madeByOpenssl("p384", "/CN=p384", ...curve("P-384")), 0, ["ec secp384r1", "p384.key fits"]],
    [
      await madeByOpenssl("koblitz", "/CN=k", ...curve("secp256k1")),
      1,
      ["unsupported", "no private key that can be read"],
    ],
    [await madeByOpenssl("ed448", "/CN=e", "ed448"), 1, ["unsupported", "no private key that can be read"]],
  ] as const) {
    const { out, err, ...shown } = await roost("cert", "show", path);
    expect([shown.status, err]).toEqual([status, ""]);
    for (const part of parts) expect(out).toContain(part);
  }
});

withOpenssl("a certificate or an authority that somebody else made is left alone", async () => {
  const made = await madeByOpenssl("chat-1", "/CN=chat-1", "rsa:2048");
  const [node, authority] = [copied(), copied()];
  for (const end of ["crt", "key"]) {
    cpSync(made.replace("crt", end), join(node, `chat-1.${end}`));
    cpSync(made.replace("crt", end), join(authority, `ca.${end}`));
  }
  expect((await cert(node)).err).toContain("chat-1.crt is not the certificate of chat-1 by the authority");
  expect((await cert(authority)).err).toContain("is not an authority that roost cert made");
  expect(readFileSync(join(node, "chat-1.crt"))).toEqual(readFileSync(made));
});

test("cert show refuses what is no certificate", async () => {
  const [empty, many] = [join(root, "empty"), join(root, "many")];
  writeFileSync(empty, "");
  writeFileSync(many, readFileSync(join(cluster, "ca.crt"), "utf8").repeat(17));
  for (const [words, status, sentence] of [
    [[empty], 1, "holds no certificate"],
    [[many], 1, "at most 16"],
    [[join(cluster, "ca.key")], 1, "holds no certificate"],
    [[cluster], 1, "it is a folder"],
    [[join(root, "missing")], 1, "no such file"],
    [[], 2, "FILE is missing"],
    [[empty, empty], 2, "one word too many"],
  ] as const)
    expect(await roost("cert", "show", ...words)).toMatchObject({ status, err: expect.stringContaining(sentence) });
});
