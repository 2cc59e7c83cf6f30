// Every scenario works, in little, on a real server: what was sent was answered and came, and every line has its keys.

import { expect, test } from "bun:test";
import { runBench } from "./command.ts";
import { isSound, msMax, trial } from "./sound-run.ts";

test.each(["tcp", "ws"])(
  "talk over %s: a closed and an open loop, and the closed one's share of the bare server",
  async (transport) => {
    const [closed, open] = await trial("talk", "--transport", transport);
    for (const result of [closed, open]) {
      expect(result).toMatchObject({ transport, topology: "standalone", store: "sqlite", duplicated: 0, reordered: 0 });
      expect(result?.["answered"]).toBe(result?.["sent"] ?? -1);
      expect(result?.["delivered"]).toBe(result?.["sent"] ?? -1);
    }
    expect(closed).toMatchObject({ scenario: "talk", window: 2, rate: null, connections: 8 });
    expect(closed?.["share_of_bare"]).toBeGreaterThan(0);
    expect(open).toMatchObject({ scenario: "talk-open", window: null, share_of_bare: null });
    expect(open?.["rate"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "echo: the same requests, over both transports",
  async () => {
    const results = await trial("echo");
    expect(results.map(({ transport }) => transport ?? null)).toEqual(["tcp", "ws"]);
    for (const result of results) expect(result).toMatchObject({ topology: "echo", delivered: null, valid: true });
  },
  msMax,
);

test(
  "login: everybody who came was let in",
  async () => {
    const results = await trial("login");
    for (const result of results) expect(result).toMatchObject({ sent: 20, answered: 20, connections: 20, window: 2 });
  },
  msMax,
);

test(
  "offline: what was answered is in the receivers' indexes",
  async () => {
    const [result] = await trial("offline");
    expect(result?.["delivered"]).toBe(result?.["sent"] ?? -1);
    expect(result).toMatchObject({ connections: 4, duplicated: 0, reordered: 0 });
  },
  msMax,
);

test(
  "group: every online member gets every talk but its own",
  async () => {
    const [result] = await trial("group");
    expect(result).toMatchObject({ members: 10, online: 5, senders: 4, duplicated: 0, reordered: 0 });
    expect(result?.["delivered"]).toBe(4 * Number(result?.["sent"]));
  },
  msMax,
);

test(
  "broadcast: every member gets every talk of the one who talks",
  async () => {
    const [result] = await trial("broadcast", "--transport", "tcp");
    expect(result).toMatchObject({ online: 20, senders: 1, duplicated: 0, reordered: 0 });
    expect(result?.["delivered"]).toBe(19 * Number(result?.["sent"]));
  },
  msMax,
);

test(
  "startup: a time for a start",
  async () => {
    const [result] = await trial("startup");
    expect(result?.["p50_ms"]).toBeGreaterThan(0);
  },
  msMax,
);

test(
  "presence: watchers hold what is true in the end",
  async () => {
    const [result] = await trial("presence");
    expect(result).toMatchObject({ scenario: "presence", watchers: 20, watched: 10, repeated: 0, wrong: 0 });
  },
  msMax,
);

test(
  "large-group: each kind of request over the wire, and in the writer",
  async () => {
    const results = await trial("large-group", "--members", "3000");
    const operations = (name: string): unknown[] =>
      results
        .filter(({ scenario, skipped }) => scenario === name && skipped === undefined)
        .map(({ operation }) => operation);
    const changes = ["create", "add", "join", "role", "talk", "remove", "dismiss", "tidy"];
    expect(operations("large-group-writer")).toEqual(changes);
    expect(new Set(operations("large-group"))).toEqual(
      new Set([...changes.filter((change) => change !== "tidy"), "members", "talk, the first"]),
    );
  },
  msMax,
);

test(
  "guards: talks to receivers of each kind are answered",
  async () => {
    const results = await trial("guards");
    expect(results.map(({ guards }) => guards)).toEqual(["none", "blocks", "consent"]);
    for (const { sent, answered } of results) expect(answered).toBe(sent ?? -1);
  },
  msMax,
);

test(
  "api: what was answered is in the receivers' indexes",
  async () => {
    const results = await trial("api");
    expect(results.map(({ scenario, accounts }) => [scenario, accounts])).toEqual([
      ["api", 1],
      ["api-open", 1],
      ["api", 10],
    ]);
    for (const { answered, delivered, accounts } of results)
      expect(delivered).toBe(Number(answered) * Number(accounts));
  },
  msMax,
);

test(
  "import: what was answered is in the receivers' indexes",
  async () => {
    const [pages, file] = await trial("import");
    expect(pages?.["delivered"]).toBe(1_000 * Number(pages?.["answered"]));
    expect(file).toMatchObject({ scenario: "import-file", delivered: file?.["records"] });
  },
  msMax,
);

test(
  "hooks: every message is told once",
  async () => {
    const [told, turns, ofAll, turnsOfAll] = await trial("hooks");
    expect(told).toMatchObject({ scenario: "hooks", repeated: 0 });
    expect(turns?.scenario).toBe("hooks-turns");
    expect(turns?.["turns"]).toBeGreaterThan(0);
    expect(ofAll).toMatchObject({ scenario: "hooks-saturated", repeated: 0 });
    expect(turnsOfAll?.scenario).toBe("hooks-saturated-turns");
    expect(turnsOfAll?.["rate_against_none"]).toBeGreaterThan(0);
  },
  msMax,
);

test.each([
  ["history", ["history", "history-cold"]],
  ["conversations", ["conversations", "conversations", "conversations-sign-in"]],
])(
  "%s: right answers of each part on a filled store",
  async (name, parts) => {
    const results = await trial(name);
    expect(results.map(({ scenario }) => scenario)).toEqual(parts);
    for (const result of results) expect(result).toMatchObject({ rows: 3_000, topology: "standalone" });
  },
  msMax,
);

test(
  "scenarios of one run share a store, which is filled once",
  async () => {
    const { said, ...run } = await runBench("--trial", "--scenario", "sync,history", "--rows", "1000");
    expect(said).toMatch(/^bench: 2 scenarios in \d+ s\n$/);
    const results = isSound({ ...run, said: "" });
    const filled = results.filter(({ rows }) => rows !== undefined);
    expect(filled.map(({ scenario }) => scenario)).toEqual(["sync", "history", "history-cold"]);
    expect(new Set(filled.map((result) => result["fill_seconds"])).size).toBe(1);
  },
  msMax,
);
