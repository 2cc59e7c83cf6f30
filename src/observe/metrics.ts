// Every metric of our own and its labels. The hot path only adds to plain numbers, which prom-client reads when it is
// scraped: nothing here calls prom-client for a message.

import { Counter, Gauge, Registry } from "prom-client";
import { Command } from "../wire/commands.ts";
import { Latency, LatencyHistogram } from "./latency.ts";
import { registerProcessMetrics } from "./process-metrics.ts";

/** Commands are the peers' words: beyond this many, or this long, one label holds the rest. */
const labelsMax = 64;
const labelCharactersMax = 64;
const rest = "other";

/** Counts by a label of which at most `labelsMax` values are told apart. */
class Tally {
  /** Only labels that were counted. */
  readonly counts = new Map<string, { count: number }>();
  /** These have a place of their own, whatever came before them. */
  private readonly expected: ReadonlySet<string>;
  private placesLeft: number;

  constructor(expected: readonly string[] = []) {
    this.expected = new Set([rest, ...expected]);
    this.placesLeft = labelsMax - expected.length;
  }

  add(label: string): void {
    const known = this.counts.get(label);
    if (known !== undefined) known.count++;
    else if (this.expected.has(label)) this.counts.set(label, { count: 1 });
    else if (this.placesLeft > 0 && label.length <= labelCharactersMax) {
      this.placesLeft--;
      this.counts.set(label, { count: 1 });
    } else this.add(rest);
  }
}

/** The numbers of one service; it has the shape of a transport's observer, too. */
export class ServiceMetrics {
  readonly serviceId: string;
  readonly serviceName: string;
  /** Client connections that are open; its owner counts. */
  channels = 0;
  /** The rest is read here, and counted by the methods. */
  inBytes = 0;
  outBytes = 0;
  unknownChannels = 0;
  limited = 0;
  /** Times that it was made adult although not every gateway had linked itself. */
  forcedAdult = 0;
  readonly commands = new Tally(Object.values(Command));
  readonly faults = new Tally();
  readonly refusals = new Tally();
  readonly endings = new Tally();
  readonly zonesWithoutServer = new Tally();

  constructor(serviceId: string, serviceName: string) {
    this.serviceId = serviceId;
    this.serviceName = serviceName;
  }

  bytesIn(bytes: number): void {
    this.inBytes += bytes;
  }
  bytesOut(bytes: number): void {
    this.outBytes += bytes;
  }
  countIn(command: string): void {
    this.commands.add(command);
  }
  protocolFault(kind: string): void {
    this.faults.add(kind);
  }
  refused(status: number): void {
    this.refusals.add(String(status));
  }
  closed(code: number): void {
    this.endings.add(String(code));
  }
  noServerFound(zone: string): void {
    this.zonesWithoutServer.add(zone);
  }
  pushUnknownChannel(): void {
    this.unknownChannels++;
  }
  rateLimited(): void {
    this.limited++;
  }
  turnedAdultByForce(): void {
    this.forcedAdult++;
  }
}

/** How long talks take in this process. */
export interface TalkLatency {
  /** Received → committed. */
  readonly commit: Latency;
  /** Received → pushed. */
  readonly push: Latency;
}

const identity = ["serviceId", "serviceName"] as const;

/** All metrics of a process. */
export class Metrics {
  readonly registry = new Registry();
  readonly talkLatency: TalkLatency = { commit: new Latency(), push: new Latency() };
  private readonly services: ServiceMetrics[] = [];

  constructor() {
    const { registry, services, talkLatency } = this;
    registerProcessMetrics(registry);
    const histogram = (name: string, help: string, latency: Latency): void =>
      registry.registerMetric(new LatencyHistogram(name, help, latency));
    histogram("roost_talk_commit_seconds", "A talk, from its arrival to its commit.", talkLatency.commit);
    histogram("roost_talk_push_seconds", "A talk, from its arrival to its push.", talkLatency.push);
    registry.registerMetric(
      new Gauge({
        name: "roost_channel_total",
        help: "Client connections that are open.",
        labelNames: identity,
        registers: [],
        collect() {
          for (const { serviceId, serviceName, channels } of services) this.set({ serviceId, serviceName }, channels);
        },
      }),
    );
    this.number("roost_message_in_flow_bytes", "Bytes received.", (service) => service.inBytes);
    this.number("roost_message_out_flow_bytes", "Bytes sent.", (service) => service.outBytes);
    this.number(
      "roost_unknown_channel_total",
      "Pushes to connections that are gone.",
      (service) => service.unknownChannels,
    );
    this.number(
      "roost_forced_adult_total",
      "Times that a node began to serve although not every gateway was linked to it.",
      (service) => service.forcedAdult,
    );
    this.number("roost_rate_limited_total", "Requests above a connection's rate.", (service) => service.limited);
    this.tally("roost_message_in_total", "Requests received.", "command", (service) => service.commands);
    this.tally("roost_protocol_fault_total", "Peers that broke the protocol.", "kind", (service) => service.faults);
    this.tally("roost_refused_total", "Requests that the gateway refused.", "status", (service) => service.refusals);
    this.tally("roost_connection_closed_total", "Connections that ended.", "code", (service) => service.endings);
    this.tally(
      "roost_no_server_found_error_total",
      "Requests for which no node was found.",
      "zone",
      (service) => service.zonesWithoutServer,
    );
  }

  /** The numbers of one service; the same object for the same names. */
  forService(serviceId: string, serviceName: string): ServiceMetrics {
    const known = this.services.find(
      (service) => service.serviceId === serviceId && service.serviceName === serviceName,
    );
    if (known !== undefined) return known;
    const service = new ServiceMetrics(serviceId, serviceName);
    this.services.push(service);
    return service;
  }

  private number(name: string, help: string, value: (service: ServiceMetrics) => number): void {
    const { services, registry } = this;
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: identity,
        registers: [],
        collect() {
          this.reset();
          for (const service of services) {
            const { serviceId, serviceName } = service;
            this.inc({ serviceId, serviceName }, value(service));
          }
        },
      }),
    );
  }

  private tally(name: string, help: string, label: string, tallyOf: (service: ServiceMetrics) => Tally): void {
    const { services, registry } = this;
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: [...identity, label],
        registers: [],
        collect() {
          this.reset();
          for (const service of services) {
            const { serviceId, serviceName } = service;
            for (const [value, { count }] of tallyOf(service).counts) {
              this.inc({ serviceId, serviceName, [label]: value }, count);
            }
          }
        },
      }),
    );
  }
}
