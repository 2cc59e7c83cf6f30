// Every metric of a registry node, for prom-client, which reads the numbers when it is scraped. Imported at the first
// scrape only: prom-client brings more code than a node needs to begin.

import { Counter, Gauge, Registry } from "prom-client";
import { bugsCounter } from "./bugs-counter.ts";
import { registerLimitMetrics } from "./limit-metrics.ts";
import { logLostCounter } from "./log-lost-counter.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import type { RegistryMetrics, RegistryNumbers } from "./registry-metrics.ts";

/** Shows all numbers of a registry node as they are at each scrape. */
export function registryExpositionOf(metrics: RegistryMetrics): Registry {
  const registry = new Registry();
  const counter = (
    name: string,
    help: string,
    label: string | undefined,
    values: () => Iterable<readonly [string | number, number]>,
  ): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: label === undefined ? [] : [label],
        registers: [],
        collect() {
          this.reset();
          for (const [value, count] of values()) this.inc(label === undefined ? {} : { [label]: value }, count);
        },
      }),
    );
  };
  registerProcessMetrics(registry);
  if (metrics.limits !== undefined) registerLimitMetrics(registry, { limits: metrics.limits, role: "discovery" });
  const gauge = (name: string, help: string, value: (numbers: RegistryNumbers) => number): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value(metrics.numbers()));
        },
      }),
    );
  };
  const total = (name: string, help: string, value: (numbers: RegistryNumbers) => number): void =>
    counter(name, help, undefined, () => [["", value(metrics.numbers())]]);
  gauge("roost_registry_instances", "Instances that are listed.", ({ instances }) => instances);
  gauge("roost_registry_services", "Services that have instances.", ({ services }) => services);
  gauge("roost_registry_tombstones", "Cancelled instances that are remembered.", ({ tombstones }) => tombstones);
  gauge("roost_registry_polls", "Long polls that wait.", ({ polls }) => polls);
  gauge("roost_registry_peers", "Other nodes that are known.", ({ peers }) => peers);
  gauge("roost_registry_peers_up", "Other nodes that answered the last time.", ({ peersUp }) => peersUp);
  gauge("roost_registry_waiting", "Entries that other nodes have yet to be told.", ({ waiting }) => waiting);
  gauge("roost_registry_readable", "1 while reads are answered.", ({ isReadable }) => Number(isReadable));
  gauge("roost_registry_protected", "1 while nothing is forgotten.", ({ isProtected }) => Number(isProtected));
  total("roost_registry_peer_failures_total", "Exchanges with nodes that failed.", ({ failures }) => failures);
  total("roost_registry_repaired_total", "States that a comparison brought.", ({ repaired }) => repaired);
  total("roost_registry_evictions_total", "Leases that ran out.", ({ evictions }) => evictions);
  counter("roost_registry_requests_total", "Requests, by endpoint.", "endpoint", () => metrics.requests);
  counter("roost_registry_dns_answers_total", "DNS answers, by code.", "rcode", () => metrics.dnsAnswers);
  counter("roost_registry_dns_dropped_total", "DNS messages without an answer.", undefined, () => [
    ["", metrics.dnsDrops],
  ]);
  counter(
    "roost_registry_peer_gone_total",
    "Requests dropped because the caller had closed the connection.",
    undefined,
    () => [["", metrics.peersGone]],
  );
  registry.registerMetric(logLostCounter(metrics.linesLost));
  registry.registerMetric(bugsCounter("roost_registry_bugs_total", metrics.bugs));
  return registry;
}
