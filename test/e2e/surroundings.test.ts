// What lies in the folder where the program is started, and what variables say: neither changes what it does. The
// folder and the variables of these tests are those of another project.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registryToken } from "../../src/auth/registry-token.ts";
import { options } from "../../src/options/options.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { DiscoveryProcess, roost, run, ServerProcess, type Variables } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

const repository = join(import.meta.dir, "../..");
/** The compiled executable is tested; Bun itself obeys all of this. */
const isCompiled = roost.length === 1;

let folder: string;
const endings: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-environment-"));
  writeFileSync(join(folder, "foreign.ts"), `require("node:fs").writeFileSync("${folder}/has-run", "");\n`);
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./foreign.ts"]\n');
  const names = Object.keys(options).map((name) => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`);
  writeFileSync(join(folder, ".env"), names.map((name) => `${name}=foreign\n`).join(""));
});
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true, force: true });
});

const hasForeignCodeRun = (): boolean => existsSync(join(folder, "has-run"));

/** What runs foreign code, opens a debugger or makes another program of Bun itself. */
const orders: readonly Variables[] = [
  { BUN_OPTIONS: "--preload ./foreign.ts" },
  { BUN_OPTIONS: "--config=bunfig.toml" },
  { BUN_OPTIONS: "--version" },
  { BUN_OPTIONS: "--cpu-prof" },
  { BUN_INSPECT_PRELOAD: "./foreign.ts" },
  { BUN_INSPECT_PRELOAD: "./foreign.ts", BUN_OPTIONS: "--smol" },
  { BUN_BE_BUN: "1" },
  { NODE_OPTIONS: "--require ./foreign.ts" },
];

test.skipIf(!isCompiled)(
  "no command runs a preload of the folder or of a variable, or takes a .env's options",
  async () => {
    for (const variables of [{}, ...orders]) {
      const { status, out, err } = await run(["version"], folder, "", variables);
      expect({ variables, status, err, out }).toMatchObject({ variables, status: 0, err: "" });
      expect(out).toMatch(/^roost /);
    }
    const token = await run(["token", "--account", "alice", "--secret", "sixteen bytes or more"], folder);
    expect(token).toMatchObject({ status: 0, err: "roost: signed with the key ae6b707b of --secret\n" });
    expect(hasForeignCodeRun()).toBe(false);
  },
  60_000,
);

test.skipIf(!isCompiled)(
  "a server opens no debugger, and runs nothing of its folder in its workers either",
  async () => {
    const [port] = await freePorts(1);
    const debuggers = {
      BUN_INSPECT: `127.0.0.1:${port}`,
      BUN_OPTIONS: `--inspect=127.0.0.1:${port} --preload ./foreign.ts`,
    };
    const server = await ServerProcess.start(folder, [], debuggers);
    endings.push(() => server.end("SIGKILL"));
    const dialled = Bun.connect({ hostname: "127.0.0.1", port: port ?? 0, socket: { data() {} } });
    expect(await dialled.then(String, (error: { code: string }) => error.code)).toBe("ECONNREFUSED");
    expect((await fetch(`${server.monitor}/health`)).status).toBe(200);
    expect(hasForeignCodeRun()).toBe(false);
  },
  60_000,
);

test.skipIf(!isCompiled)(
  "no variable makes it write requests and their keys to its standard error",
  async () => {
    const registry = await DiscoveryProcess.start(folder, ["--cluster-key", "a key that only this test knows"]);
    endings.push(() => registry.end("SIGKILL"));
    const listed = await run(["nodes", "--discovery", registry.url], folder, "", { BUN_CONFIG_VERBOSE_FETCH: "curl" });
    expect(listed).toMatchObject({ status: 0, err: "" });
  },
  60_000,
);

test("scripts/start runs nothing of the folder where it is called, and nothing that a variable names", async () => {
  for (const variables of [{}, ...orders]) {
    const child = Bun.spawn([join(repository, "scripts/start"), "version"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...variables },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect({ variables, out, err }).toMatchObject({ variables, out: expect.stringMatching(/^roost /), err: "" });
  }
  expect(hasForeignCodeRun()).toBe(false);
}, 120_000);

test("a umask of 000 opens no file to others, and another country's time and locale change nothing", async () => {
  const elsewhere = { TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8" };
  const before = process.umask(0);
  const server = await ServerProcess.start(folder, ["--data", "data"], elsewhere).finally(() => process.umask(before));
  endings.push(() => server.end("SIGKILL"));
  for (const name of ["", ...readdirSync(join(folder, "data"))]) {
    expect({ name, open: statSync(join(folder, "data", name)).mode & 0o077 }).toEqual({ name, open: 0 });
  }
  const sent = await run(["chat", "--url", server.tcp, "--account", "IRIS", "--to", "bob"], folder, "hi\n", elsewhere);
  expect(sent).toMatchObject({ status: 0, err: "" });
  await until(() => /^\d{4}-\d\d-\d\dT[\d:.]+Z info /m.test(server.log), "the log's times are UTC");
}, 60_000);

/** Listens at a free port, and keeps all that it receives. */
function recordingProxy(): { readonly url: string; readonly heard: string[] } {
  const heard: string[] = [];
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void heard.push("a connection"),
      data: (socket, data) => {
        heard.push(data.toString());
        socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
      },
    },
  });
  endings.push(() => listener.stop(true));
  return { url: `http://127.0.0.1:${listener.port}`, heard };
}

test("a cluster forms, talks and is listed past every proxy that variables name, and uses none of them", async () => {
  const { url, heard } = recordingProxy();
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  const variables = Object.fromEntries(names.map((name) => [name, url]));
  const stage = await ClusterStage.start({ discovery: 2 }, { variables });
  endings.push(() => stage.close());
  const { cluster } = stage;
  // A service that the registry asks how it is.
  let probes = 0;
  const service = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      probes++;
      return new Response("well");
    },
  });
  endings.push(() => service.stop(true));
  const token = registryToken(stage.clusterKey);
  const at = `http://127.0.0.1:${service.port}`;
  const registered = await fetch(`${cluster.registry[0]}/discovery/register`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: new URLSearchParams({
      region: "region01",
      zone: "zone01",
      env: "dev",
      appid: "probed",
      hostname: "probed-1",
      status: "1",
      addrs: at,
      version: "1",
      metadata: JSON.stringify({ health_url: `${at}/health` }),
    }),
  });
  expect(await registered.json()).toMatchObject({ code: 0 });

  const alice = await stage.wire("alice");
  await talk(alice, "bob", "past the proxy");
  for (const registry of cluster.registry) {
    const told = async (): Promise<string> =>
      (await run(["nodes", "--discovery", registry], folder, "", variables)).out;
    await until(async () => /chat-1/.test(await told()) && /probed-1/.test(await told()), `${registry} lists all`);
  }
  const words = ["chat", "--url", `ws://${cluster.gateways[0]?.ws}`, "--account", "bob", "--to", "alice"];
  const chatted = await run([...words, "--token", await cluster.token("bob")], folder, "hello\n", variables);
  expect(chatted.out).toContain("past the proxy");
  await until(() => probes > 0, "the service was asked");
  expect(heard).toEqual([]);
}, 90_000);
