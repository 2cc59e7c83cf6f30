// The scenarios that take long work, in little, on real servers: what was sent was answered and came, and every line
// has its keys.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { attacks } from "../../bench/hostile/attacks.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { runBench, startBench } from "./command.ts";
import { msMax, isPositive, isSound, trial } from "./sound-run.ts";

test(
  "sync: all messages that waited come, each time",
  async () => {
    const [small, large] = await trial("sync", "--rows", "2000");
    for (const result of [small, large]) {
      expect(result).toMatchObject({ messages: 300, connections: 1 });
      expect(result?.["delivered"]).toBe(300 * Number(result?.["answered"]));
    }
    expect(large).toMatchObject({ rows: 2_000 });
    expect(large?.["ready_ms"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "gateway: a stub answers over the link, and the gateway is what counts",
  async () => {
    const [whole, ...nodes] = await trial("gateway");
    expect(whole).toMatchObject({ topology: "gateway", store: "none", connections: 20, window: 2 });
    expect(whole?.["answered"]).toBe(whole?.["sent"] ?? -1);
    expect(whole?.["share_of_bare"]).toBeGreaterThan(0);
    expect(nodes.map(({ node }) => node ?? null)).toEqual(["gateway-1", "login-1", "discovery-1", "stub"]);
  },
  msMax,
);

test(
  "registry and registry-dns: changes reach every watcher, and queries are answered",
  async () => {
    const [same, other] = await trial("registry");
    expect(same).toMatchObject({ node: "same", topology: "discovery" });
    expect(other?.["answered"]).toBe(2 * Number(same?.["answered"]));
    const [plain, mixed] = await trial("registry-dns");
    expect([plain?.scenario, mixed?.scenario]).toEqual(["registry-dns", "registry-dns-mixed"]);
  },
  msMax,
);

test(
  "registry-renewals and registry-fanout: no renewal fails, and every watcher has the whole list",
  async () => {
    const nodes = await trial("registry-renewals");
    expect(nodes.map(({ node }) => node ?? null)).toEqual(["1", "2", "3"]);
    const [fanout] = await trial("registry-fanout");
    expect(fanout?.["settled_ms"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "failover: nobody loses a message when a chat node is killed",
  async () => {
    const [result] = await trial("failover");
    expect(result).toMatchObject({ kills: 1, lost: 0, duplicated: 0 });
    expect(result?.["affected"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "returns: everybody whose gateway dies comes back, is not refused, and is heard",
  async () => {
    const [result] = await trial("returns");
    expect(result).toMatchObject({ connections: 20, sent: 20, delivered: 20, lost: 0, refused: 0 });
    expect(result?.["tries"]).toBeGreaterThanOrEqual(20);
  },
  msMax,
);

test(
  "hostile: each attack is made, and a line for all says how many did harm",
  async () => {
    const run = await runBench("--trial", "--scenario", "hostile");
    const results = isSound(run);
    expect(results.map((result) => result["attack"] ?? null)).toEqual([...attacks.map(({ name }) => name), "all"]);
    for (const result of results.slice(0, -1)) {
      const { doubt, sent, quiet_p99_ms: quietMs, rss_before_mb: memory } = result;
      const faults = [
        doubt === undefined ? [] : [String(doubt)],
        [sent, quietMs, memory].every(isPositive) ? [] : ["nothing was measured"],
        [result["latency_kept"], result["memory_kept"]].every((kept) => typeof kept === "boolean")
          ? []
          : ["no verdict"],
      ].flat();
      expect({ faults, result }).toEqual({ faults: [], result });
    }
    expect(results.at(-1)).toMatchObject({ attacks: attacks.length, valid: true });
    expect(run.status).toBe(0);
  },
  2 * msMax,
);

test(
  "postgres: a server of the bench's own stores talks, or the bench says why not",
  async () => {
    const [whole, ...nodes] = await trial("postgres");
    if (hasPostgres) {
      expect(whole).toMatchObject({ scenario: "postgres", topology: "processes", store: "postgres", lost: 0 });
      expect(whole?.["delivered"]).toBe(whole?.["sent"] ?? -1);
      expect(nodes.map(({ node }) => node ?? null)).toEqual(["gateway-1", "chat-1", "login-1", "discovery-1"]);
    } else expect(whole).toMatchObject({ skipped: "PostgreSQL is not installed", sent: null, per_second: null });
  },
  msMax,
);

test(
  "receipts: every move is answered, and the cursors are where the last ones have put them, on both engines",
  async () => {
    const results = await trial("receipts", "--rows", "1000");
    const [sqlite, postgres, ...nodes] = results;
    expect(sqlite).toMatchObject({ topology: "standalone", store: "sqlite", rows: 1_000 });
    if (hasPostgres) {
      expect(postgres).toMatchObject({ topology: "processes", store: "postgres", rows: 10 });
      expect(nodes.map(({ node }) => node ?? null)).toEqual(["gateway-1", "chat-1", "login-1", "discovery-1"]);
    } else expect(postgres).toMatchObject({ skipped: "PostgreSQL is not installed", sent: null });
    for (const result of [sqlite, ...(hasPostgres ? [postgres] : [])])
      expect(result?.["answered"]).toBe(result?.["sent"] ?? -1);
  },
  msMax,
);

test(
  "recalls: no answer that was asked for after the Success shows the text",
  async () => {
    const [result] = await trial("recalls");
    if (hasPostgres) {
      expect(result).toMatchObject({ topology: "processes", store: "postgres", stale: 0 });
      expect(result?.["asked"]).toBe(4 * Number(result?.["recalls"]));
    } else expect(result).toMatchObject({ skipped: "PostgreSQL is not installed" });
  },
  msMax,
);

test(
  "the last thing for a person is what was reached",
  async () => {
    const bench = startBench("--scenario", "startup");
    const lines = (await new Response(bench.stdout).text()).trimEnd().split("\n");
    expect(await bench.exited).toBe(0);
    expect(lines[0]).toMatch(/^startup: /);
    expect(lines.at(-3)).toMatch(/^\| what +\| figure /);
    expect(lines.at(-1)).toMatch(/^\| from exec to ready, .* \| (yes|at least|missed) +\| startup +\|$/);
  },
  msMax,
);

test(
  "talk by one sender, which exceeds the initial limits of a connection",
  async () => {
    const words = ["--scenario", "talk", "--transport", "tcp", "--senders", "1", "--seconds", "3"];
    const [open] = isSound(await runBench(...words, "--rate", "6000"));
    expect(open?.["answered"]).toBe(open?.["sent"] ?? -1);
  },
  msMax,
);

test(
  "slow: others get all of theirs while one client does not read",
  async () => {
    const [result] = await trial("slow", "--rate", "200");
    expect(result?.["delivered"]).toBe(result?.["sent"] ?? -1);
    expect(result?.["stalled_sent"]).toBeGreaterThan(0);
    expect(result?.["calm_p99_ms"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "idle: memory and CPU of connections that say nothing",
  async () => {
    const results = await trial("idle");
    for (const result of results) {
      expect(result["server_rss_mb"]).toBeGreaterThan(0);
      expect(result["cpu_ms_per_minute"]).toBeGreaterThanOrEqual(0);
    }
  },
  msMax,
);

test.each([
  ["tls", "tcp"],
  ["wss", "ws"],
])(
  "tls over %s: handshakes, sign-ins, talks and idle connections, the last two beside %s",
  async (secure, plain) => {
    const results = await trial("tls", "--transport", secure);
    expect(results.map(({ scenario, transport }) => `${scenario} ${transport}`)).toEqual([
      ...[`tls-handshake ${secure}`, `tls-login ${secure}`, `tls-talk ${plain}`, `tls-talk ${secure}`],
      ...[`tls-idle ${plain}`, `tls-idle ${secure}`],
    ]);
    const [handshake, login, , talk, , idle] = results;
    for (const result of [handshake, login, talk]) {
      expect(result?.["answered"]).toBe(result?.["sent"] ?? -1);
      expect(result?.["per_second"]).toBeGreaterThan(0);
    }
    expect(handshake?.["cpu_us_per_handshake"]).toBeGreaterThanOrEqual(0);
    expect(talk?.["share_of_plain"]).toBeGreaterThan(0);
    expect(typeof idle?.["bytes_more_than_plain"]).toBe("number");
  },
  msMax,
);

test(
  "talk on a cluster of processes: a line for the whole, and one for each process",
  async () => {
    const results = await trial("talk", "--topology", "processes", "--transport", "ws", "--rate", "100");
    expect(results[0]).toMatchObject({ scenario: "talk-open", topology: "processes", transport: "ws", rate: 100 });
    expect(results.slice(1).map(({ node }) => node ?? null)).toEqual(["gateway-1", "chat-1", "login-1", "discovery-1"]);
  },
  msMax,
);

test(
  "a running server is measured by its URL, secret and app, without figures of its processes",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-bench-test-"));
    const server = await ServerProcess.start(folder);
    try {
      const secret = readFileSync(join(folder, "data", "secret"), "utf8").trim();
      for (const url of [server.tcp, server.ws]) {
        const results = await trial("talk", "--url", url, "--secret", secret, "--app", "another");
        for (const result of results) {
          expect(result).toMatchObject({ topology: "external", store: "unknown", server_cpu: null, lost: 0 });
          expect(result["delivered"]).toBe(result["sent"] ?? -1);
        }
      }
    } finally {
      await server.end("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  },
  msMax,
);
