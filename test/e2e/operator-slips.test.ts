// What operators name and set, as real processes: invalid files, variables of others, a umask that hides nothing.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { options, optionsOfRole } from "../../src/options/options.ts";
import { runMeasured } from "../support/measured-run.ts";
import { roost, run, ServerProcess } from "../../scripts/harness/server-process.ts";

const secret = "x7Hq2LrW9tZk4VbN6cYd";
const free = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--monitor", "off"];
const member = ["--discovery", "http://127.0.0.1:1", "--cluster-key", secret];
const memoryBytesMax = 400 * 2 ** 20;

let folder: string;
const servers: ServerProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-slips-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

/** Every option that names a file, and a command that reads it. */
const readers: readonly (readonly [string, readonly string[]])[] = [
  ["--secret-file", free],
  ["--secret-file", ["token", "--account", "alice"]],
  ["--config", free],
  ["--cluster-key-file", ["--role", "discovery", "--listen", "127.0.0.1:0"]],
  ["--lookup", ["--role", "discovery", "--listen", "127.0.0.1:0"]],
  ["--snapshot", ["--role", "discovery", "--listen", "127.0.0.1:0"]],
  ["--route", ["--role", "gateway", ...member, ...free, "--secret", secret, "--selector", "route"]],
  ["--store", free],
  ["--sessions", ["--role", "login", ...member]],
];

describe("an invalid file ends a start with a sentence, little memory and no stack:", () => {
  for (const [option, words] of readers) {
    test(`${option} of ${words.slice(0, 2).join(" ")}`, async () => {
      expect(Bun.spawnSync(["mkfifo", join(folder, "pipe")]).success).toBe(true);
      mkdirSync(join(folder, "folder"));
      const prefix = option === "--store" || option === "--sessions" ? "sqlite:" : "";
      for (const path of ["/dev/zero", join(folder, "pipe"), join(folder, "folder"), join(folder, "folder/no/such")]) {
        // They are made where none is.
        if (path.endsWith("such") && /^--(snapshot|store|sessions)$/.test(option)) continue;
        const { status, err, peakBytes } = await runMeasured([...words, option, `${prefix}${path}`], folder);
        expect([path, status === 1 || status === 2, err]).toEqual([path, true, expect.stringContaining(path)]);
        expect(err).not.toMatch(/this is a bug|^ +at /m);
        expect(peakBytes).toBeLessThan(memoryBytesMax);
      }
    }, 60_000);
  }
});

test("a secret may come from another command; a file that everybody can change is refused", async () => {
  const child = Bun.spawn(
    [
      "bash",
      "-c",
      `"$@" --secret-file <(sleep 0.2; echo '# of a vault'; echo ${secret})`,
      "bash",
      ...roost,
      "token",
      "--account",
      "alice",
    ],
    { stdout: "pipe", stderr: "pipe" },
  );
  expect((await new Response(child.stdout).text()).split(".")).toHaveLength(3);
  writeFileSync(join(folder, "secret"), secret);
  chmodSync(join(folder, "secret"), 0o666);
  const { status, err } = await run([...free, "--secret-file", "secret"], folder);
  expect([status, err]).toEqual([1, expect.stringContaining("can be changed by everybody")]);
}, 60_000);

test("a server's log and `roost token` name the same keys by the same fingerprints", async () => {
  writeFileSync(join(folder, "secret"), `\uFEFF# the second one is old\r\n${secret}\r\n${secret}2\r\n`, {
    mode: 0o600,
  });
  const server = await ServerProcess.start(folder, ["--secret-file", "secret"]);
  servers.push(server);
  const token = await run(["token", "--account", "alice", "--secret-file", "secret"], folder);
  const [, fingerprint = "none"] = /signed with the key ([0-9a-f]{8}) of secret\n$/.exec(token.err) ?? [];
  expect(server.log).toContain(`keys=2 fingerprints="${fingerprint} `);
  expect(server.log).not.toContain(secret);
  expect(token.out.split("\n")).toEqual([expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/), ""]);
}, 60_000);

/** Starts a standalone server with these variables beside those that a process needs, and ends it; its log. */
async function logOf(
  variables: Record<string, string>,
  words: readonly string[] = free,
  before = "",
): Promise<{ log: string; status: number }> {
  const child = Bun.spawn(["sh", "-c", `${before} exec "$@"`, "sh", ...roost, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...variables },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  for await (const chunk of child.stdout) if (new TextDecoder().decode(chunk).includes("ready")) break;
  child.kill("SIGTERM");
  const log = await new Response(child.stderr).text();
  clearTimeout(timer);
  return { log, status: await child.exited };
}

describe("variables", () => {
  test("of other roles and commands, and those of Kubernetes, change nothing and are not mentioned", async () => {
    const own: readonly string[] = optionsOfRole("standalone");
    const others = Object.keys(options).filter((name) => !own.includes(name));
    expect(others.length).toBeGreaterThan(20);
    const { log, status } = await logOf({
      ...Object.fromEntries(others.map((name) => [`ROOST_${name.toUpperCase().replaceAll("-", "_")}`, "no good"])),
      ROOST_PORT: "tcp://10.0.0.1:80",
      ROOST_SERVICE_HOST: "10.0.0.1",
    });
    expect([status, log]).toEqual([0, expect.not.stringMatching(/ (warn|error) .*ROOST_/)]);
  }, 60_000);

  test("misspelt ones are reported at the start, and a bad value by its variable's name", async () => {
    const { log, status } = await logOf({ ROOST_WSS: "127.0.0.1:1" });
    expect([status, log]).toEqual([
      0,
      expect.stringContaining("ROOST_WSS is ignored: no option has this name; did you mean ROOST_WS?"),
    ]);
    const token = await run(["token", "--account", "alice"], folder, "", { ROOST_SECRT: secret });
    expect(token.err).toContain("did you mean ROOST_SECRET?");
    const refused = await run(free, folder, "", { ROOST_STORE: "postgres://root:hunter2@db/x" });
    expect([refused.status, refused.err]).toEqual([2, "roost: ROOST_STORE takes sqlite:PATH in a standalone server\n"]);
  }, 60_000);

  test("that say zone and language of another country change neither start nor log", async () => {
    for (const [TZ, LC_ALL] of [
      ["Pacific/Apia", "tr_TR.UTF-8"],
      ["Nowhere/At_All", "C"],
      ["Asia/Kathmandu", "not a locale"],
    ] as const) {
      const { log, status } = await logOf({ TZ, LC_ALL, LANG: LC_ALL });
      expect([TZ, status]).toEqual([TZ, 0]);
      for (const line of log.trimEnd().split("\n")) {
        const [at = ""] = line.split(" ");
        expect(at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(3_600_000);
      }
    }
  }, 60_000);
});

test("under a umask of 000 every file that the server makes is its owner's alone", async () => {
  const { status } = await logOf({}, [...free, "--data", "a/data", "--store", "sqlite:b/c/messages.db"], "umask 000;");
  expect(status).toBe(0);
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const modes = entries.map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]);
  const open = modes.filter(([, mode]) => mode !== "600" && mode !== "700");
  expect(open).toEqual([]);
  for (const name of [
    "a/data/secret",
    "a/data/lock",
    "b/c/messages.db",
    "b/c/messages.db-lock",
    "b/c/messages-index-3.db",
  ])
    expect(entries).toContain(name);
}, 60_000);
