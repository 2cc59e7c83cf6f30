// Scenario `registry-dns`: how many queries a node answers over UDP. Sockets keep a window of queries outstanding; an
// answer counts when it is the right one, whole; a query without an answer is counted as lost and asked anew.

import { type Random, seededRandom } from "../../src/base/random.ts";
import type { Load as GeneratorLoad, LoadSettings } from "../generator/load.ts";
import { isGeneratorFree, sharesBetween } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { residentBytes } from "../process-usage.ts";
import { RegistryCluster } from "../registry/cluster.ts";
import { DnsQuery, RecordType } from "../registry/dns-query.ts";
import { instancesOf, registerAll } from "../registry/instances.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const serviceCount = 1_000;
const instancesPerService = 10;
const registerConnections = 16;
const sockets = 4;
/** Outstanding queries of a socket: what the kernel's receive buffers hold without loss. */
const window = 32;
/** A query that has no answer by then is lost. */
const lostMs = 1_000;
const seed = 1;

/** What all sockets share. */
interface Load {
  readonly queries: readonly DnsQuery[];
  readonly random: Random;
  readonly isMixed: boolean;
  readonly latency: Latency;
  isMeasuring: boolean;
  lost: number;
  fail(reason: string): void;
}

/** A query that waits for its answer. */
interface Outstanding {
  /** The low bits are the slot's number, the others change with each query. */
  id: number;
  sentMs: number;
  query: DnsQuery | undefined;
  datagram: Buffer;
}

class QuerySocket {
  private readonly load: Load;
  private readonly slots = Array.from({ length: window }, (_, id): Outstanding => ({
    id,
    sentMs: 0,
    query: undefined,
    datagram: Buffer.alloc(0),
  }));
  private socket: Bun.udp.ConnectedSocket<"buffer"> | undefined;
  /** Slots that are to be filled at the end of this turn. */
  private idle: Outstanding[] = [];
  private isPlanned = false;
  private isClosed = false;

  private constructor(load: Load) {
    this.load = load;
  }

  static async open(port: number, load: Load): Promise<QuerySocket> {
    const opened = new QuerySocket(load);
    opened.socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      connect: { hostname: "127.0.0.1", port },
      binaryType: "buffer",
      socket: {
        data: (_, bytes) => opened.answered(bytes),
        drain: () => opened.plan(),
        error: () => load.fail("a query could not be sent"),
      },
    });
    return opened;
  }

  start(): void {
    this.idle = [...this.slots];
    this.send();
  }

  /** Asks anew what has waited too long. */
  expire(nowMs: number): void {
    for (const slot of this.slots) {
      if (slot.query === undefined || nowMs - slot.sentMs < lostMs) continue;
      this.load.lost++;
      this.free(slot);
    }
  }

  close(): void {
    this.isClosed = true;
    this.socket?.close();
  }

  private answered(answer: Buffer): void {
    const id = answer.length < 2 ? -1 : answer.readUInt16BE(0);
    const slot = this.slots[id % window];
    // One that was given up.
    if (slot?.query === undefined || slot.id !== id) return;
    const fault = slot.query.fault(slot.datagram, answer, instancesPerService);
    if (fault !== undefined) this.load.fail(fault);
    if (this.load.isMeasuring) this.load.latency.record(slot.sentMs, performance.now());
    this.free(slot);
  }

  private free(slot: Outstanding): void {
    slot.query = undefined;
    this.idle.push(slot);
    this.plan();
  }

  private plan(): void {
    if (this.isPlanned || this.isClosed) return;
    this.isPlanned = true;
    setImmediate(() => this.send());
  }

  private send(): void {
    this.isPlanned = false;
    if (this.isClosed) return;
    const { queries, random, isMixed } = this.load;
    const filled = this.idle;
    this.idle = [];
    const nowMs = performance.now();
    for (const slot of filled) {
      slot.query = queries[random.uint32() % queries.length];
      slot.id = (slot.id + window) & 0xffff;
      slot.sentMs = nowMs;
      slot.datagram = slot.query?.datagram(slot.id, isMixed ? random : undefined) ?? slot.datagram;
    }
    const sent = this.socket?.sendMany(filled.map(({ datagram }) => datagram)) ?? 0;
    // The kernel takes the others later.
    for (const slot of filled.slice(sent)) {
      slot.query = undefined;
      this.idle.push(slot);
    }
  }
}

/** Two results: names in lower case, and in random case. Throws when an answer is wrong. */
export async function loadDns({ settings, tell }: GeneratorLoad): Promise<Findings[]> {
  const cluster = await RegistryCluster.start(1);
  try {
    const [node] = cluster.nodes;
    const services = Array.from({ length: serviceCount }, (_, index) => `bench-service${index}`);
    const instances = services.flatMap((appid) => instancesOf(appid, instancesPerService));
    await registerAll(node?.port ?? 0, instances, registerConnections);
    await cluster.listed(instances.length);
    const queries = services.flatMap((service) => [
      new DnsQuery(`_${service}._tcp.roost`, RecordType.SRV),
      new DnsQuery(`${service}.service.roost`, RecordType.A),
    ]);
    tell("measuring", 0);
    const plain = await measure(cluster, queries, false, settings);
    tell("measuring", 0.5);
    return [plain, await measure(cluster, queries, true, settings)];
  } finally {
    await cluster.stop();
  }
}

async function measure(
  cluster: RegistryCluster,
  queries: readonly DnsQuery[],
  isMixed: boolean,
  { seconds, warmUpMs }: LoadSettings,
): Promise<Findings> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("there is no node");
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const load: Load = {
    queries,
    random: seededRandom(seed),
    isMixed,
    latency: new Latency(),
    isMeasuring: false,
    lost: 0,
    fail: (reason) => failure.reject(new Error(reason)),
  };
  const open = await Promise.all(Array.from({ length: sockets }, () => QuerySocket.open(node.dnsPort, load)));
  const expiry = setInterval(() => {
    for (const socket of open) socket.expire(performance.now());
  }, lostMs / 10);
  try {
    for (const socket of open) socket.start();
    await Promise.race([Bun.sleep(warmUpMs), failure.promise]);
    const before = cluster.usage();
    const lostBefore = load.lost;
    load.isMeasuring = true;
    await Promise.race([Bun.sleep(seconds * 1000), failure.promise]);
    load.isMeasuring = false;
    const after = cluster.usage();
    const shares = sharesBetween(before, after);
    const doubts = [
      load.lost === lostBefore ? [] : ["queries were lost"],
      load.latency.count > 0 ? [] : ["no query was answered while it was measured"],
    ].flat();
    return {
      scenario: isMixed ? "registry-dns-mixed" : "registry-dns",
      transport: "udp",
      topology: "discovery",
      connections: sockets,
      window,
      seconds,
      answered: load.latency.count,
      lost: load.lost - lostBefore,
      per_second: Math.round(load.latency.count / ((after.atMs - before.atMs) / 1000)),
      ...load.latency.fields(),
      server_cpu: shares.busiest,
      generator_cpu: shares.generator,
      server_rss_mb: Math.round(residentBytes(node.pid) / 2 ** 20),
      valid: isGeneratorFree(shares) && doubts.length === 0,
      ...(doubts.length === 0 ? {} : { doubt: doubts.join(", ") }),
    };
  } finally {
    clearInterval(expiry);
    for (const socket of open) socket.close();
  }
}

export const registryDns: Scenario = {
  name: "registry-dns",
  takesUrl: false,
  run: (bench) => bench.measureAlone("registry-dns", "registry-dns", {}),
};
