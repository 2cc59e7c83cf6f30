// A node of the registry as a process: the table and its replication, with the HTTP API, DNS, health checks and
// snapshot around it.

import { ClusterKeys, reloadClusterKeys } from "../../auth/cluster-keys.ts";
import type { Clock } from "../../base/clock.ts";
import { type Runtime, systemRuntime } from "../../base/runtime.ts";
import { ContainedBugs } from "../../observe/contained-bugs.ts";
import { controlCommands } from "../../observe/control-commands.ts";
import type { Health } from "../../observe/operator-answers.ts";
import { RegistryMetrics, type RegistryNumbers } from "../../observe/registry-metrics.ts";
import { Admission } from "../../registry/lookup/admission.ts";
import type { Directory } from "../../registry/directory.ts";
import { startDns } from "../../registry/dns/server.ts";
import { HealthChecks, probeOverHttp } from "../../registry/node/health-checks.ts";
import { HttpPeerNetwork } from "../../registry/http/peer-network.ts";
import { peerSender } from "../../registry/http/peer-sender.ts";
import { bindRegistryHttp, type RegistryHttp } from "../../registry/http/server.ts";
import { PublicGateways } from "../../registry/lookup/public-gateways.ts";
import { RegistryNode } from "../../registry/node/registry-node.ts";
import { readSnapshot, SnapshotWriter } from "../../registry/table/snapshot.ts";
import { sleep } from "../../base/timers.ts";
import { advertisedAs, reachableHost } from "../../transport/address.ts";
import { CertificateWatch } from "../../transport/tls/certificate-watch.ts";
import { TrustedProxies } from "../../transport/trusted-proxies.ts";
import type { DiscoverySettings, RunningDiscovery } from "../settings.ts";

/** Other nodes have this long to take a goodbye. */
const goodbyeMsMax = 1_000;
const goodbyeCheckMs = 5;

/** Starts it all; rejects, with nothing left running, when something cannot be opened. */
export async function startDiscovery(
  settings: DiscoverySettings,
  { clock, timers, random }: Runtime = systemRuntime,
): Promise<RunningDiscovery> {
  const { clusterKeys, readClusterKeys, nodeTls, env, limits, trustedProxies, log } = settings;
  const { dns, snapshotPath, lookup, allowOrigins } = settings;
  const teardown = new AsyncDisposableStack();
  try {
    const keys = new ClusterKeys(clusterKeys, env);
    const tokens = (): readonly string[] => keys.tokens;
    const bugs = new ContainedBugs(log, clock);
    const names = settings.advertise === undefined ? [] : [settings.advertise.host];
    const proxies = trustedProxies && new TrustedProxies(trustedProxies, log, clock);
    const http = bindRegistryHttp(settings.listen, { bugs, limits, names, proxies, tls: nodeTls });
    teardown.defer(() => http.stop());
    const advertised = advertisedAs(settings.advertise, reachableHost)(http.address);
    nodeTls?.requireName(advertised);
    const certificate = nodeTls && new CertificateWatch({ source: nodeTls, clock, timers, log });
    teardown.defer(() => certificate?.stop());

    const environment = { clock, timers, random, log };
    const node = new RegistryNode({
      ...environment,
      settings: {
        ...settings,
        address: advertised,
        schemes: schemesOf(nodeTls),
        seeds: settings.peers,
        hasKey: clusterKeys.length > 0,
      },
      limits: settings.limits,
      network: new HttpPeerNetwork(clock, tokens, limits.values.timestampAhead, peerSender(clock, nodeTls)),
    });
    teardown.defer(() => node.stop());
    const restored =
      snapshotPath === undefined ? 0 : await readSnapshot(snapshotPath, node.table, clock, settings.limits.values, log);
    const checks = new HealthChecks({ ...environment, node, probe: (url) => probeOverHttp(url, nodeTls) });
    teardown.defer(() => checks.stop());

    const metrics = new RegistryMetrics(
      () => numbersOf(node, http),
      bugs,
      () => log.linesLost(),
      limits,
    );
    metrics.nodeCertificate = certificate && (() => certificate);
    const control = controlCommands({ ...settings, id: advertised, role: "discovery" }, (bug) =>
      bugs.met("control", bug),
    );
    const dnsServer =
      dns === undefined
        ? undefined
        : await startDns({
            address: dns,
            domain: settings.domain,
            env: settings.env,
            ttlSeconds: settings.dnsTtlMs / 1_000,
            directory: node,
            limits: settings.limits,
            log,
            bugs,
            metrics,
          });
    if (dnsServer !== undefined) teardown.defer(() => dnsServer.stop());
    // Nothing below can fail: write the snapshot's file and announce this node only now.
    if (snapshotPath !== undefined) {
      const writer = new SnapshotWriter({ ...environment, path: snapshotPath, table: node.table });
      writer.start();
      teardown.defer(() => writer.stop());
    }
    node.start(restored > 0);
    const health = (): Health => healthOf(node, settings.version);
    const gateways = new PublicGateways({
      directory: believed(node, keys, settings, clock),
      revisions: node,
      env: settings.env,
      clock,
    });
    http.open({ node, tokens, lookup, origins: allowOrigins, gateways, metrics, health, control });

    let draining: Promise<void> | undefined;
    const drain = async (): Promise<void> => {
      node.leave();
      const lateMs = clock.monotonicMs() + goodbyeMsMax;
      // The goodbye is sent at the end of this turn.
      do await sleep(timers, goodbyeCheckMs);
      while (!node.replication.isSettled && clock.monotonicMs() < lateMs);
      await teardown.disposeAsync();
    };
    return {
      addresses: { http: http.address, advertised, dns: dnsServer?.address },
      health,
      control,
      reload: () => {
        const sentences = [readClusterKeys && reloadClusterKeys(keys, readClusterKeys, log), certificate?.reload()];
        return sentences.filter((sentence) => sentence !== undefined).join("; ") || undefined;
      },
      drain: () => (draining ??= drain()),
    };
  } catch (error) {
    await teardown.disposeAsync().catch(() => undefined);
    throw error;
  }
}

/** The instances that clients may be told of: of a registry with keys those that are believed, else all. */
function believed(
  node: RegistryNode,
  keys: ClusterKeys,
  { env, log }: DiscoverySettings,
  clock: Clock,
): Pick<Directory, "instances"> {
  if (keys.all.length === 0) return node;
  return new Admission({ clock, env, keys, isRegistryOpen: false, log }).of(node);
}

/** What the node's port speaks. Others prefer what is first, unless they have certificates. */
function schemesOf(tls: DiscoverySettings["nodeTls"]): readonly ("http" | "https")[] {
  if (tls === undefined) return ["http"];
  return tls.isRequired ? ["https"] : ["http", "https"];
}

function healthOf(node: RegistryNode, version: string): Health {
  const { table, settings, replication } = node;
  const peers = replication.peers.all();
  return {
    ready: node.isReadable,
    detail: {
      version,
      role: "discovery",
      address: settings.address,
      zone: settings.zone,
      env: settings.env,
      instances: table.live,
      peers: peers.length,
      peersUp: peers.filter(({ isUp }) => isUp).length,
      stale: node.isServingStale,
      protected: node.isProtected,
    },
  };
}

function numbersOf(node: RegistryNode, http: RegistryHttp): RegistryNumbers {
  const { table, replication } = node;
  const peers = replication.peers.all();
  return {
    instances: table.live,
    tombstones: table.tombstones,
    services: table.apps.listedCount,
    polls: http.pollsWaiting,
    peers: peers.length,
    peersUp: peers.filter(({ isUp }) => isUp).length,
    waiting: replication.waiting,
    failures: replication.failures,
    repaired: replication.repaired,
    evictions: node.evictions,
    isReadable: node.isReadable,
    isProtected: node.isProtected,
  };
}
