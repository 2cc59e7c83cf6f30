// A cluster whose registry and monitors speak HTTPS, as an operator starts it and looks at it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import {
  DiscoveryProcess,
  MemberProcess,
  roost,
  type RoostProcess,
  run,
} from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { type Pair, TestAuthority } from "../support/certificates.ts";
import { bothPurposes } from "../support/node-tls.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-registry-tls-");
const authority = new TestAuthority(folder);
const pair = authority.leaf({ extra: bothPurposes });
const tlsWords = (shown: Pair = pair): string[] => [
  ...["--node-cert", shown.certificate, "--node-key", shown.key, "--node-ca", authority.root],
];
const keys = ["--cluster-key-file", join(folder, "cluster-key")];
const processes: RoostProcess[] = [];
let registry: readonly string[] = [];

const httpsIn = ({ banner }: RoostProcess): string => /https:\/\/[^/\s]+/.exec(banner)?.[0] ?? "";

beforeAll(async () => {
  writeFileSync(join(folder, "cluster-key"), `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  writeFileSync(join(folder, "secret"), `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  const nodes = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  registry = nodes.map((address) => `https://${address}`);
  const common = [...keys, ...tlsWords(), "--monitor", "127.0.0.1:0", "--discovery", registry.join(",")];
  const sessions = ["--sessions", `sqlite:${join(folder, "sessions.db")}`];
  const store = ["--store", `sqlite:${join(folder, "messages.db")}`];
  const clients = ["--ws", "127.0.0.1:0", "--tcp", "off", "--secret-file", join(folder, "secret")];
  for (const address of nodes)
    processes.push(
      await DiscoveryProcess.start(folder, [...keys, ...tlsWords(), "--listen", address, "--peers", nodes.join(",")]),
    );
  const members = [
    ["--role", "login", "--id", "login-1", ...common, ...sessions],
    ["--role", "chat", "--id", "chat-1", ...common, ...sessions, ...store],
    ["--role", "gateway", "--id", "gateway-1", ...common, ...clients],
  ];
  for (const words of members) processes.push(await MemberProcess.start(folder, words));
}, 60_000);

afterAll(async () => {
  await Promise.all(processes.map((each) => each.end("SIGKILL")));
});

const statusOf = (url: string): Promise<number> =>
  fetch(url, { tls: { ca: Bun.file(authority.root) } }).then(({ status }) => status);

test("all find each other and become ready, and every monitor speaks HTTPS alone", async () => {
  for (const each of processes) {
    await until(async () => (await statusOf(`${httpsIn(each)}/health`)) === 200, "it is ready", 30_000);
    const plain = await fetch(`${httpsIn(each).replace("https:", "http:")}/health`);
    expect([plain.status, await plain.text()]).toEqual([400, "this port speaks HTTPS: begin the URL with https://\n"]);
  }
});

test("roost nodes shows them and asks their monitors, with the authorities alone", async () => {
  const asked = await run(["nodes", "--discovery", registry.join(","), "--node-ca", authority.root], folder);
  expect(asked.err).toBe("");
  expect(asked.status).toBe(0);
  const lines = asked.out.split("\n");
  for (const id of ["login-1", "chat-1", "gateway-1"])
    expect(lines.find((line) => line.includes(id))).toContain("https://127.0.0.1:");
  // Its clients are what its monitor says.
  expect(lines.find((line) => line.includes("gateway-1"))).toMatch(/ 0 +https:/);
  const unknown = await run(["nodes", "--discovery", registry.join(",")], folder);
  expect(unknown.status).toBe(1);
  expect(unknown.err).toMatch(/no registry node answers: .*certificate/);
});

test("roost limits finds a registry node and a member by their ids", async () => {
  const words = ["--discovery", registry.join(","), ...keys, ...tlsWords()];
  for (const id of [new URL(registry[0] ?? "").host, "chat-1"]) {
    const asked = await run(["limits", "--node", id, ...words], folder);
    expect([asked.err, asked.status]).toEqual(["", 0]);
  }
});

test("roost limits asks a registry node with the authorities alone, by URL or id; members demand more", async () => {
  const words = [...keys, "--node-ca", authority.root, "--discovery", registry.join(",")];
  for (const node of [registry[0] ?? "", new URL(registry[1] ?? "").host]) {
    const asked = await run(["limits", "--node", node, ...words], folder);
    expect([asked.err, asked.status]).toEqual(["", 0]);
  }
  const member = await run(["limits", "--node", "chat-1", ...words], folder);
  expect([member.status, member.err]).toEqual([2, expect.stringContaining("without --node-cert and --node-key")]);
  const unknown = await run(["limits", "--node", registry[0] ?? "", ...keys], folder);
  expect([unknown.status, unknown.err]).toEqual([1, expect.stringContaining("no authority that is known here")]);
});

test("roost kick finds the chat nodes of a registry that is named by its URL", async () => {
  const words = ["--node", registry[0] ?? "", "--account", "nobody", ...keys];
  const kicked = await run(["kick", ...words, ...tlsWords()], folder);
  expect([kicked.err, kicked.status]).toEqual(["", 0]);
  const alone = await run(["kick", ...words, "--node-ca", authority.root], folder);
  expect([alone.status, alone.err]).toEqual([2, expect.stringContaining("without --node-cert and --node-key")]);
  // A pipe has the key once.
  const script = `"$@" --cluster-key-file <(cat ${join(folder, "cluster-key")})`;
  const piped = ["kick", "--node", registry[0] ?? "", "--account", "nobody", ...tlsWords()];
  const { exitCode, stderr } = Bun.spawnSync(["bash", "-c", script, "bash", ...roost, ...piped], { cwd: folder });
  expect([stderr.toString(), exitCode]).toEqual(["", 0]);
});

test("a registry node is not started with a certificate for another host, nor a member with plain seeds", async () => {
  const other = authority.leaf({ extra: bothPurposes, names: "DNS:other.example" });
  const node = await run(
    ["--role", "discovery", ...keys, ...tlsWords(other), "--listen", "127.0.0.1:0", "--snapshot", "off"],
    folder,
  );
  expect([node.status, node.err]).toEqual([1, expect.stringContaining("others reach this node at 127.0.0.1")]);
  const login = ["--role", "login", ...keys, ...tlsWords(), "--sessions", `sqlite:${join(folder, "sessions.db")}`];
  const member = await run([...login, "--discovery", "http://192.0.2.1:7171"], folder);
  expect([member.status, member.err]).toEqual([2, expect.stringContaining("name it as https://")]);
});
