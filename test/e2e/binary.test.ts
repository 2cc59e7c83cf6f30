// The executable, alone in an empty folder: what README.md promises after a download.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { testSeed } from "../support/random.ts";

let folder: string;
const servers: ServerProcess[] = [];
/** Another program of this machine may listen at a server's default ports. */
const free = ["--ws", "off", "--tcp", "127.0.0.1:0", "--monitor", "off"];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-e2e-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

async function start(words: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words);
  servers.push(server);
  return server;
}

async function tokenOf(account: string): Promise<string> {
  const { status, out } = await run(["token", "--account", account], folder);
  expect(status).toBe(0);
  return out.trim();
}

test("two people talk through pipes, and what was missed survives kill -9", async () => {
  const first = await start();
  const sent = await run(
    ["chat", "--url", first.tcp, "--account", "alice", "--to", "bob"],
    folder,
    "hello bob\nhow are you\n",
  );
  expect(sent).toMatchObject({ status: 0, err: "" });
  expect(await first.end("SIGKILL")).not.toBe(0);

  const second = await start();
  const received = await run(["chat", "--url", second.ws, "--account", "bob", "--to", "alice"], folder, "fine\n");
  expect(received.status).toBe(0);
  expect(received.out).toMatch(/alice: hello bob\n.*alice: how are you\n/);
  const answered = await run(["chat", "--url", second.ws, "--account", "alice", "--to", "bob"], folder, "");
  expect(answered.out).toContain("bob: fine");
}, 60_000);

test("every talk that was answered is in the index after kill -9 at any moment", async () => {
  const seed = testSeed("kill -9");
  for (let round = 0; round < 3; round++) {
    const server = await start();
    const client = await RoostClient.connect({ url: server.tcp, token: await tokenOf("alice"), reconnect: false });
    const stored: bigint[] = [];
    const talks = Array.from({ length: 2_000 }, (_, number) =>
      client.talkToUser(`reader${round}`, { body: `${number}` }).then(
        ({ id }) => stored.push(id),
        () => undefined,
      ),
    );
    await Bun.sleep(20 + ((seed + round * 97) % 150));
    await server.end("SIGKILL");
    await Promise.all(talks);
    await client.close();

    const again = await start();
    const reader = await RoostClient.connect({ url: again.ws, token: await tokenOf(`reader${round}`) });
    const found = new Set<bigint>();
    for (let after = 1n; ;) {
      const page = await reader.index(after, false);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const { messageId } of page) found.add(messageId);
      after = last.messageId;
    }
    expect(stored.filter((id) => !found.has(id))).toEqual([]);
    await reader.close();
    expect(await again.end("SIGTERM")).toBe(0);
  }
}, 120_000);

test("SIGTERM drains and ends with status 0; the secret is the owner's alone", async () => {
  const server = await start();
  expect(statSync(join(folder, "data", "secret")).mode & 0o777).toBe(0o600);
  const health = await fetch(`${server.monitor}/health`);
  expect(health.status).toBe(200);
  const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
  expect(metrics).toContain("roost_channels");
  expect(await server.end("SIGTERM")).toBe(0);
}, 60_000);

test("a second server on the same data, or on the same port, is refused with a sentence", async () => {
  const server = await start();
  const port = /:(\d+)$/.exec(server.tcp)?.[1] ?? "";
  const sameData = await run(free, folder);
  expect(sameData.status).toBe(1);
  expect(sameData.err).toContain("another roost uses");
  const samePort = await run(
    ["--data", "other", "--ws", "off", "--tcp", `127.0.0.1:${port}`, "--monitor", "off"],
    folder,
  );
  expect(samePort.status).toBe(1);
  expect(samePort.err).toContain("--tcp");
  expect(samePort.err).not.toContain("    at ");
}, 60_000);

test("an error on the command line names the option, and ends with status 2", async () => {
  const cases: [string[], string][] = [
    [["--nope", "1"], "--nope"],
    [["--ws", "99"], "--ws"],
    [["--read-wait", "soon", ...free], "--read-wait"],
    [["--role", "gateway"], "--discovery is required"],
    [["--role", "king"], "--role"],
    [["fly"], "fly"],
    [["--ws"], "--ws"],
    [["token"], "--account"],
  ];
  for (const [words, told] of cases) {
    const { status, err } = await run(words, folder);
    expect([words, status]).toEqual([words, 2]);
    expect(err).toContain(told);
  }
  const { status, err } = await run(free, folder, "", { ROOST_READ_WAIT: "soon" });
  expect(status).toBe(2);
  expect(err).toContain("ROOST_READ_WAIT");
}, 60_000);

test("a short secret is refused, an empty variable counts as unset", async () => {
  expect((await run(["--secret", "short", ...free], folder)).err).toContain("16 bytes");
  const { status, err } = await run(["token", "--account", "a"], folder, "", { ROOST_SECRET: "" });
  expect(status).toBe(1);
  expect(err).toContain("there is no secret");
}, 60_000);

test("help and version are for strangers", async () => {
  expect((await run(["version"], folder)).out).toMatch(/^roost \d+\.\d+\.\d+ \(Bun /);
  const { out } = await run(["serve", "--help"], folder);
  for (const word of ["--read-wait", "ROOST_READ_WAIT", "127.0.0.1:8000", "--retention"]) expect(out).toContain(word);
}, 60_000);

test("the executable makes certificates and reads them", async () => {
  const made = await run(["cert", "--nodes", "chat-1=chat1.internal,chat-1=10.0.0.6"], folder);
  expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/certs\/chat-1\.crt +new /) });
  const shown = await run(["cert", "show", "certs/chat-1.crt"], folder);
  expect(shown).toMatchObject({ status: 0, err: "", out: expect.stringContaining("certs/chat-1.key fits") });
  expect(await run(["help", "cert", "show"], folder)).toMatchObject({
    status: 0,
    out: expect.stringContaining("USAGE roost cert show FILE"),
  });
}, 60_000);
