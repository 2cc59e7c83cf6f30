// Several gateways: sharing ports, being found by clients, and choosing nodes by a route file that may change.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zoneFor } from "../../src/routing/selectors/route.ts";
import { parseRouteFile } from "../../src/routing/selectors/route-file.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Command } from "../../src/wire/commands.ts";
import { anyPorts, ClusterStage } from "../support/cluster-stage.ts";
import { readIndex } from "../support/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { MemberProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage | undefined;
let folder: string | undefined;
const clients: RoostClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await stage?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  stage = folder = undefined;
});

test("gateways that share ports share the clients; when one leaves, the library finds the other", async () => {
  const running = (stage = await ClusterStage.start({ gateways: 2 }, { sharesPorts: true }));
  const { cluster } = running;
  const random = new Random(testSeed("who speaks"));
  const heard: string[] = [];
  let leavings = 0;
  const names = Array.from({ length: 40 }, (_, at) => `person${at}`);
  for (const [at, name] of names.entries()) {
    const { ws, tcp } = cluster.gateways[0] ?? { ws: "", tcp: "" };
    const client = await RoostClient.connect({
      url: at % 2 === 0 ? `ws://${ws}` : `tcp://${tcp}`,
      token: () => cluster.token(name),
      talkTriesMax: 20,
      on: {
        message: ({ body }) => void heard.push(body),
        offline: ({ reason }) => void (leavings += reason.code === 1012 ? 1 : 0),
      },
      // Nobody comes back later than a second after it was sent away.
      environment: { random: () => random.below(1_000) / 5_000 },
    });
    clients.push(client);
  }
  const counts = (): Promise<number[]> =>
    Promise.all(cluster.names("gateway").map((name) => running.count(name, "roost_channels")));
  const [first = 0, second = 0] = await counts();
  expect(first + second).toBe(names.length);
  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(0);
  const said: string[] = [];
  const talks = { areOver: false };
  const talking = clients.map(async (client) => {
    for (let number = 0; !talks.areOver; number++) {
      const body = `${client.account} ${number}`;
      const others = names.filter((name) => name !== client.account);
      await client.talkToUser(others[random.below(others.length)] ?? "", { body });
      said.push(body);
      await Bun.sleep(50 + random.below(50));
    }
  });
  await until(() => said.length > names.length, "the talk is in full swing");
  expect(await cluster.end("gateway-1", "SIGTERM")).toBe(0);
  await until(
    async () => (await running.count("gateway-2", "roost_channels")) === names.length,
    "all are with the other one",
  );
  talks.areOver = true;
  await Promise.all(talking);
  await until(() => heard.length >= said.length, "everything was heard");
  expect(heard.toSorted()).toEqual(said.toSorted());
  // Nobody was sent to the gateway that leaves once more.
  expect(leavings).toBe(first);
}, 60_000);

test("a registry node tells clients the public URLs of the gateways near them", async () => {
  folder = mkdtempSync(join(tmpdir(), "roost-lookup-"));
  const rules = {
    regions: [{ id: "here", cidrs: ["127.0.0.0/8"], idcs: [{ id: "fra", weight: 1 }] }],
    default: "here",
  };
  writeFileSync(join(folder, "regions.json"), JSON.stringify(rules));
  const words = { discovery: ["--lookup", join(folder, "regions.json")], gateway: ["--tags", "IDC=fra"] };
  const running = (stage = await ClusterStage.start({}, { words }));
  const { cluster } = running;
  const others = { "--id": "gateway-far", "--tags": "IDC=syd", ...anyPorts };
  const abroad = cluster.words("gateway-1", others);
  const far = await MemberProcess.start(running.folder, [...abroad, "--public-url", "wss://syd.example.org"]);
  try {
    const lookup = async (): Promise<unknown> => (await fetch(`${cluster.registry[0]}/api/lookup/some-token`)).json();
    const { ws, tcp } = cluster.gateways[0] ?? { ws: "", tcp: "" };
    const near = [`ws://${ws}`, `tcp://${tcp}`].toSorted();
    await until(
      async () => (await (await fetch(`${far.monitor}/health`)).text()).includes('"ready":true'),
      "it is listed",
    );
    const domainsOf = (found: unknown): string[] =>
      typeof found === "object" && found !== null && "domains" in found && Array.isArray(found.domains)
        ? found.domains.map(String).toSorted()
        : [];
    const answer = await lookup();
    expect(domainsOf(answer)).toEqual(near);
    expect(answer).toMatchObject({ location: "here" });
    // A page asks for what it can use, and reads the answer.
    const asked = await fetch(`${cluster.registry[0]}/api/lookup/t?scheme=ws`, {
      headers: { origin: "https://app.example" },
    });
    expect(asked.headers.get("access-control-allow-origin")).toBe("*");
    expect(domainsOf(await asked.json())).toEqual([`ws://${ws}`]);
    // The near one leaves: a distant gateway is better than none.
    expect(await cluster.end("gateway-1", "SIGTERM")).toBe(0);
    await until(
      async () => Bun.deepEquals(domainsOf(await lookup()), ["wss://syd.example.org"]),
      "the far one is told",
    );
    await far.end("SIGTERM");
    await until(async () => (await fetch(`${cluster.registry[0]}/api/lookup/t`)).status === 503, "there is none");
  } finally {
    await far.end("SIGKILL");
  }
}, 60_000);

test("a killed gateway is not announced while its lease runs, and its clients find another one", async () => {
  const { cluster } = (stage = await ClusterStage.start({ gateways: 2 }));
  const [one = "", other = ""] = cluster.gateways.map(({ ws }) => `ws://${ws}`);
  const lookup = cluster.registry[0] ?? "";
  const told = async (): Promise<string> => (await fetch(`${lookup}/api/lookup/t?scheme=ws`)).text();
  await until(async () => (await told()).includes(one) && (await told()).includes(other), "both are told");
  let returns = 0;
  for (let at = 0; at < 8; at++) {
    const on = { online: () => void returns++ };
    clients.push(await RoostClient.connect({ lookup, token: () => cluster.token(`person${at}`), on }));
  }
  await cluster.end("gateway-1", "SIGKILL");
  // A lease ends after 90 s.
  await until(async () => !(await told()).includes(one), "the dead one is left out");
  expect(await told()).toContain(other);
  expect(await (await fetch(`${lookup}/discovery/fetch?env=dev&appid=wgateway&status=1`)).text()).toContain(
    "gateway-1",
  );
  await until(() => clients.every((client) => client.isOnline), "all are back");
  for (const client of clients) await client.talkToUser("person0", { body: "still here" });
  expect(returns).toBeGreaterThan(clients.length);
}, 60_000);

test("the weight of a node, and of a zone, decides on who serves", async () => {
  const words = {
    gateway: ["--selector", "weighted", "--zone-weights", "a=1,b=0"],
    chat: ["--zone", "a", "--weight", "7"],
  };
  const running = (stage = await ClusterStage.start({}, { words }));
  const { cluster } = running;
  const others: MemberProcess[] = [];
  try {
    for (const [id, change] of Object.entries({ "chat-0": { "--weight": "0" }, "chat-b": { "--zone": "b" } }))
      others.push(await MemberProcess.start(running.folder, cluster.words("chat-1", { "--id": id, ...change })));
    const health = async (): Promise<string> => (await fetch(`${cluster.monitor("gateway-1")}/health`)).text();
    await until(async () => (await health()).includes('"nodes":4'), "the gateway is linked to all");
    for (const { monitor } of others) {
      const isReady = async (): Promise<boolean> =>
        (await (await fetch(`${monitor}/health`)).text()).includes('"selectable":true');
      await until(isReady, "it is ready");
    }
    const people = await Promise.all(Array.from({ length: 20 }, (_, at) => running.wire(`person${at}`)));
    for (const person of people) await readIndex(person);
    for (const { monitor } of others)
      expect(/roost_message_in_total\{.*offline\.index/.test(await (await fetch(`${monitor}/metrics`)).text())).toBe(
        false,
      );
    const [registry = ""] = cluster.registry;
    const fetched = await fetch(`${registry}/discovery/fetch?env=dev&appid=chat&status=1`);
    expect((await fetched.text()).match(/"weight":"\d+"/g)?.toSorted()).toEqual([
      '"weight":"0"',
      '"weight":"7"',
      '"weight":"7"',
    ]);
  } finally {
    for (const other of others) await other.end("SIGTERM");
  }
}, 60_000);

/** What a route file says when all apps but `beta` are in one zone. */
const routes = (zone: string, beta: string): string =>
  JSON.stringify({
    routeBy: "app",
    zones: ["a", "b"].map((id) => ({ id, weight: id === zone ? 100 : 0 })),
    whitelist: [{ key: "beta", value: beta }],
  });

test("a route file decides on the zone; SIGHUP reads it again, and a bad one leaves the old rules", async () => {
  folder = mkdtempSync(join(tmpdir(), "roost-routes-"));
  const path = join(folder, "routes.json");
  writeFileSync(path, routes("a", "b"));
  const words = { gateway: ["--selector", "route", "--route", path], chat: ["--zone", "a"] };
  const running = (stage = await ClusterStage.start({}, { words }));
  const { cluster } = running;
  const other = cluster.words("chat-1", { "--id": "chat-b", "--zone": "b" });
  const chatB = await MemberProcess.start(running.folder, other);
  try {
    const people = await Promise.all(Array.from({ length: 5 }, (_, at) => running.wire(`person${at}`)));
    const health = async (): Promise<string> => (await fetch(`${cluster.monitor("gateway-1")}/health`)).text();
    await until(async () => (await health()).includes('"nodes":3'), "the gateway is linked to both");
    await until(
      async () => (await (await fetch(`${chatB.monitor}/health`)).text()).includes('"selectable":true'),
      "it is ready",
    );
    /** How many of them the node of zone b serves now. */
    const servedByB = async (): Promise<number> => {
      const count = async (): Promise<number> => {
        const text = await (await fetch(`${chatB.monitor}/metrics`)).text();
        const line = text
          .split("\n")
          .find((one) => one.startsWith("roost_message_in_total{") && one.includes(Command.OfflineIndex));
        return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? 0);
      };
      const before = await count();
      for (const person of people) await readIndex(person);
      return (await count()) - before;
    };
    const hup = (file: string, told: RegExp): Promise<void> => {
      writeFileSync(path, file);
      cluster.process("gateway-1")?.signal("SIGHUP");
      return running.says("gateway-1", told);
    };
    expect(zoneFor("app", "person0", parseRouteFile(routes("a", "b"), path))).toBe("a");
    await until(async () => (await servedByB()) === 0, "the rules of the start hold");
    await hup(routes("b", "a"), /the route file was read again/);
    expect(await servedByB()).toBe(people.length);
    await hup('{"zones": []}', /the route file is refused and the old rules stay: .*routes\.json.*zones/);
    expect(await servedByB()).toBe(people.length);
    rmSync(path);
    cluster.process("gateway-1")?.signal("SIGHUP");
    await running.says("gateway-1", /the old rules stay: .*no such file/);
    expect(await servedByB()).toBe(people.length);
  } finally {
    await chatB.end("SIGKILL");
  }
}, 60_000);
