// roost doctor of a standalone server, as a process: each kind of problem provoked once, and nothing changed by it.

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { roostWithFiles, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { newKeyText } from "../../src/api/keys/api-key.ts";
import { systemRandom } from "../../src/base/random.ts";
import { TestAuthority } from "../support/certificates.ts";
import { findingsIn, type ShownFinding } from "../support/doctor.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { WireClient } from "../support/wire-client.ts";

const folder = temporaryFolder("roost-doctor-");
const anyPort = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--monitor", "127.0.0.1:0"];
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

function newFolder(): string {
  const place = join(folder, crypto.randomUUID());
  mkdirSync(place, { mode: 0o700 });
  return place;
}

/** Runs the doctor; returns its status and the findings of a check. */
async function examined(words: readonly string[], check: string): Promise<readonly [number, readonly ShownFinding[]]> {
  const { status, out, err } = await run(["doctor", "--json", ...anyPort, ...words], folder);
  expect(err).toBe("");
  return [status, findingsIn(out).filter((finding) => finding.check === check)];
}

/** Expects the status that the level has, and one finding of this level and text. */
async function expectFinding(words: readonly string[], check: string, level: string, text: RegExp): Promise<void> {
  const [status, found] = await examined(words, check);
  expect(found).toContainEqual({ check, level, text: expect.stringMatching(text) });
  expect(status).toBe(level === "problem" ? 1 : 0);
}

/** What is in a folder, with the times and modes. */
function stateOf(place: string): readonly string[] {
  return readdirSync(place)
    .toSorted()
    .map((name) => {
      const { size, mtimeMs, mode, ino } = statSync(join(place, name));
      return [name, size, mtimeMs, mode, ino].join(" ");
    });
}

function secretFile(text: string, mode = 0o600): string {
  const path = join(newFolder(), "secret");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const goodKey = "a key that only this test knows!";

test("before the first start and beside the running server all is well, and nothing changes", async () => {
  const data = join(newFolder(), "data");
  const before = await run(["doctor", ...anyPort, "--data", data], folder);
  expect([before.status, before.err]).toEqual([0, ""]);
  expect(before.out).toContain("\nall is well\n");
  expect(() => statSync(data)).toThrow("ENOENT");

  const server = await ServerProcess.start(folder, ["--data", data]);
  endings.push(() => server.end("SIGKILL"));
  const client = await WireClient.connect(server.tcp.replace("tcp://", ""));
  const ports = { "--ws": server.ws, "--tcp": server.tcp, "--monitor": server.monitor };
  const words = Object.entries(ports).flatMap(([name, url]) => [name, url.replace(/^\w+:\/\//, "")]);
  const state = stateOf(data).filter((line) => !/-(wal|shm|journal) /.test(line));
  const { status, out, err } = await run(["doctor", "--data", data, ...words], folder);
  expect([status, err]).toEqual([0, ""]);
  expect(out.match(new RegExp(`^ok .*the server runs \\(process ${server.pid}\\)$`, "gm"))).toHaveLength(4);
  expect(out).toContain("\nall is well\n");
  expect(stateOf(data).filter((line) => !/-(wal|shm|journal) /.test(line))).toEqual(state);
  expect(client.isClosed).toBe(false);
  expect(await server.end("SIGTERM")).toBe(0);

  const whole = stateOf(data);
  expect((await run(["doctor", "--data", data, ...words], folder)).status).toBe(0);
  expect(stateOf(data)).toEqual(whole);
}, 60_000);

test("prints JSON with the worst level, and ends with 2 for options that are none", async () => {
  const { status, out } = await run(["doctor", "--json", ...anyPort, "--read-wait", "soon"], folder);
  expect(status).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ role: "standalone", level: "problem" });
  for (const words of [
    ["--rolf", "chat"],
    ["--role", "butler"],
    ["--config", "/nowhere"],
  ]) {
    const refused = await run(["doctor", ...words], folder);
    expect([refused.status, refused.out]).toEqual([2, ""]);
    expect(refused.err).toStartWith("roost: ");
  }
}, 60_000);

test("options: each wrong value, those of other roles, and variables that are none", async () => {
  const [status, found] = await examined(["--read-wait", "soon", "--write-wait", "never"], "options");
  expect([status, found.map(({ level }) => level)]).toEqual([1, ["problem", "problem"]]);
  await expectFinding(["--selector", "hash"], "options", "problem", /^--selector does not apply to --role standalone/);
  await expectFinding(["--store", "postgres://db/roost"], "options", "problem", /^--store takes sqlite:PATH/);
  await expectFinding(["--limit", "polls=70"], "options", "problem", /^--limit: polls does not apply/);
  const { status: warned, out } = await run(["doctor", ...anyPort], folder, "", { ROOST_REED_WAIT: "1m" });
  expect([warned, out]).toEqual([
    0,
    expect.stringMatching(/^warning +options +the variable ROOST_REED_WAIT is ignored/),
  ]);
}, 60_000);

test("api key: there is none yet, it is kept from others, or it is none", async () => {
  const data = newFolder();
  const given = ["--data", data];
  await expectFinding(given, "api key", "ok", /^the first start makes one in /);
  const path = join(data, "api-key");
  writeFileSync(path, `${newKeyText(systemRandom)}\n`, { mode: 0o600 });
  await expectFinding(given, "api key", "ok", /^in /);
  chmodSync(path, 0o640);
  await expectFinding(given, "api key", "problem", /other users can read or change .*api-key/);
  writeFileSync(path, "hello\n");
  chmodSync(path, 0o600);
  await expectFinding(given, "api key", "problem", /holds no key of the API/);
}, 60_000);

test("token keys: owner, mode, content and public keys", async () => {
  const given = (path: string) => ["--secret-file", path];
  await expectFinding(given(secretFile(goodKey)), "token keys", "ok", /^1 key in /);
  await expectFinding(
    given(secretFile(goodKey, 0o644)),
    "token keys",
    "warning",
    /can read the secret file; chmod 600/,
  );
  await expectFinding(given(secretFile(goodKey, 0o660)), "token keys", "warning", /can change the secret file/);
  await expectFinding(given(secretFile(goodKey, 0o666)), "token keys", "problem", /can be changed by everybody/);
  await expectFinding(given(secretFile("short")), "token keys", "problem", /has at least 16 bytes, this one has 5/);
  const short = goodKey.slice(0, 31);
  for (const line of [short, `[shop 2026] ${short}`])
    await expectFinding(
      given(secretFile(`${goodKey}\n${line}`)),
      "token keys",
      "warning",
      /at least 32 bytes \(RFC 7518.* has 31;/,
    );
  await expectFinding(given("/nowhere"), "token keys", "problem", /cannot read \/nowhere: no such file/);
  const jwks = join(newFolder(), "keys.json");
  writeFileSync(jwks, JSON.stringify({ keys: [{ kty: "oct", k: "AAAA" }] }));
  const line = secretFile(`[shop] jwks=${jwks} issuer=https://id.example.com/`);
  await expectFinding(given(line), "token keys", "problem", /keys\[0\]: a symmetric key \(oct\) is a secret/);
}, 60_000);

test("certificates: expired, ending soon, of another key, readable by others", async () => {
  const authority = new TestAuthority(newFolder());
  const time = (days: number): string =>
    new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const fine = authority.leaf();
  const given = ({ certificate, key }: typeof fine) => ["--tls-cert", certificate, "--tls-key", key];
  const name = "client certificate";
  await expectFinding(given(fine), name, "ok", /^for DNS:localhost, IP Address:127.0.0.1: \d+ days left, until /);
  await expectFinding(
    given(authority.leaf({ from: time(-9), to: time(-1) })),
    name,
    "problem",
    /expired on .*; renew it/,
  );
  const ending = authority.leaf({ from: time(-20), to: time(5) });
  await expectFinding(given(ending), name, "warning", /^for .*: 4 days left, until .*; renew it$/);
  await expectFinding(given({ ...fine, key: ending.key }), name, "problem", /does not fit/);
  await expectFinding(["--tls-cert", fine.certificate], name, "problem", /is given without --tls-key/);
  const node = ["--node-cert", ending.certificate, "--node-key", ending.key];
  await expectFinding(node, "node certificate", "warning", /4 days left/);
  chmodSync(fine.key, 0o644);
  await expectFinding(given(fine), name, "warning", /other users can read the private key/);
}, 60_000);

test("addresses: taken by another program, named twice, not of this machine, open without TLS", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  endings.push(() => other.stop(true));
  const taken = `127.0.0.1:${other.port}`;
  const data = ["--data", join(newFolder(), "data")];
  const plain = (...words: string[]) => run(["doctor", ...data, ...words], folder);
  const busy = await plain("--ws", taken, "--tcp", "off", "--monitor", "off");
  expect(busy.status).toBe(1);
  expect(busy.out).toContain(`--ws: cannot listen at ${taken}: the process ${process.pid} (`);
  const free = `127.0.0.1:${(await freePorts(1))[0]}`;
  const twice = await plain("--ws", free, "--tcp", free, "--monitor", "off");
  expect(twice.out).toMatch(
    new RegExp(`^problem +addresses +--ws and --tcp are both ${free}; change one of them$`, "m"),
  );
  const foreign = await plain("--ws", "192.0.2.1:45671", "--tcp", "off", "--monitor", "off");
  expect(foreign.out).toContain("this machine does not have that address");
  const open = ["--ws", "0.0.0.0:0", "--tcp", "off", "--monitor", "0.0.0.0:0"];
  const shown = await plain(...open);
  expect(shown.status).toBe(0);
  expect(shown.out.match(/^warning +exposure /gm)).toHaveLength(2);
  const behind = await plain(...open.slice(0, 4), "--monitor", "off", "--trusted-proxies", "127.0.0.1/32");
  expect(behind.out).toMatch(/^ok +exposure /m);
}, 60_000);

test("open files and memory: too few, too little", async () => {
  const limited = async (files: number) => {
    const child = Bun.spawn([...roostWithFiles(files), "doctor", ...anyPort], { cwd: folder, stdout: "pipe" });
    return [await child.exited, await new Response(child.stdout).text()];
  };
  expect(await limited(200)).toEqual([1, expect.stringMatching(/^problem +open files +200 leave no room.*ulimit -n/m)]);
  expect(await limited(1_000)).toEqual([0, expect.stringMatching(/^warning +open files +1000, and each connection/m)]);
  if (totalmem() < 64 * 2 ** 30)
    await expectFinding(
      ["--limit", "unsent-bytes-in-all=64GiB"],
      "memory",
      "warning",
      /MiB for this process.*lower --limit unsent-bytes-in-all/,
    );
}, 60_000);

test("folders: not a folder, others may write, full, read-only", async () => {
  const file = secretFile("no folder");
  await expectFinding(["--data", file], "folders", "problem", /is not a folder; name another/);
  await expectFinding(["--data", join(file, "data")], "folders", "problem", /is not a folder; name another/);
  const shared = newFolder();
  chmodSync(shared, 0o777);
  await expectFinding(["--data", shared], "folders", "warning", /can change the files in the data folder; chown it/);
}, 60_000);

test.skipIf(!canMount())(
  "folders: full and read-only file systems",
  async () => {
    const disk = new SmallDisk(40);
    endings.push(() => disk.remove());
    await expectFinding(
      ["--data", join(disk.folder, "data")],
      "folders",
      "warning",
      /has \d+ MiB of free space; make room/,
    );
    disk.fill();
    await expectFinding(["--data", disk.folder], "folders", "problem", /has 0 MiB of free space: messages are refused/);
    disk.makeRoom();
    disk.remount("ro");
    await expectFinding(
      ["--data", disk.folder],
      "folders",
      "problem",
      /cannot write to .*: the file system is read-only; chown/,
    );
  },
  60_000,
);

test("store: a file of another program, of a newer version, and no database; one that another server has", async () => {
  const place = newFolder();
  const made = (name: string, ...statements: string[]): string => {
    using db = new Database(join(place, name), { create: true });
    for (const statement of statements) db.run(statement);
    return `sqlite:${join(place, name)}`;
  };
  const table = "CREATE TABLE person (name TEXT)";
  const given = (store: string) => ["--data", place, "--store", store];
  await expectFinding(given(made("foreign.db", table)), "store", "problem", /is a database of another program/);
  const server = await ServerProcess.start(folder, ["--data", join(place, "data")]);
  endings.push(() => server.end("SIGKILL"));
  const running = join(place, "data", "messages.db");
  await expectFinding(
    given(`sqlite:${running}`),
    "locks",
    "problem",
    /another roost \(process \d+\) uses the message file/,
  );
  const [, [beside]] = await examined(given(`sqlite:${running}`), "growth");
  expect(beside).toMatchObject({ level: "ok", text: expect.stringMatching(/^\d+ kB, no messages yet$/) });
  expect(await server.end("SIGTERM")).toBe(0);
  await expectFinding(given(`sqlite:${running}`), "store", "ok", /messages\.db, schema \d+$/);
  await expectFinding(given(`sqlite:${running}`), "growth", "ok", /^\d+ kB, no messages yet$/);
  {
    using db = new Database(running);
    db.run("PRAGMA user_version = 9999");
  }
  await expectFinding(given(`sqlite:${running}`), "store", "problem", /has schema 9999, and this program knows/);
  writeFileSync(
    join(place, "notes.txt"),
    "not a database, but long enough to have a header of one hundred bytes".repeat(3),
  );
  await expectFinding(given(`sqlite:${place}/notes.txt`), "store", "problem", /notes\.txt is not a store of roost/);
  expect(readFileSync(join(place, "notes.txt"), "utf8")).toContain("not a database");
}, 60_000);

test("a lock file into which something else was written keeps a server from starting, and is found", async () => {
  for (const name of ["lock", "messages.db-lock"]) {
    for (const content of ["text", "no lock, but long enough to have a header of one hundred bytes".repeat(200)]) {
      const data = newFolder();
      const path = join(data, name);
      writeFileSync(path, content);
      const [status, found] = await examined(["--data", data], "locks");
      const sentence = `${path}: it is no lock file, since something else was written into it; move it away`;
      expect([status, found[0]?.level, found[0]?.text]).toEqual([1, "problem", expect.stringContaining(sentence)]);
      const { status: ended, err } = await run([...anyPort, "--data", data], folder);
      expect([ended, err]).toEqual([1, expect.stringContaining(`cannot lock ${sentence}`)]);
      expect(readFileSync(path, "utf8")).toBe(content);
    }
  }
}, 60_000);

test("what is no file where a file belongs, and links that lead nowhere; nothing waits for a pipe", async () => {
  const put: Readonly<Record<string, (path: string) => unknown>> = {
    "it is a folder": (path) => mkdirSync(path),
    "it is a pipe": (path) => expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0),
    "it is a symbolic link to nothing": (path) => symlinkSync("/nowhere/at/all", path),
    "its links form a circle": (path) => symlinkSync(path, path),
  };
  const checkOf = { "messages.db": "store", lock: "locks", "messages.db-lock": "locks" };
  for (const [sentence, make] of Object.entries(put)) {
    for (const [name, check] of Object.entries(checkOf)) {
      const data = newFolder();
      make(join(data, name));
      const [status, found] = await examined(["--data", data], check);
      expect([status, found[0]?.level, found[0]?.text]).toEqual([
        1,
        "problem",
        expect.stringContaining(`cannot open ${join(data, name)}: ${sentence}`),
      ]);
    }
    // The server does not start either, and says so at once.
    const data = newFolder();
    make(join(data, "messages.db"));
    const { status, err } = await run([...anyPort, "--data", data], folder);
    expect([status, err]).toEqual([1, expect.stringContaining("messages.db")]);
  }
  const [circle, gone] = [join(newFolder(), "circle"), join(newFolder(), "gone")];
  symlinkSync(circle, circle);
  symlinkSync("/nowhere/at/all", gone);
  await expectFinding(["--data", circle], "folders", "problem", /its links form a circle; name another/);
  await expectFinding(["--data", gone], "folders", "problem", /it is a symbolic link to nothing; make what it names/);
  await expectFinding(["--data", join(folder, "x".repeat(300))], "folders", "problem", /its name is too long/);
}, 60_000);

test("where files are kept: a folder, something else in its place, and a store that is away", async () => {
  const data = join(newFolder(), "data");
  const folderWords = ["--data", data, "--media", "folder"];
  await expectFinding(folderWords, "media", "ok", /^files are kept in .*\/data\/media, which the start makes$/);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, "media"), "");
  await expectFinding(folderWords, "media", "problem", /\/data\/media is not a folder/);
  const credentials = join(newFolder(), "credentials");
  writeFileSync(credentials, "aws_access_key_id = a\naws_secret_access_key = b\n", { mode: 0o600 });
  const away = ["--data", data, "--media", "s3://files?endpoint=http://127.0.0.1:1"];
  await expectFinding(
    [...away, "--media-credentials", credentials],
    "media",
    "warning",
    /^the store of files http:\/\/127\.0\.0\.1:1\/files does not answer: .*uploads and downloads fail/,
  );
  await expectFinding(away, "media", "problem", /needs the variables AWS_ACCESS_KEY_ID/);
  await expectFinding(["--data", data], "media", "ok", /--media is off/);
});
