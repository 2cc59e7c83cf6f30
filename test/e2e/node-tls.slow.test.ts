// A cluster whose nodes speak TLS: its certificates made by one command, its processes on three addresses as on three
// machines, and a way to one of them on which somebody listens.

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { registryToken } from "../../src/auth/registry-token.ts";
import { newIncarnation, systemRandom } from "../../src/base/random.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { WireClient } from "../support/wire-client.ts";

const folder = temporaryFolder("roost-node-tls-");
const certificates = join(folder, "certificates");
/** Where each process is. */
const machines = { "login-1": "127.0.0.1", "chat-1": "127.0.0.2", "gateway-1": "127.0.0.3", "gateway-2": "127.0.0.1" };

beforeAll(async () => {
  const nodes = [...Object.entries(machines), ["discovery-1", "127.0.0.1"], ["admin", "localhost"]];
  const words = ["cert", "--dir", certificates, "--nodes", nodes.map(([id, host]) => `${id}=${host}`).join(",")];
  expect(await run(words, folder)).toMatchObject({ status: 0 });
});

let stage: ClusterStage | undefined;
let wiretap: LinkProxy | undefined;

afterEach(async () => {
  await stage?.close();
  wiretap?.stop();
  [stage, wiretap] = [undefined, undefined];
});

const pathOf = (name: string): string => join(certificates, name);

/** The options of a process's certificate. */
function certificateOf(id: string): Record<string, string> {
  return { "--node-cert": pathOf(`${id}.crt`), "--node-key": pathOf(`${id}.key`), "--node-ca": pathOf("ca.crt") };
}

/** Starts the cluster; all links to the chat node lead over the wiretap. Returns what passes there. */
async function start(isSecure: boolean): Promise<{ readonly stage: ClusterStage; readonly heard: () => string }> {
  const chunks: Buffer[] = [];
  const [near = 0, far = 0] = await freePorts(2);
  const host = machines["chat-1"];
  wiretap = await LinkProxy.start(
    near,
    far,
    (chunk) => {
      chunks.push(Buffer.from(chunk));
      return chunk;
    },
    host,
  );
  const slips = Object.fromEntries(
    Object.entries(machines).map(([id, machine]) => [
      id,
      {
        "--listen": id === "chat-1" ? `${host}:${far}` : `${machine}:0`,
        "--monitor": `${machine}:0`,
        ...(id === "chat-1" ? { "--advertise": `${host}:${near}` } : {}),
        ...(isSecure ? certificateOf(id) : {}),
      },
    ]),
  );
  stage = await ClusterStage.start(
    { gateways: 2 },
    isSecure
      ? {
          slips: { ...slips, "discovery-1": certificateOf("discovery-1") },
          authority: pathOf("ca.crt"),
          hasSecureRegistry: true,
        }
      : { slips },
  );
  return { stage, heard: () => Buffer.concat(chunks).toString("latin1") };
}

/** The bodies of what was said to somebody, once so many have come. */
const told = async (client: WireClient, count = 1): Promise<string[]> =>
  (await client.pushed(Command.UserTalk, MessagePushSchema, count)).map(({ body }) => body);

describe("whoever listens between the machines", () => {
  test.each([
    ["reads all that is said in plain text", false],
    ["reads nothing when the nodes have certificates", true],
  ])(
    "%s",
    async (_, isSecure) => {
      const { stage: running, heard } = await start(isSecure);
      const [alice, bob] = [await running.wire("alice", 0), await running.wire("bob", 1)];
      await talk(alice, "bob", "meet me at the old mill");
      expect(await told(bob)).toEqual(["meet me at the old mill"]);
      for (const word of ["old mill", "alice", "chat-1", "gateway-1"]) expect(heard().includes(word)).toBe(!isSecure);
      expect(heard().startsWith("\x16\x03")).toBe(isSecure);
      expect(running.cluster.linkAddress("chat-1").startsWith("tls://")).toBe(isSecure);
    },
    90_000,
  );
});

test("nodes that are killed come back, and another one takes their place", async () => {
  const { stage: running } = await start(true);
  const { cluster } = running;
  const [alice, bob] = [await running.wire("alice", 0), await running.wire("bob", 1)];
  for (const [at, name] of ["chat-1", "login-1"].entries()) {
    await cluster.end(name, "SIGKILL");
    await cluster.start(name);
    await until(() => cluster.isReady(name), `${name} is ready`);
    await cluster.ready();
    await talk(alice, "bob", `again ${at}`);
    expect((await told(bob, at + 1)).at(-1)).toBe(`again ${at}`);
  }
  await cluster.end("gateway-1", "SIGKILL");
  await cluster.start("gateway-1");
  await cluster.ready();
  const carol = await running.wire("carol", 0);
  await talk(carol, "bob", "I am new");
  expect(await told(bob, 3)).toEqual(["again 0", "again 1", "I am new"]);
}, 120_000);

describe("operators", () => {
  const variables = {
    ROOST_NODE_CERT: pathOf("admin.crt"),
    ROOST_NODE_KEY: pathOf("admin.key"),
    ROOST_NODE_CA: pathOf("ca.crt"),
    ROOST_CLUSTER_KEY_FILE: "cluster-key",
  };

  test("ask nodes over TLS with a certificate of the cluster, and are told what is missing without one", async () => {
    const { stage: running } = await start(true);
    const { cluster, folder: place } = running;
    const discovery = { ROOST_DISCOVERY: cluster.registry.join(",") };
    const asked = (words: readonly string[], more: Record<string, string> = variables) =>
      run(words, place, "", { ...discovery, ...more });
    const link = cluster.linkAddress("chat-1");
    for (const node of [link, "chat-1", "gateway-2"]) {
      const { status, out, err } = await asked(["limits", "--node", node]);
      expect([status, err]).toEqual([0, ""]);
      expect(out).toContain("unsent-bytes-per-link");
    }
    const alice = await running.wire("alice", 0);
    expect(await asked(["kick", "--account", "alice", "--app", "app"])).toMatchObject({ status: 0 });
    expect((await alice.closed).text).toBe("ended by an operator");
    expect(await asked(["revoke", "--account", "alice", "--app", "app"])).toMatchObject({ status: 0 });

    const { ROOST_CLUSTER_KEY_FILE } = variables;
    expect(await asked(["limits", "--node", link], { ROOST_CLUSTER_KEY_FILE })).toMatchObject({
      status: 1,
      err: expect.stringContaining("takes links over TLS only; give this process --node-cert"),
    });
    // An address in plain text leads nowhere, either.
    const plain = link.replace("tls://", "tcp://");
    expect(await asked(["limits", "--node", plain], { ROOST_CLUSTER_KEY_FILE })).toMatchObject({
      status: 1,
      err: expect.stringContaining("this port takes TLS only"),
    });
    // A certificate is no key.
    const { ROOST_CLUSTER_KEY_FILE: _, ...certificate } = variables;
    expect(
      await asked(["limits", "--node", link], { ...certificate, ROOST_CLUSTER_KEY: "another key of 32 bytes or so" }),
    ).toMatchObject({ status: 1, err: expect.stringContaining("it does not know the cluster key") });
  }, 120_000);
});

test("a gateway says why it cannot reach a node, in its log and its health", async () => {
  const { stage: running } = await start(true);
  const { cluster, clusterKey } = running;
  // An address of the login node that its certificate lacks.
  const link = cluster.linkAddress("login-1").replace("127.0.0.1", "localhost");
  const metadata = { id: "login-2", incarnation: newIncarnation(systemRandom), state: "adult", zone: "zone01", link };
  const form = { zone: "zone01", env: "dev", appid: "login", hostname: "login-2", status: "1", addrs: link };
  const answer = await fetch(`${cluster.registry[0]}/discovery/register`, {
    method: "POST",
    headers: { authorization: `Bearer ${registryToken(clusterKey)}` },
    body: new URLSearchParams({ ...form, metadata: JSON.stringify(metadata) }),
    tls: { ca: readFileSync(pathOf("ca.crt"), "utf8") },
  });
  expect(await answer.text()).toContain('"code":0');
  const reason = "its certificate is for IP Address:127.0.0.1, and not for localhost, where it was dialled";
  await running.says("gateway-1", new RegExp(`a node cannot be linked; trying on.*login-2.*${reason}`));
  const health = async (): Promise<unknown> => (await cluster.ask(`${cluster.monitor("gateway-1")}/health`)).json();
  await until(async () => Bun.deepMatch({ gone: "login-2" }, await health()), "it counts as gone");
  expect(await health()).toMatchObject({ ready: true, goneReasons: expect.stringContaining(reason) });
}, 90_000);
