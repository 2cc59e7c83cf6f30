// A cluster of processes for the tests of a file or for one test: its folder, the clients in it, and how all of it
// ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secretsFromFile } from "../../src/auth/secret.ts";
import { clusterFingerprint, type StoreClaim } from "../../src/auth/store-ownership.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { type ClusterOptions, type ClusterSize, ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "./wire-client.ts";

/** The default of --env. */
const environment = "dev";

/** One of each, unless a test needs more. */
export const oneOfEach: ClusterSize = { discovery: 1, gateways: 1, logins: 1, chats: 1 };

/** For another gateway beside those of a cluster. */
export const anyPorts = { "--ws": "127.0.0.1:0", "--tcp": "127.0.0.1:0" } as const;

type StageOptions = Omit<ClusterOptions, "folder" | "size">;

export class ClusterStage {
  readonly folder: string;
  readonly cluster: ProcessCluster;
  private readonly clients: (() => unknown)[] = [];

  private constructor(folder: string, cluster: ProcessCluster) {
    this.folder = folder;
    this.cluster = cluster;
  }

  /** A cluster that is ready. */
  static async start(size: Partial<ClusterSize> = {}, options: StageOptions = {}): Promise<ClusterStage> {
    const folder = newFolder();
    return new ClusterStage(
      folder,
      await ProcessCluster.start({ ...options, folder, size: { ...oneOfEach, ...size } }),
    );
  }

  /** A cluster of which nothing runs yet. */
  static async prepare(size: Partial<ClusterSize> = {}, options: StageOptions = {}): Promise<ClusterStage> {
    const folder = newFolder();
    const cluster = await ProcessCluster.prepare({ ...options, folder, size: { ...oneOfEach, ...size } });
    return new ClusterStage(folder, cluster);
  }

  /** What services prove to each other. */
  get clusterKey(): Uint8Array<ArrayBuffer> {
    const [key] = secretsFromFile(join(this.folder, "cluster-key")).keys;
    if (key === undefined) throw new Error("the cluster has no key");
    return Uint8Array.from(key);
  }

  /** With which a test opens a store of the cluster beside it. */
  get claim(): StoreClaim {
    return { fingerprints: [clusterFingerprint(this.clusterKey, environment)], adopt: false };
  }

  /** A path in the cluster's folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** A client of bytes and packets, signed in through a gateway. */
  async wire(account: string, gateway = 0, device = ""): Promise<WireClient> {
    const client = await this.stranger(gateway);
    await client.signIn(await this.cluster.token(account), device);
    return client;
  }

  /** The same, not signed in. */
  async stranger(gateway = 0): Promise<WireClient> {
    const client = await WireClient.connect(this.cluster.gateways[gateway]?.tcp ?? "");
    this.clients.push(() => client.terminate());
    return client;
  }

  /** A client of the library, signed in through a gateway. */
  async sdk(account: string, gateway = 0, options: Partial<ClientOptions> = {}): Promise<RoostClient> {
    const url = `tcp://${this.cluster.gateways[gateway]?.tcp}`;
    const client = await RoostClient.connect({ url, token: () => this.cluster.token(account), ...options });
    this.clients.push(() => client.close());
    return client;
  }

  /** A counter of a running member: the sum over its lines that hold `label`. */
  async count(name: string, metric: string, label = ""): Promise<number> {
    const text = await (await this.cluster.ask(`${this.cluster.monitor(name)}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${metric}{`) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** Waits until a running process's log says something. */
  async says(name: string, sentence: RegExp, msMax?: number): Promise<void> {
    const log = (): string => this.cluster.process(name)?.log ?? "";
    try {
      await until(() => sentence.test(log()), `${name} says ${sentence}`, msMax);
    } catch (cause) {
      throw new Error(`${name} never said ${sentence}: ${log()}`, { cause });
    }
  }

  /** Ends all clients and processes, and removes what they left. */
  async close(): Promise<void> {
    await Promise.all(this.clients.splice(0).map((end) => end()));
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "roost-cluster-"));
}
