// Impostors in a cluster: a second process under one id, a stranger without the cluster key, an address at which
// another program listens. They are refused, and no other process notices.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { registryToken } from "../../src/auth/registry-token.ts";
import { newIncarnation, systemRandom } from "../../src/base/random.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { afterwards, closeAll, newIdentity, wrongKey } from "../link/support.ts";
import { answerHello, HandDialler, handAcceptor } from "../link/hand-handshake.ts";
import { anyPorts, ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { MemberProcess, run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage;

beforeAll(async () => {
  stage = await ClusterStage.start();
}, 60_000);
afterAll(async () => {
  await closeAll();
  await stage.close();
});

/** Two people who are signed in talk, on the connections that they have. */
async function people(): Promise<{ readonly stillTalk: () => Promise<void> }> {
  const alice = await stage.wire(`alice-${newIncarnation(systemRandom)}`);
  const name = `bob-${newIncarnation(systemRandom)}`;
  const bob = await stage.wire(name);
  let said = 0;
  return {
    async stillTalk() {
      await talk(alice, name, `${++said}`);
      await until(() => bob.pushes.length === said, "bob hears it");
    },
  };
}

/** Tells the registry of an instance, as one who has the cluster's key. */
async function list(service: string, id: string, link: string): Promise<void> {
  const { clusterKey, cluster } = stage;
  const metadata = { id, incarnation: newIncarnation(systemRandom), state: "adult", zone: "zone01", link };
  const form = { zone: "zone01", env: "dev", appid: service, hostname: id, status: "1", addrs: `tcp://${link}` };
  const answer = await fetch(`${cluster.registry[0]}/discovery/register`, {
    method: "POST",
    headers: { authorization: `Bearer ${registryToken(clusterKey)}` },
    body: new URLSearchParams({ ...form, metadata: JSON.stringify(metadata) }),
  });
  expect(await answer.text()).toContain('"code":0');
}

for (const name of ["chat-1", "login-1", "gateway-1"]) {
  test(`a second ${name} is refused while the first one lives, which is not disturbed`, async () => {
    const { stillTalk } = await people();
    await stillTalk();
    const words = stage.cluster.words(name, anyPorts);
    const { status, err, out } = await run(words, stage.folder);
    expect(err).toContain(`the id ${name} belongs to another process`);
    expect(err).toContain("--id");
    expect({ status, out }).toEqual({ status: 1, out: "" });
    await stillTalk();
    expect(await stage.cluster.isReady(name)).toBe(true);
  }, 60_000);
}

test("a gateway whose port is taken says so, ends, and is not listed", async () => {
  const { cluster } = stage;
  const words = cluster.words("gateway-1", { "--id": "gateway-late" });
  const { status, err, out } = await run(words, stage.folder);
  expect(err).toMatch(/^roost: .*another program listens there.*--ws/m);
  expect({ status, out }).toEqual({ status: 1, out: "" });
  const listed = await fetch(`${cluster.registry[0]}/discovery/fetch/all`);
  expect(await listed.text()).not.toContain("gateway-late");
}, 60_000);

test("of two that start at once under one id, one stays", async () => {
  const words = stage.cluster.words("login-1", { "--id": "login-2" });
  const started = await Promise.allSettled([0, 1].map(() => MemberProcess.start(stage.folder, words)));
  const running = started.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  try {
    const left = new Set(running);
    for (const process of running) void process.exited.then(() => left.delete(process));
    await until(() => left.size === 1, "one has ended");
    const [holder] = left;
    await until(async () => (await fetch(`${holder?.monitor}/health`)).ok, "the other one is ready");
  } finally {
    await Promise.all(running.map((process) => process.end("SIGKILL")));
  }
}, 60_000);

test("of two that started under one id while no registry ran, one stays when it is there", async () => {
  const apart = await ClusterStage.prepare();
  const words = apart.cluster.words("login-1");
  const running = await Promise.all([0, 1].map(() => MemberProcess.start(apart.folder, words)));
  try {
    const left = new Set(running);
    for (const process of running) void process.exited.then(() => left.delete(process));
    await apart.cluster.start("discovery-1");
    await until(() => left.size === 1, "one has ended");
    const [holder] = left;
    await until(async () => (await fetch(`${holder?.monitor}/health`)).ok, "the other one is ready");
    const refused = running.find((process) => process !== holder);
    expect(await refused?.errors).toContain("the id login-1 belongs to another process");
    expect(await refused?.exited).toBe(1);
  } finally {
    await Promise.all(running.map((process) => process.end("SIGKILL")));
    await apart.close();
  }
}, 60_000);

test("a process that lacks the cluster key, or takes a live gateway's id, is refused at both services", async () => {
  const { clusterKey: key, cluster } = stage;
  const { stillTalk } = await people();
  await stillTalk();
  for (const name of ["chat-1", "login-1"]) {
    const faults = (kind: string): Promise<number> => stage.count(name, "roost_protocol_fault_total", `kind="${kind}"`);
    const address = cluster.linkAddress(name);
    // Incarnations are hexadecimal digits: which of two is greater is chosen here.
    const [lesser, greater] = [
      { ...newIdentity("gateway-1"), incarnation: "0" },
      { ...newIdentity("gateway-1"), incarnation: "z" },
    ];
    for (const identity of [lesser, newIdentity("stranger")]) {
      const stranger = await HandDialler.connect(address, { identity, key: wrongKey });
      await stranger.shake().catch(() => undefined);
      expect((await stranger.recording.end()).code).toBe(CloseCode.Unauthorised);
    }
    expect(await faults("handshake-key")).toBe(1);
    for (const { identity, Code } of [
      { identity: lesser, Code: Status.Forbidden },
      { identity: greater, Code: Status.ServiceUnavailable },
    ]) {
      const twin = await HandDialler.connect(address, { identity, key });
      twin.hello();
      expect(await twin.answer()).toMatchObject({ Code, Error: expect.stringContaining("gateway-1") });
      expect((await twin.recording.end()).code).toBe(CloseCode.Unauthorised);
    }
    expect(await faults("handshake-id-taken")).toBe(2);
    expect(await faults("handshake-id-contested")).toBe(1);
    const guest = await HandDialler.connect(address, { identity: newIdentity("guest", "chat"), key });
    await guest.shake();
    expect((await guest.recording.end()).code).toBe(CloseCode.ProtocolFault);
    const noise = await HandDialler.connect(address, { identity: newIdentity("noise"), key });
    noise.connection.send(systemRandom.bytes(500));
    expect((await noise.recording.end()).code).toBe(CloseCode.ProtocolFault);
  }
  await stillTalk();
  expect(cluster.process("gateway-1")?.log).not.toMatch(/a link ended .*-1"/);
}, 60_000);

/** A server of another protocol, which speaks first. */
async function otherServer(): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.write("SSH-2.0-OpenSSH_9.2\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(() => void server.close());
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

test("nodes that are listed and are not what they say are not linked, and cost nobody anything", async () => {
  const { cluster } = stage;
  const { stillTalk } = await people();
  await stillTalk();
  const forger = newIdentity("chat-forged", "chat");
  const forged = handAcceptor((recording, hello) => answerHello(recording, hello, { identity: forger, key: wrongKey }));
  const said: readonly (readonly [id: string, address: string, sentence: string])[] = [
    ["chat-forged", forged.address, "it does not know the cluster key"],
    ["chat-other", cluster.linkAddress("chat-1"), "it is chat-1, and not chat-other"],
    ["chat-login", cluster.linkAddress("login-1"), "it is login-1, and not chat-login"],
    ["chat-shell", await otherServer(), "it closed the link"],
    ["chat-web", new URL(cluster.registry[0] ?? "").host, "it closed the link"],
    ["chat-nobody", "127.0.0.1:1", "cannot connect to 127.0.0.1:1"],
    ["chat-where", "nowhere", "is not host:port"],
  ];
  for (const [id, address] of said) await list("chat", id, address);
  for (const [id, , sentence] of said)
    await stage.says("gateway-1", new RegExp(`cannot be linked.* node="${id}".*${sentence}`));
  await stillTalk();
  // One that starts now waits for each of them for a bounded time.
  const words = cluster.words("gateway-1", { "--id": "gateway-2", ...anyPorts });
  const newcomer = await MemberProcess.start(stage.folder, words);
  await until(async () => (await fetch(`${newcomer.monitor}/health`)).ok, "the newcomer is ready");
  expect(await newcomer.end("SIGTERM")).toBe(0);
  await stillTalk();
}, 60_000);

test("a listed stranger who says that an id is taken, and proves nothing, sends no gateway away", async () => {
  const { stillTalk } = await people();
  const forger = newIdentity("chat-liar", "chat");
  const sentence = "the id gateway-1 belongs to me";
  const liar = handAcceptor((recording, hello) =>
    answerHello(recording, hello, { identity: forger, key: wrongKey }, { Code: Status.Forbidden, Error: sentence }),
  );
  await list("chat", "chat-liar", liar.address);
  await until(() => liar.accepted.length > 1, "the gateway has asked again");
  await stillTalk();
  expect(await stage.cluster.isReady("gateway-1")).toBe(true);
}, 60_000);
