// Fuzzes the life cycles of connections against real processes: on each listener, connections that are reset before
// they are accepted, cut off in every state, ended in halves, and left waiting, from thousands of addresses of
// loopback; some while the process is frozen, some while it drains. Afterwards every process must live, be ready, hold
// no descriptor more than before, have met no bug, and serve an ordinary client. Runs as a script, `bun
// test/fuzz/connections-fuzz.ts 100000 --seed 1` (lives for each listener), and shortly in the tests.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { Random } from "../support/random.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { type RoostProcess, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { type Dialect, dnsQuery, Life, type Lore } from "./connection-lives.ts";

/** Lives under way at a time. */
const openMax = 64;
const stepsPerTurn = 32;
/** One in this many lives begins a burst at a process that is frozen. */
const burstEvery = 200;
/** Lives of a burst: fewer than a backlog holds. */
const burstMax = 40;
/** Steps that a life takes at a frozen process, which answers nothing. */
const frozenStepsMax = 20;
/** Steps of lives before a process is asked to leave. */
const drainAfterSteps = 500;
const accounts = Array.from({ length: 16 }, (_, at) => `account-${at}`);
/** Timeouts of half-dead connections (handshakes, sign-ins, lingering) are over by then. */
const settleMsMax = 60_000;
const bugPattern = /\bbug\b|uncaught|unhandled/;

/** A port under attack. */
interface Target {
  readonly name: string;
  readonly dialect: Dialect;
  readonly port: number;
  readonly process: RoostProcess;
}

/** A process, and where it says how it is. */
interface Watched {
  readonly name: string;
  readonly process: RoostProcess;
  /** `http://host:port` of /health and /metrics. */
  readonly http: string;
}

/** What a fuzz has come to. */
export interface ConnectionsReport {
  /** Lives by listener, drain included. */
  readonly lives: Readonly<Record<string, number>>;
  /** Lives by dialect, ending, and how much of what they had to say they got out. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Peers that the processes found gone when they accepted. */
  readonly gone: number;
  /** What is wrong; empty: all is well. */
  readonly faults: readonly string[];
}

export interface ConnectionsFuzz {
  readonly seed: number;
  readonly livesPerListener: number;
  readonly progress?: (done: number, all: number) => void;
}

/** Starts the processes, fuzzes them, and ends them. */
export async function fuzzConnections(fuzz: ConnectionsFuzz): Promise<ConnectionsReport> {
  const folder = mkdtempSync(join(tmpdir(), "roost-connections-"));
  let cluster: ProcessCluster | undefined;
  let standalone: ServerProcess | undefined;
  try {
    const [dnsPort = 0] = await freePorts(1);
    cluster = await ProcessCluster.start({
      folder,
      size: { discovery: 1, gateways: 1, logins: 1, chats: 1 },
      words: { discovery: ["--dns", `127.0.0.1:${dnsPort}`] },
    });
    const data = ["--secret-file", join(folder, "secret"), "--data", join(folder, "standalone")];
    standalone = await ServerProcess.start(folder, data);
    const tokens = await Promise.all(accounts.map((account) => cluster?.token(account) ?? ""));
    const clusterKey = Buffer.from(readFileSync(join(folder, "cluster-key"), "utf8").trim());
    const lore: Lore = { tokens: ["", ...tokens], clusterKey };
    return await new Storm(fuzz, lore, cluster, standalone, dnsPort).run();
  } finally {
    await cluster?.stop();
    await standalone?.end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

class Storm {
  private readonly fuzz: ConnectionsFuzz;
  private readonly random: Random;
  private readonly lore: Lore;
  private readonly cluster: ProcessCluster;
  private readonly standalone: ServerProcess;
  private readonly targets: readonly Target[];
  private readonly watched: readonly Watched[];
  private readonly lives = new Map<string, number>();
  private readonly kinds = new Map<string, number>();
  private readonly faults: string[] = [];
  private readonly ended = new Map<string, number>();
  private all = 0;

  constructor(fuzz: ConnectionsFuzz, lore: Lore, cluster: ProcessCluster, standalone: ServerProcess, dnsPort: number) {
    this.fuzz = fuzz;
    this.random = new Random(fuzz.seed);
    this.lore = lore;
    this.cluster = cluster;
    this.standalone = standalone;
    const named = (name: string): RoostProcess => {
      const process = cluster.process(name);
      if (process === undefined) throw new Error(`${name} does not run`);
      return process;
    };
    const [registry = ""] = cluster.registry;
    const [gateway] = cluster.gateways;
    const target = (name: string, dialect: Dialect, address: string, process: RoostProcess): Target => ({
      name,
      dialect,
      port: Number(/:(\d+)$/.exec(address)?.[1]),
      process,
    });
    this.targets = [
      target("standalone tcp", "tcp", standalone.tcp, standalone),
      target("standalone ws", "ws", standalone.ws, standalone),
      target("standalone monitor", "monitor", standalone.monitor, standalone),
      target("gateway tcp", "tcp", gateway?.tcp ?? "", named("gateway-1")),
      target("gateway links", "link", cluster.linkAddress("gateway-1"), named("gateway-1")),
      target("chat links", "link", cluster.linkAddress("chat-1"), named("chat-1")),
      target("discovery http", "registry", registry, named("discovery-1")),
      target("discovery dns", "dns", `:${dnsPort}`, named("discovery-1")),
    ];
    this.watched = [
      { name: "standalone", process: standalone, http: standalone.monitor },
      { name: "discovery", process: named("discovery-1"), http: registry },
      ...["gateway-1", "login-1", "chat-1"].map((name) => ({
        name,
        process: named(name),
        http: cluster.monitor(name),
      })),
    ];
    for (const { name, process } of this.watched) void process.exited.then((status) => this.ended.set(name, status));
  }

  async run(): Promise<ConnectionsReport> {
    await this.serveOrdinaryClients();
    const before = await this.descriptors();
    await this.storm(this.targets, this.fuzz.livesPerListener);
    const isAlive = this.ended.size === 0;
    if (isAlive) await this.checkAll(before);
    const gone = isAlive ? await this.goneInAll() : 0;
    if (isAlive) await this.drain();
    for (const [name, status] of this.ended) if (status !== 0) this.faults.push(`${name} has ended with ${status}`);
    for (const { name, process } of this.watched) {
      const line = process.log.split("\n").find((text) => bugPattern.test(text));
      if (line !== undefined) this.faults.push(`${name} says: ${line}`);
    }
    return { lives: Object.fromEntries(this.lives), kinds: this.kinds, gone, faults: this.faults };
  }

  /** So many lives at each target, all targets at once. Ends early when a process has. */
  private async storm(targets: readonly Target[], livesPerTarget: number): Promise<void> {
    const waiting = targets.map((target) => ({ target, left: livesPerTarget }));
    const open: Life[] = [];
    let steps = 0;
    while ((waiting.length > 0 || open.length > 0) && this.ended.size === 0) {
      while (waiting.length > 0 && open.length < openMax) {
        const index = this.random.below(waiting.length);
        const chosen = waiting[index];
        if (chosen === undefined) break;
        if (this.random.once(burstEvery)) chosen.left -= this.burst(chosen.target, Math.min(chosen.left, burstMax));
        else {
          open.push(this.begin(chosen.target));
          chosen.left--;
        }
        if (chosen.left <= 0) waiting.splice(index, 1);
      }
      this.stepOne(open);
      if (++steps % stepsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const life of open) life.abandon();
  }

  /** Lives that come and go while the process does not run: when it does again, it accepts what is over already. */
  private burst(target: Target, count: number): number {
    target.process.signal("SIGSTOP");
    try {
      for (let begun = 0; begun < count; begun++) {
        const life = this.begin(target);
        let isOver = false;
        for (let steps = 0; !isOver && steps < frozenStepsMax; steps++) isOver = life.step();
        if (!isOver) life.abandon();
      }
    } finally {
      target.process.signal("SIGCONT");
    }
    return count;
  }

  private begin({ name, dialect, port }: Target): Life {
    this.lives.set(name, (this.lives.get(name) ?? 0) + 1);
    this.all++;
    if (this.all % 1000 === 0) this.fuzz.progress?.(this.all, this.targets.length * this.fuzz.livesPerListener);
    const life = new Life(port, dialect, this.random, this.lore);
    const kind = `${dialect} ${life.ending} ${life.reach}`;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    return life;
  }

  /** A step of one of them, at random; what is over is removed. */
  private stepOne(open: Life[]): void {
    const index = this.random.below(Math.max(1, open.length));
    const life = open[index];
    if (life === undefined || !life.step()) return;
    const last = open.pop();
    if (last !== undefined && last !== life) open[index] = last;
  }

  private async checkAll(before: ReadonlyMap<string, number>): Promise<void> {
    for (const { name, process, http } of this.watched) {
      const most = before.get(name) ?? 0;
      await this.check(`${name} holds ${most} descriptors again`, () => descriptorsOf(process) <= most);
      await this.check(`${name} is ready`, async () => (await ask(`${http}/health`)).status === 200);
      await this.check(
        `${name} has met no bug`,
        async () => (await metric(http, /^roost_(registry_)?bugs_total/)) === 0,
      );
      await this.check(`${name} has no client`, async () => (await metric(http, /^roost_channels/)) === 0);
    }
    await this.check("ordinary clients are served", async () => {
      await this.serveOrdinaryClients();
      return true;
    });
  }

  /** Sends the signal to leave to one process after another while lives go on. */
  private async drain(): Promise<void> {
    const leaving = [
      [this.standalone, "standalone"],
      [this.cluster.process("gateway-1"), "gateway-1"],
      [this.cluster.process("chat-1"), "chat-1"],
      [this.cluster.process("discovery-1"), "discovery"],
    ] as const;
    for (const [process, name] of leaving) {
      if (process === undefined) continue;
      const [first, ...others] = this.targets.filter((target) => target.process === process);
      if (first === undefined) continue;
      const open: Life[] = [];
      for (let steps = 0; this.ended.get(name) === undefined; steps++) {
        if (steps === drainAfterSteps) process.signal("SIGTERM");
        if (open.length < openMax) open.push(this.begin(this.random.pick([first, ...others])));
        try {
          this.stepOne(open);
        } catch {
          // It takes no more connections: those that are not connected yet never will be.
          open.splice(0, open.length, ...open.filter(({ isConnected }) => isConnected));
        }
        if (steps % stepsPerTurn === 0) await Bun.sleep(1);
      }
      for (const life of open) life.abandon();
    }
  }

  /** Over TCP and WebSocket, of the standalone server and of the cluster; the registry over HTTP and DNS. */
  private async serveOrdinaryClients(): Promise<void> {
    const [gateway] = this.cluster.gateways;
    for (const url of [this.standalone.tcp, this.standalone.ws, `tcp://${gateway?.tcp}`, `ws://${gateway?.ws}`]) {
      const client = await RoostClient.connect({ url, token: await this.cluster.token("ordinary"), reconnect: false });
      await client.talkToUser("somebody", { body: "as ever" });
      await client.close();
    }
    const [registry = ""] = this.cluster.registry;
    const fetched = await ask(`${registry}/discovery/fetch?env=prod&appid=chat&zone=&status=1`);
    if (fetched.status !== 200) throw new Error(`the registry answers ${fetched.status}`);
    const dns = this.targets.find(({ dialect }) => dialect === "dns");
    const asking = new RawTcp(dns?.port ?? 0);
    try {
      asking.write(dnsQuery(this.random));
      await until(() => (asking.read()?.length ?? 0) > 0, "DNS answers");
    } finally {
      asking.close();
    }
  }

  /** The most that each process holds, over a second. */
  private async descriptors(): Promise<Map<string, number>> {
    const most = new Map<string, number>();
    for (let looks = 0; looks < 20; looks++) {
      for (const { name, process } of this.watched)
        most.set(name, Math.max(most.get(name) ?? 0, descriptorsOf(process)));
      await Bun.sleep(50);
    }
    return most;
  }

  private async goneInAll(): Promise<number> {
    let gone = 0;
    for (const { http } of this.watched) gone += await metric(http, /^roost_(registry_)?peer_gone_total/);
    return gone;
  }

  private async check(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    try {
      await until(isSo, what, settleMsMax);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
      this.faults.push(`not so: ${what}${cause}`);
    }
  }
}

/**
 * Descriptors of a process, but for connections between 127.0.0.1 and itself: those are the cluster's own and the
 * test's, which come and go. Lives come from other addresses. A socket that is neither connected nor closed counts.
 */
function descriptorsOf({ pid }: RoostProcess): number {
  const own = new Set<string>();
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    // sl local remote state queues timer retransmits uid timeout inode
    const [, , remote = "", , , , , , , inode = ""] = line.trim().split(/\s+/);
    if (remote.startsWith("0100007F:")) own.add(`socket:[${inode}]`);
  }
  let count = 0;
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (!own.has(readlinkSync(`/proc/${pid}/fd/${name}`))) count++;
    } catch {
      // Closed since the folder was read.
    }
  }
  return count;
}

/** Over a connection of its own, which leaves no descriptor behind. */
function ask(url: string): Promise<Response> {
  return fetch(url, { keepalive: false, headers: { connection: "close" } });
}

/** The sum over all labels. */
async function metric(http: string, name: RegExp): Promise<number> {
  const lines = (await (await ask(`${http}/metrics`)).text()).split("\n").filter((line) => name.test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { seed: { type: "string" } }, allowPositionals: true });
  const [words = "100000"] = positionals;
  const livesPerListener = Number(words);
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
  const isRight = [seed, livesPerListener].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!isRight || livesPerListener === 0 || positionals.length > 1) {
    console.error("usage: bun test/fuzz/connections-fuzz.ts [<lives for each listener>] [--seed <whole number>]");
    process.exit(2);
  }
  console.log(`seed ${seed}, ${livesPerListener} lives for each listener`);
  const { kinds, ...report } = await fuzzConnections({
    seed,
    livesPerListener,
    progress: (done, all) => {
      if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${all} `);
    },
  });
  if (process.stdout.isTTY) process.stdout.write("\r");
  console.log(JSON.stringify({ seed, kinds: kinds.size, ...report }));
  if (report.faults.length > 0) {
    console.error(`to see it again: scripts/fuzz connections ${livesPerListener} --seed ${seed}`);
    process.exitCode = 1;
  }
}
