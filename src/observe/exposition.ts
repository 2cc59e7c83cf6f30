// Every metric of our own and its labels, for prom-client, which reads the numbers when it is scraped. Imported at the
// first scrape only: prom-client brings more code than a server needs to begin.

import { Counter, Gauge, Registry } from "prom-client";
import type { Latency } from "./latency.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { bugsCounter } from "./bugs-counter.ts";
import { logLostCounter } from "./log-lost-counter.ts";
import { registerLimitMetrics } from "./limit-metrics.ts";
import type { ClockNumbers, Metrics, ServiceMetrics, Tally } from "./metrics.ts";
import { registerProcessMetrics } from "./process-metrics.ts";

const identity = ["service_id", "service_name"] as const;

/** Shows all numbers of a process as they are at each scrape; services that come later are shown, too. */
export function expositionOf(metrics: Metrics): Registry {
  const registry = new Registry();
  const number = (name: string, help: string, value: (service: ServiceMetrics) => number): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: identity,
        registers: [],
        collect() {
          this.reset();
          for (const service of metrics.services) {
            const { serviceId: service_id, serviceName: service_name } = service;
            this.inc({ service_id, service_name }, value(service));
          }
        },
      }),
    );
  };
  const tally = (name: string, help: string, label: string, tallyOf: (service: ServiceMetrics) => Tally): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: [...identity, label],
        registers: [],
        collect() {
          this.reset();
          for (const service of metrics.services) {
            const { serviceId: service_id, serviceName: service_name } = service;
            for (const [value, { count }] of tallyOf(service).counts) {
              this.inc({ service_id, service_name, [label]: value }, count);
            }
          }
        },
      }),
    );
  };
  registerProcessMetrics(registry);
  if (metrics.limits !== undefined) registerLimitMetrics(registry, metrics.limits);
  const histogram = (name: string, help: string, latency: Latency): void =>
    registry.registerMetric(new LatencyHistogram(name, help, latency));
  histogram("roost_talk_commit_seconds", "A talk, from its arrival to its commit.", metrics.talkLatency.commit);
  histogram("roost_talk_push_seconds", "A talk, from its arrival to its push.", metrics.talkLatency.push);
  /** Shown for the services that have a value. */
  const gauge = (name: string, help: string, value: (service: ServiceMetrics) => number | undefined): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: identity,
        registers: [],
        collect() {
          for (const service of metrics.services) {
            const { serviceId: service_id, serviceName: service_name } = service;
            const now = value(service);
            if (now !== undefined) this.set({ service_id, service_name }, now);
          }
        },
      }),
    );
  };
  const storeClock = (name: string, help: string, milliseconds: (clock: ClockNumbers) => number): void =>
    gauge(name, help, ({ storeClock: clock }) => (clock === undefined ? undefined : milliseconds(clock()) / 1000));
  gauge("roost_channels", "Client connections that are open.", ({ channels }) => channels);
  gauge(
    "roost_store_mismatches",
    "Nodes that this gateway does not link because their stores are others than those of the other nodes.",
    (service) => service.storeMismatches?.(),
  );
  gauge(
    "roost_unlinked_gateways",
    "Gateways that the session store knows, and that have not been linked to this node for 15 s.",
    (service) => service.unlinkedGateways?.(),
  );
  gauge(
    "roost_registry_gaps",
    "Nodes of the registry that do not list this process, although others do: they do not replicate.",
    (service) => service.registryGaps?.(),
  );
  storeClock(
    "roost_store_ids_ahead_seconds",
    "How far the newest message's id is ahead of the clock, which was set back.",
    ({ idsAheadMs }) => idsAheadMs,
  );
  storeClock(
    "roost_store_purge_wait_seconds",
    "How long old messages are not deleted at least, because the clock leapt, the server was off or the retention changed.",
    ({ purgeWaitMs }) => purgeWaitMs,
  );
  number("roost_message_in_flow_bytes_total", "Bytes received.", (service) => service.inBytes);
  number("roost_message_out_flow_bytes_total", "Bytes sent.", (service) => service.outBytes);
  number("roost_unknown_channel_total", "Pushes to connections that are gone.", (service) => service.unknownChannels);
  number(
    "roost_forced_adult_total",
    "Times that a node began to serve although not every gateway was linked to it.",
    (service) => service.forcedAdult,
  );
  number(
    "roost_peer_gone_total",
    "Connections that the peer reset before they were accepted.",
    (service) => service.peersGone,
  );
  registry.registerMetric(logLostCounter(metrics.linesLost));
  registry.registerMetric(bugsCounter("roost_bugs_total", metrics.bugs));
  number("roost_rate_limited_total", "Requests above a connection's rate.", (service) => service.limited);
  tally("roost_message_in_total", "Requests received.", "command", (service) => service.commands);
  tally("roost_protocol_fault_total", "Peers that broke the protocol.", "kind", (service) => service.faults);
  tally("roost_refused_total", "Requests that the gateway refused.", "status", (service) => service.refusals);
  tally("roost_connection_closed_total", "Connections that ended.", "code", (service) => service.endings);
  tally(
    "roost_no_server_found_error_total",
    "Requests for which no node was found.",
    "zone",
    (service) => service.zonesWithoutServer,
  );
  return registry;
}
