// The metrics of a registry node. Requests and DNS answers are counted as they come; everything else is read from the
// node when it is scraped.

import { Counter, Gauge, Registry } from "prom-client";
import { registerProcessMetrics } from "./process-metrics.ts";

/** What is read when it is scraped. */
export interface RegistryNumbers {
  readonly instances: number;
  readonly tombstones: number;
  readonly services: number;
  /** Long polls that wait. */
  readonly polls: number;
  /** Other nodes, and those of them that answered the last time. */
  readonly peers: number;
  readonly peersUp: number;
  /** Entries that other nodes have yet to be told. */
  readonly waiting: number;
  /** Since the start: exchanges with nodes that failed, states that comparisons brought, leases that ran out. */
  readonly failures: number;
  readonly repaired: number;
  readonly evictions: number;
  readonly isReadable: boolean;
  readonly isProtected: boolean;
}

export class RegistryMetrics {
  readonly registry = new Registry();
  private readonly requests = new Map<string, number>();
  private readonly dnsAnswers = new Map<number, number>();
  private dnsDrops = 0;

  /** `numbers` is asked at each scrape. */
  constructor(numbers: () => RegistryNumbers) {
    registerProcessMetrics(this.registry);
    const gauge = (name: string, help: string, value: (numbers: RegistryNumbers) => number): void => {
      this.registry.registerMetric(
        new Gauge({
          name,
          help,
          registers: [],
          collect() {
            this.set(value(numbers()));
          },
        }),
      );
    };
    const total = (name: string, help: string, value: (numbers: RegistryNumbers) => number): void =>
      this.counter(name, help, undefined, () => [["", value(numbers())]]);
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
    this.counter("roost_registry_requests_total", "Requests, by endpoint.", "endpoint", () => this.requests);
    this.counter("roost_registry_dns_answers_total", "DNS answers, by code.", "rcode", () => this.dnsAnswers);
    this.counter("roost_registry_dns_dropped_total", "DNS messages without an answer.", undefined, () => [
      ["", this.dnsDrops],
    ]);
  }

  /** Counts a request; `endpoint` is one of a fixed set of names. */
  requested(endpoint: string): void {
    this.requests.set(endpoint, (this.requests.get(endpoint) ?? 0) + 1);
  }

  /** Counts an answered DNS query (RFC 1035, 4.1.1: the code). */
  dnsAnswered(rcode: number): void {
    this.dnsAnswers.set(rcode, (this.dnsAnswers.get(rcode) ?? 0) + 1);
  }

  /** Counts a DNS message that got no answer. */
  dnsDropped(): void {
    this.dnsDrops++;
  }

  private counter(
    name: string,
    help: string,
    label: string | undefined,
    values: () => Iterable<readonly [string | number, number]>,
  ): void {
    this.registry.registerMetric(
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
  }
}
