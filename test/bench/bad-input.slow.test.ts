// What cannot be measured ends with a sentence and a status, and never with a figure.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { ended, runBench, startBench } from "./command.ts";
import { FakeServer, type Lie } from "./fake-server.ts";

const msMax = 60_000;
const folder = mkdtempSync(join(tmpdir(), "roost-bench-test-"));
const fakes: FakeServer[] = [];
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start(folder);
});
afterAll(async () => {
  await server.end("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  for (const fake of fakes.splice(0)) fake.stop();
});

async function isRefused(sentence: RegExp, ...words: string[]): Promise<void> {
  const { status, results, said } = await runBench(...words);
  expect(said).toMatch(sentence);
  expect(said.trim().split("\n")).toHaveLength(1);
  expect(results).toEqual([]);
  expect(status).toBe(1);
}

test.each([
  ["an unknown scenario", /^bench: --scenario takes one of startup, echo, login, /, ["--scenario", "tolk"]],
  ["one unknown scenario of two", /^bench: --scenario takes one of startup, echo, /, ["--scenario", "talk,tolk"]],
  ["an unknown attack", /^bench: hostile: --attack takes one of /, ["--scenario", "hostile", "--attack", "rude"]],
  ["an unknown option", /^bench: .*--colour/, ["--colour", "red"]],
  ["a transport that there is not", /--transport takes one of tcp, ws/, ["--transport", "udp"]],
  ["a topology that there is not", /--topology takes one of standalone, processes/, ["--topology", "ring"]],
  ["a cluster with TLS", /needs --topology standalone/, ["--transport", "tls", "--topology", "processes"]],
  ["seconds that are no number", /--seconds takes seconds/, ["--seconds", "soon"]],
  ["a rate that is nothing", /--rate takes a whole number above 0/, ["--rate", "0"]],
  ["a store that there is not", /--store takes sqlite or postgres/, ["--store", "mongodb://x"]],
  ["PostgreSQL in one process", /needs --topology processes/, ["--store", "postgres://x/y"]],
  ["a URL of another protocol", /--url http:\/\/x:1 is not tcp/, ["--url", "http://x:1", "--secret", "s"]],
  ["a URL that is none", /--url nonsense is not tcp/, ["--url", "nonsense", "--secret", "s"]],
  ["a URL without a port", /names no port/, ["--url", "tcp://x", "--secret", "s"]],
  ["a URL without the secret of its server", /--url needs --secret/, ["--url", "tcp://127.0.0.1:1"]],
  ["a secret without a URL", /of the server that --url names/, ["--secret", "s"]],
  [
    "figures of a server that another has started",
    /--write takes the figures of servers that the bench starts/,
    ["--write", "--url", "tcp://127.0.0.1:1", "--secret", "s"],
  ],
  ["one unknown scenario beside another", /^bench: --scenario takes/, ["--scenario", "talk", "--scenario", "tolk"]],
  ["figures of a trial", /--trial gives no figures/, ["--trial", "--write"]],
])("%s is refused", (_, sentence, words) => isRefused(sentence, ...words), msMax);

test(
  "a scenario that starts its own servers takes no URL",
  () =>
    isRefused(/idle starts servers of its own/, "--scenario", "idle", "--url", "tcp://127.0.0.1:1", "--secret", "s"),
  msMax,
);

test(
  "more connections than a process may open are refused before anything starts",
  () => isRefused(/^bench: login: .*ulimit -n/, "--trial", "--scenario", "login", "--connections", "99000000"),
  msMax,
);

test(
  "a server that is not there is named",
  () =>
    isRefused(
      /^bench: talk: cannot connect to tcp:\/\/127\.0\.0\.1:1: /,
      ...["--trial", "--scenario", "talk", "--url", "tcp://127.0.0.1:1", "--secret", "s"],
    ),
  msMax,
);

test.each(["tcp", "ws"] as const)(
  "a sign-in that a server refuses over %s gives no figure",
  (transport) =>
    isRefused(
      /^bench: talk: the sign-in of .* was refused with status 105/,
      ...["--trial", "--scenario", "talk", "--secret", "another secret than the server's"],
      ...["--url", transport === "tcp" ? server.tcp : server.ws],
    ),
  msMax,
);

test(
  "a TCP port is no WebSocket",
  () =>
    isRefused(
      /^bench: talk: /,
      ...["--trial", "--scenario", "talk", "--secret", "sixteen bytes at least"],
      ...["--url", server.tcp.replace("tcp:", "ws:")],
    ),
  msMax,
);

test.each([
  ["dies", "die", /ended the connection in the middle of the run/],
  ["refuses talks", "refuse", /talks were refused/],
  ["invents messages", "invent", /nobody had sent/],
] as const satisfies readonly (readonly [string, Lie, RegExp])[])(
  "a server that %s in the middle of the run gives no figure",
  async (_, lie, sentence) => {
    const fake = new FakeServer(lie);
    fakes.push(fake);
    const { endpoint, secret } = fake.target;
    const url = `tcp://${endpoint.host}:${endpoint.port}`;
    await isRefused(sentence, "--trial", "--scenario", "talk", "--url", url, "--secret", secret);
    expect(fake.talks).toBeGreaterThan(0);
  },
  msMax,
);

/** Processes that another one has started, with their command lines. */
function childrenOf(pid: number): { readonly pid: number; readonly words: string }[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "))
    .filter((text) => text !== "")
    .map((text) => ({ pid: Number(text), words: readFileSync(`/proc/${text}/cmdline`, "utf8") }));
}

test(
  "a server that the bench started itself and that is killed in the middle of the run gives no figure",
  async () => {
    const bench = startBench("--json", "--scenario", "talk", "--transport", "tcp", "--seconds", "50");
    const child = (words: string) => childrenOf(bench.pid).find((one) => one.words.includes(words));
    // The generator is started when the server is ready.
    await until(() => child("generator/main.ts") !== undefined, "the generator runs");
    process.kill(child("--monitor")?.pid ?? NaN, "SIGKILL");
    const { status, results, said } = await ended(bench);
    expect(said).toMatch(/^bench: talk: .*(the server ended|cannot connect)/);
    expect(said.trim().split("\n")).toHaveLength(1);
    expect(results).toEqual([]);
    expect(status).toBe(1);
  },
  msMax,
);

test(
  "figures of a server that doubles are printed, invalid, and the status says so",
  async () => {
    const fake = new FakeServer("double");
    fakes.push(fake);
    const words = ["--trial", "--scenario", "talk", "--url", fake.url, "--secret", fake.target.secret];
    const { status, results } = await runBench(...words);
    expect(results.map(({ valid }) => valid)).toContain(false);
    expect(status).toBe(1);
  },
  msMax,
);
