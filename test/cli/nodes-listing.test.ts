// What `roost nodes` shows of an instance's state.

import { expect, test } from "bun:test";
import { withProof } from "../../src/auth/instance-proof.ts";
import { type ListingFacts, changeKeyOf, rowsOf, tableOf } from "../../src/cli/nodes/listing.ts";
import { askMonitors, factsIn } from "../../src/cli/nodes/monitors.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { metadataOfGone } from "../../src/registry/lookup/gone-gateways.ts";
import { instanceOf } from "../registry/dns/fake-directory.ts";

const key = new TextEncoder().encode("the key of this cluster");

function member(appid: string, hostname: string, isProven: boolean, env = "prod"): Instance {
  const metadata = new Map([["state", "adult"]]);
  const proven = withProof({ env, zone: "z1", service: appid, id: hostname, addrs: [], metadata }, [key]);
  return instanceOf({ env, appid, hostname, metadata: isProven ? proven : metadata });
}

const nothingElse: ListingFacts = { lost: new Set(), renewals: new Map(), stale: new Set(), members: new Map() };

const states = (...instances: readonly Instance[]): Record<string, string> =>
  Object.fromEntries(rowsOf(instances, nothingElse, 0n).map(({ id, state }) => [id, state]));

test("members without a proof are marked where others of their environment carry one", () => {
  expect(
    states(
      member("chat", "c1", true),
      member("chat", "c2", false),
      member("login", "l1", false),
      instanceOf({ appid: "tgateway", hostname: "g1" }),
      member("shop", "s1", false),
      member("chat", "elsewhere", false, "dev"),
    ),
  ).toEqual({
    c1: "up (ready)",
    c2: "up (ready, no proof)",
    l1: "up (ready, no proof)",
    g1: "up (no proof)",
    s1: "up (ready)",
    elsewhere: "up (ready)",
  });
});

test("nobody is marked where nobody carries a proof", () => {
  expect(states(member("chat", "c1", false), instanceOf({ appid: "login", hostname: "l1" }))).toEqual({
    c1: "up (ready)",
    l1: "up",
  });
});

const withMonitor = (appid: string, hostname: string, monitor: string): Instance =>
  instanceOf({ appid, hostname, version: "1.2.3", metadata: new Map([["monitor", monitor]]) });

test("load, clients, monitor, version and the last renewal are shown as far as they are known", () => {
  const chat = withMonitor("chat", "c1", "10.0.0.1:9000");
  const gateway = withMonitor("wgateway", "g1", "10.0.0.2:9000");
  const rows = rowsOf(
    [chat, gateway, instanceOf({ appid: "shop", hostname: "s1" })],
    {
      lost: new Set(),
      renewals: new Map([[chat, 90_000_000_000n]]),
      stale: new Set(),
      members: new Map([
        ["10.0.0.1:9000", { load: 7, connections: undefined, gone: [] }],
        ["10.0.0.2:9000", { load: undefined, connections: 12_345, gone: ["c1"] }],
      ]),
    },
    100_000_000_000n,
  );
  expect(
    rows.map(({ id, load, clients, monitor, renewed, state }) => [id, load, clients, monitor, renewed, state]),
  ).toEqual([
    ["c1", "7", "-", "10.0.0.1:9000", "10s", "up (gone)"],
    ["s1", "-", "-", "-", "-", "up"],
    ["g1", "-", "12,345", "10.0.0.2:9000", "-", "up"],
  ]);
  expect(rows[0]?.version).toBe("1.2.3");
  // What changes all the time is no news.
  const later = rows.map((row) => ({ ...row, load: "8", clients: "1", renewed: "1s", age: "2d" }));
  expect(changeKeyOf(later)).toBe(changeKeyOf(rows));
  expect(changeKeyOf(rows.map((row) => ({ ...row, state: "up" })))).not.toBe(changeKeyOf(rows));
});

test("gateways whose links to a chat or login node have broken are gone, in the environment of that node", () => {
  const metadata = new Map(metadataOfGone(["g1", "g2"]));
  const gateways = ["g1", "g2", "g3"].map((hostname) => instanceOf({ appid: "wgateway", hostname }));
  const elsewhere = instanceOf({ appid: "tgateway", hostname: "g1", env: "dev" });
  const rows = states(...gateways, instanceOf({ appid: "chat", hostname: "c1", metadata }));
  expect(rows).toMatchObject({ g1: "up (gone)", g2: "up (gone)", g3: "up" });
  expect(states(elsewhere, instanceOf({ appid: "chat", hostname: "c1", metadata }))["g1"]).toBe("up");
  // What strangers register says nothing of the cluster.
  expect(states(...gateways, instanceOf({ appid: "shop", hostname: "s1", metadata }))["g1"]).toBe("up");
});

test("no row is padded to a monster, and rows are made as they are asked for", () => {
  const monster = instanceOf({ appid: "shop", hostname: "h".repeat(60_000) });
  const many = Array.from({ length: 20_000 }, (_, at) => instanceOf({ appid: "shop", hostname: `s${at}` }));
  const rows = rowsOf([monster, ...many], nothingElse, 0n);
  const lines = tableOf(rows);
  expect(lines.next().value).toStartWith("SERVICE  ID ");
  let longest = 0;
  for (const line of lines) if (!line.includes("hhh")) longest = Math.max(longest, line.length);
  expect(longest).toBeLessThan(250);
});

test("monitors are asked once each; who answers nothing, or rubbish, or is no address, says nothing", async () => {
  let asked = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      asked++;
      return Response.json({ ready: false, connections: 3 }, { status: 503 });
    },
  });
  const rubbish = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("x".repeat(100_000)) });
  const at = ({ port }: { port: number | undefined }): string => `127.0.0.1:${port}`;
  try {
    const facts = await askMonitors([
      withMonitor("wgateway", "g1", at(server)),
      withMonitor("tgateway", "g1", at(server)),
      withMonitor("chat", "c1", at(rubbish)),
      withMonitor("chat", "c2", "127.0.0.1:1"),
      withMonitor("chat", "c3", `${at(server)}/../elsewhere?`),
    ]);
    expect([...facts]).toEqual([[at(server), { load: undefined, connections: 3, gone: [] }]]);
    expect(asked).toBe(1);
  } finally {
    await server.stop(true);
    await rubbish.stop(true);
  }
});

test("an answer of another make is taken for what it says, and no more", () => {
  for (const answer of [null, 7, "text"]) expect(factsIn(answer)).toBeUndefined();
  expect(factsIn({ load: -1, connections: "many", gone: 7 })).toEqual({
    load: undefined,
    connections: undefined,
    gone: [],
  });
});

test("an instance that has fallen silent is marked, of whatever service, and that is news", () => {
  const [chat, shop] = [member("chat", "c1", false), instanceOf({ appid: "shop", hostname: "s1" })];
  const rows = rowsOf([chat, shop], { ...nothingElse, stale: new Set([chat, shop]) }, 0n);
  expect(rows.map(({ state }) => state)).toEqual(["up (ready, stale)", "up (stale)"]);
  expect(changeKeyOf(rows)).not.toBe(changeKeyOf(rowsOf([chat, shop], nothingElse, 0n)));
});
