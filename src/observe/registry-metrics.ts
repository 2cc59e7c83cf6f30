// The numbers of a registry node: requests and DNS answers are counted, the rest is read from the node at the scrape.

import type { Limits } from "../base/limits/limits.ts";
import type { ContainedBugs } from "./contained-bugs.ts";
import type { CertificateNumbers } from "./metrics.ts";

/** The numbers that are read at the scrape. */
export interface RegistryNumbers {
  readonly instances: number;
  readonly tombstones: number;
  readonly services: number;
  /** Long polls that wait. */
  readonly polls: number;
  /** Other nodes, and those of them that answered the last time. */
  readonly peers: number;
  readonly peersUp: number;
  /** Entries that are queued for other nodes. */
  readonly waiting: number;
  /** Since the start: failed exchanges with nodes, states taken from comparisons, expired leases. */
  readonly failures: number;
  readonly repaired: number;
  readonly evictions: number;
  readonly isReadable: boolean;
  readonly isProtected: boolean;
}

/** Owners read the fields and count with the methods. */
export class RegistryMetrics {
  /** Called at each scrape. */
  readonly numbers: () => RegistryNumbers;
  /** By endpoint. */
  readonly requests = new Map<string, number>();
  /** By code. */
  readonly dnsAnswers = new Map<number, number>();
  dnsDrops = 0;
  /** Requests dropped because the caller had closed the connection; incremented by the HTTP server. */
  peersGone = 0;
  readonly bugs: ContainedBugs;
  /** As in ServiceMetrics. */
  nodeCertificate: (() => CertificateNumbers) | undefined;

  /** Lines of the log that could not be written. */
  readonly linesLost: () => number;

  /** Undefined shows no limits. */
  readonly limits: Limits | undefined;

  constructor(numbers: () => RegistryNumbers, bugs: ContainedBugs, linesLost: () => number = () => 0, limits?: Limits) {
    this.limits = limits;
    this.linesLost = linesLost;
    this.numbers = numbers;
    this.bugs = bugs;
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
}
