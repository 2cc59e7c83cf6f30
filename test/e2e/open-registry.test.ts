// A registry without a key, to which strangers write as they please, and a cluster that has one: nobody comes between
// its links, nobody keeps its nodes from becoming ready, and without --insecure it does not start at all.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { registryToken } from "../../src/auth/registry-token.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { at } from "../registry/http/support.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { DiscoveryProcess, MemberProcess, run } from "../../scripts/harness/server-process.ts";
import { endings } from "../support/endings.ts";
import { until } from "../../scripts/harness/until.ts";

const ends = endings();

const insecure = ["--insecure"];
const members = { gateway: insecure, login: insecure, chat: insecure };

/** Processes that have a key, around a registry that has none; nothing runs yet. */
async function prepare(words: Parameters<typeof ClusterStage.prepare>[1] = { words: members }): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare(
    { gateways: 2, chats: 2 },
    { ...words, slips: { "discovery-1": { "--cluster-key-file": undefined } } },
  );
  ends.push(() => stage.close());
  return stage;
}

/** An entry as anybody reads it, and as it can be registered again. */
interface Entry {
  readonly appid: string;
  readonly hostname: string;
  readonly zone: string;
  readonly addrs: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const registryOf = ({ cluster }: ClusterStage): string => cluster.registry[0] ?? "";

async function read(stage: ClusterStage, appid: string): Promise<Entry[]> {
  const json: unknown = await (
    await fetch(`${registryOf(stage)}/discovery/fetch?env=dev&appid=${appid}&status=1`)
  ).json();
  const zones: unknown = at(json, "data", "instances");
  if (typeof zones !== "object" || zones === null) return [];
  return Object.values(zones).flatMap((list: unknown) =>
    (Array.isArray(list) ? list : []).map((item: unknown) => ({
      appid,
      hostname: String(at(item, "hostname")),
      zone: String(at(item, "zone")),
      addrs: String(at(item, "addrs", "0")),
      metadata: Object.fromEntries(
        Object.entries(at(item, "metadata") ?? {}).map(([key, value]) => [key, String(value)]),
      ),
    })),
  );
}

/** A stranger registers something; it has no key, or has got hold of the registry's token. */
async function write(stage: ClusterStage, { metadata, ...entry }: Entry, token?: string): Promise<void> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const body = new URLSearchParams({
    env: "dev",
    status: "1",
    version: "",
    ...entry,
    metadata: JSON.stringify(metadata),
  });
  const answer: unknown = await (
    await fetch(`${registryOf(stage)}/discovery/register`, { method: "POST", headers, body })
  ).json();
  expect(at(answer, "code")).toBe(0);
}

interface Relay {
  readonly address: string;
  /** All that has passed. */
  readonly seen: () => string;
  /** Connections that came. */
  readonly taken: () => number;
}

const portOf = (address = ""): number => Number(address.slice(address.lastIndexOf(":") + 1));

/** A relay that reads what passes, and changes whom is paid how much. */
async function relayTo(target: string, atPort?: number): Promise<Relay> {
  const port = atPort ?? (await freePorts(1))[0] ?? 0;
  let seen = "";
  const proxy = await LinkProxy.start(port, portOf(target), (chunk) => {
    const text = chunk.toString("latin1");
    seen += text;
    return Buffer.from(text.replaceAll("pay 10 EUR to bob", "pay 99 EUR to eve"), "latin1");
  });
  ends.push(() => proxy.stop());
  return { address: `127.0.0.1:${port}`, seen: () => seen, taken: () => proxy.taken };
}

/** What a stranger makes of a node's entry, with the address of its relay. */
const forgeries: Record<string, (entry: Entry, relay: string) => Entry> = {
  "in the place of the node's own": (entry, relay) => ({
    ...entry,
    addrs: `tcp://${relay}`,
    metadata: { ...entry.metadata, link: relay },
  }),
  "as one of the former release, without a proof": (entry, relay) => ({
    ...entry,
    addrs: `tcp://${relay}`,
    metadata: { ...entry.metadata, link: relay, proof: "" },
  }),
  "beside the node's own, in another zone": (entry, relay) => ({
    ...entry,
    zone: "zone02",
    addrs: `tcp://${relay}`,
    metadata: { ...entry.metadata, link: relay, zone: "zone02" },
  }),
};

/** Alice, at the second gateway, pays bob ten times; what bob gets, and whether one of the relays has read it. */
async function pay(stage: ClusterStage, relays: readonly { readonly seen: () => string }[]): Promise<void> {
  const alice = await stage.wire("alice", 1);
  const bob = await stage.wire("bob", 0);
  const bodies = Array.from({ length: 10 }, () => "pay 10 EUR to bob");
  for (const body of bodies) await talk(alice, "bob", body);
  const pushed = await bob.pushed(Command.UserTalk, MessagePushSchema, bodies.length);
  expect(pushed.map(({ body }) => body)).toEqual(bodies);
  expect(relays.map(({ seen }) => seen().includes("EUR"))).toEqual(relays.map(() => false));
}

/** The chat nodes are listed where they take links, and nowhere else in their zone. */
async function truthIsBack(stage: ClusterStage): Promise<void> {
  const { cluster } = stage;
  const links = async (): Promise<string[]> =>
    (await read(stage, "chat"))
      .filter(({ zone }) => zone === "zone01")
      .map(({ metadata }) => metadata["link"] ?? "")
      .toSorted();
  const right = cluster
    .names("chat")
    .map((name) => cluster.linkAddress(name))
    .toSorted();
  await until(async () => JSON.stringify(await links()) === JSON.stringify(right), "the true entries are back");
}

/** All but the second gateway run. */
async function startAllButOne(stage: ClusterStage): Promise<void> {
  const { cluster } = stage;
  const first = cluster.names().filter((name) => name !== "gateway-2");
  await Promise.all(first.map((name) => cluster.start(name)));
  await cluster.ready();
}

async function startTheOther({ cluster }: ClusterStage): Promise<void> {
  await cluster.start("gateway-2");
  await until(() => cluster.isReady("gateway-2"), "the next gateway is ready");
}

describe("a stranger who lists the chat nodes at the addresses of relays", () => {
  test.each(Object.entries(forgeries))(
    "%s reads and changes nothing of what the next gateway's clients say",
    async (_, forge) => {
      const stage = await prepare();
      await startAllButOne(stage);
      const relays: Relay[] = [];
      for (const entry of await read(stage, "chat")) {
        const relay = await relayTo(entry.metadata["link"] ?? "");
        relays.push(relay);
        await write(stage, forge(entry, relay.address));
      }
      expect(relays.length).toBe(2);
      await startTheOther(stage);
      await pay(stage, relays);
      // The nodes have noticed, and are listed as they are again.
      await truthIsBack(stage);
    },
    60_000,
  );

  test("by copies of entries made before, at ports that are free now, reads and changes nothing either", async () => {
    const stage = await prepare();
    const { cluster } = stage;
    await startAllButOne(stage);
    const before = await read(stage, "chat");
    const relays: Relay[] = [];
    for (const entry of before) {
      await cluster.end(entry.hostname, "SIGTERM");
      await cluster.start(entry.hostname);
      await until(() => cluster.isReady(entry.hostname), `${entry.hostname} is back`);
      relays.push(await relayTo(cluster.linkAddress(entry.hostname), portOf(entry.metadata["link"])));
    }
    for (const entry of before) await write(stage, entry);
    await startTheOther(stage);
    await pay(stage, relays);
    await truthIsBack(stage);
  }, 60_000);

  test("of a registry with a key, whose token has been overheard, reads and changes nothing either", async () => {
    const stage = await ClusterStage.prepare({ gateways: 2, chats: 2 });
    ends.push(() => stage.close());
    await startAllButOne(stage);
    const token = registryToken(stage.clusterKey);
    const relays: Relay[] = [];
    for (const entry of await read(stage, "chat")) {
      const relay = await relayTo(entry.metadata["link"] ?? "");
      relays.push(relay);
      // Entries without a proof may be of the former release there, but not beside those that have one.
      const forged = { ...entry, metadata: { ...entry.metadata, link: relay.address, proof: "" } };
      await write(stage, { ...forged, zone: "zone02", addrs: `tcp://${relay.address}` }, token);
    }
    await startTheOther(stage);
    await pay(stage, relays);
  }, 60_000);
});

test("a stranger's gateway keeps no node from becoming ready, and is named on /health", async () => {
  const stage = await prepare();
  const { cluster } = stage;
  await cluster.start("discovery-1");
  for (const appid of ["wgateway", "tgateway"])
    await write(stage, {
      appid,
      hostname: "evil",
      zone: "zone01",
      addrs: "ws://evil.example",
      metadata: { link: "127.0.0.1:1", state: "adult" },
    });
  const others = cluster.names().filter((name) => name !== "discovery-1");
  await Promise.all(others.map((name) => cluster.start(name)));
  await cluster.ready();
  for (const name of [...cluster.names("login"), ...cluster.names("chat")]) {
    expect(cluster.process(name)?.log).not.toContain("not every gateway has linked itself");
    expect(await (await fetch(`${cluster.monitor(name)}/health`)).json()).toMatchObject({ leftOut: "evil" });
    expect(cluster.process(name)?.log).toContain("instances are ignored");
  }
}, 60_000);

describe("without --insecure", () => {
  test("no member starts at a registry that has no key, and each says what to do", async () => {
    const stage = await prepare({});
    const { cluster } = stage;
    await cluster.start("discovery-1");
    for (const name of ["login-1", "chat-1", "gateway-1"]) {
      const { status, err } = await run(cluster.words(name), stage.folder);
      expect([name, status]).toEqual([name, 1]);
      expect(err).toContain(`roost: ${registryOf(stage)}: this node of the registry accepts writes without a key`);
      expect(err).toContain("start it with the --cluster-key-file of the cluster, or this process with --insecure");
    }
    expect(await read(stage, "chat")).toEqual([]);
  }, 60_000);

  test("a member that found no registry at its start waits for one with a key, and uses none without", async () => {
    const stage = await prepare({});
    const { cluster } = stage;
    await cluster.start("login-1");
    await cluster.start("discovery-1");
    const unregistered = async (): Promise<string> =>
      String(at(await (await fetch(`${cluster.monitor("login-1")}/health`)).json(), "unregistered"));
    await until(async () => (await unregistered()).includes("accepts writes without a key"), "the member says why");
    expect(await read(stage, "login")).toEqual([]);
    expect(await cluster.isReady("login-1")).toBe(false);
  }, 60_000);

  test("a cluster whose registry comes back without its key goes on, and says so until the key is back", async () => {
    const stage = await ClusterStage.start();
    ends.push(() => stage.close());
    const { cluster } = stage;
    const alice = await stage.wire("alice");
    const bob = await stage.wire("bob");
    const open = async (): Promise<unknown> =>
      at(await (await fetch(`${cluster.monitor("gateway-1")}/health`)).json(), "registryOpen");
    await cluster.end("discovery-1", "SIGTERM");
    const address = registryOf(stage).slice("http://".length);
    const keyless = await DiscoveryProcess.start(stage.folder, ["--listen", address]);
    ends.push(() => keyless.end("SIGKILL"));
    await until(async () => String(await open()).includes("accepts writes without a key"), "the gateway says so");
    expect(await cluster.isReady("gateway-1")).toBe(true);
    expect(await read(stage, "chat")).toEqual([]);
    await talk(alice, "bob", "we go on");
    await bob.pushed(Command.UserTalk, MessagePushSchema);
    await keyless.end("SIGTERM");
    await cluster.start("discovery-1");
    await until(async () => (await open()) === undefined, "all is well again");
    await until(async () => (await read(stage, "chat")).length === 1, "the members are listed again");
  }, 90_000);

  test("a chat node with another key of its own is refused by the registry, as before", async () => {
    const stage = await ClusterStage.start();
    ends.push(() => stage.close());
    const path = stage.path("other-key");
    writeFileSync(path, randomBytes(32).toString("base64url"), { mode: 0o600 });
    const words = stage.cluster.words("login-1", {
      "--cluster-key-file": path,
      "--id": "other",
      "--sessions": `sqlite:${stage.path("other.db")}`,
    });
    const other = await MemberProcess.start(stage.folder, words);
    ends.push(() => other.end("SIGKILL"));
    await until(() => other.log.includes("the registry refuses this process"), "it says so");
  }, 60_000);
});
