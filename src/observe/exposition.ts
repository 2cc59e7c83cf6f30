// The tables of all metrics: of the services, and of a registry node. Imported at the first scrape only: prom-client is
// more code than a server needs to start.

import { Registry } from "prom-client";
import type { ContainedBugs } from "./contained-bugs.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { limitMetrics } from "./limit-metrics.ts";
import { counter, counterBy, gauge, gaugeBy, type Metric, register, type Sample } from "./metric.ts";
import type { Metrics, ServiceMetrics, Tally } from "./metrics.ts";
import { processMetrics } from "./process-metrics.ts";
import type { RegistryMetrics } from "./registry-metrics.ts";

const nodeCertificateMetrics: readonly Metric<Pick<RegistryMetrics, "nodeCertificate">>[] = [
  gauge(
    "roost_node_certificate_expiry_seconds",
    "The time until the certificate of this node expires.",
    ({ nodeCertificate }) => nodeCertificate?.().expirySeconds,
  ),
  counter(
    "roost_node_certificate_reloads_total",
    "Times that a renewed certificate of this node was taken.",
    ({ nodeCertificate }) => nodeCertificate?.().reloads,
  ),
  counter(
    "roost_node_certificate_reload_failures_total",
    "Times that the files of the node's certificate were refused and the old one stayed.",
    ({ nodeCertificate }) => nodeCertificate?.().refusals,
  ),
];

const serviceMetrics: readonly Metric<ServiceMetrics>[] = [
  gauge("roost_channels", "Client connections that are open.", ({ channels }) => channels),
  gauge(
    "roost_store_mismatches",
    "Nodes that this gateway does not link because their store differs from that of the other nodes.",
    (service) => service.storeMismatches?.(),
  ),
  gauge(
    "roost_unlinked_gateways",
    "Gateways that the session store knows, and that have not been linked to this node for 15 s.",
    (service) => service.unlinkedGateways?.(),
  ),
  gauge(
    "roost_registry_gaps",
    "Nodes of the registry that do not list this process, although others do: they do not replicate.",
    (service) => service.registryGaps?.(),
  ),
  gauge(
    "roost_store_ids_ahead_seconds",
    "How far the newest message's id is ahead of the clock, which was set back.",
    ({ storeClock }) => secondsOf(storeClock?.().idsAheadMs),
  ),
  gauge(
    "roost_store_purge_wait_seconds",
    "The least time until old messages are deleted after the clock leapt, the server was off or the retention changed.",
    ({ storeClock }) => secondsOf(storeClock?.().purgeWaitMs),
  ),
  gauge(
    "roost_store_bytes",
    "The size of the message store on disk, with its index and logs, measured every minute.",
    ({ storeSize }) => storeSize?.()?.bytes,
  ),
  gauge(
    "roost_store_messages",
    "The messages in the store, measured every minute; estimated if they are many.",
    ({ storeSize }) => storeSize?.()?.messages,
  ),
  gauge(
    "roost_store_standbys",
    "Standbys that follow the primary of a message store on several servers; 0 while no server serves as one.",
    ({ storeLags }) => storeLags?.()?.length,
  ),
  gaugeBy(
    "roost_store_standby_lag_bytes",
    "What a standby of the message store has not on its disk of its primary's log.",
    "standby",
    ({ storeLags }) => lagsOf(storeLags?.(), ({ bytes }) => bytes),
  ),
  gaugeBy(
    "roost_store_standby_lag_seconds",
    "How long a standby of the message store took for what it wrote to its disk last; absent after a while without.",
    "standby",
    ({ storeLags }) => lagsOf(storeLags?.(), ({ ms }) => secondsOf(ms)),
  ),
  gauge("roost_webhooks_delivering", "1 on the node that tells webhooks what happens.", ({ hooks }) =>
    hooks === undefined ? undefined : Number(hooks().isDelivering),
  ),
  counter("roost_webhook_events_total", "Events that webhooks have accepted.", ({ hooks }) => hooks?.().delivered),
  counter(
    "roost_webhook_failures_total",
    "Requests to webhooks that were not accepted.",
    ({ hooks }) => hooks?.().failedAttempts,
  ),
  counter(
    "roost_webhook_dead_total",
    "Events that were given up; roost webhook replay tells them again.",
    ({ hooks }) => hooks?.().dead,
  ),
  counter(
    "roost_webhook_lost_total",
    "Events that no webhook was told: deleted before, or of accounts and too many.",
    ({ hooks }) => hooks?.().lost,
  ),
  counter(
    "roost_webhook_unanswered_total",
    "Questions of before hooks that were not answered in time.",
    ({ hooks }) => hooks?.().unanswered,
  ),
  gauge(
    "roost_tls_certificate_expiry_seconds",
    "The time until the certificate of the clients' listeners expires.",
    ({ certificates }) => certificates?.().expirySeconds,
  ),
  counter(
    "roost_tls_reloads_total",
    "Times that a renewed certificate was taken.",
    ({ certificates }) => certificates?.().reloads,
  ),
  counter(
    "roost_tls_reload_failures_total",
    "Times that the certificate's files were refused and the old one stayed.",
    ({ certificates }) => certificates?.().refusals,
  ),
  ...nodeCertificateMetrics,
  counter("roost_message_in_flow_bytes_total", "Bytes received.", ({ inBytes }) => inBytes),
  counter("roost_message_out_flow_bytes_total", "Bytes sent.", ({ outBytes }) => outBytes),
  counter("roost_unknown_channel_total", "Pushes to connections that are gone.", (service) => service.unknownChannels),
  counter(
    "roost_forced_ready_total",
    "Times that a node began to serve although not every gateway was linked to it.",
    ({ forcedReady }) => forcedReady,
  ),
  counter(
    "roost_peer_gone_total",
    "Connections that the peer reset before they were accepted.",
    ({ peersGone }) => peersGone,
  ),
  counter("roost_rate_limited_total", "Requests above a connection's rate.", ({ limited }) => limited),
  tally("roost_message_in_total", "Requests received.", "command", ({ commands }) => commands),
  tally("roost_protocol_fault_total", "Peers that broke the protocol.", "kind", ({ faults }) => faults),
  tally("roost_refused_total", "Requests that the gateway refused.", "status", ({ refusals }) => refusals),
  tally("roost_connection_closed_total", "Connections that ended.", "code", ({ endings }) => endings),
  tally(
    "roost_no_server_found_error_total",
    "Requests for which no node was found.",
    "zone",
    (service) => service.zonesWithoutServer,
  ),
];

const registryMetrics: readonly Metric<RegistryMetrics>[] = [
  ...nodeCertificateMetrics,
  gauge("roost_registry_instances", "Instances that are listed.", ({ numbers }) => numbers().instances),
  gauge("roost_registry_services", "Services that have instances.", ({ numbers }) => numbers().services),
  gauge("roost_registry_tombstones", "Cancelled instances that are remembered.", ({ numbers }) => numbers().tombstones),
  gauge("roost_registry_polls", "Long polls that wait.", ({ numbers }) => numbers().polls),
  gauge("roost_registry_peers", "Other nodes that are known.", ({ numbers }) => numbers().peers),
  gauge("roost_registry_peers_up", "Other nodes that answered the last time.", ({ numbers }) => numbers().peersUp),
  gauge("roost_registry_waiting", "Entries that other nodes have yet to be told.", ({ numbers }) => numbers().waiting),
  gauge("roost_registry_readable", "1 while reads are answered.", ({ numbers }) => Number(numbers().isReadable)),
  gauge("roost_registry_protected", "1 while nothing is forgotten.", ({ numbers }) => Number(numbers().isProtected)),
  counter(
    "roost_registry_peer_failures_total",
    "Exchanges with nodes that failed.",
    ({ numbers }) => numbers().failures,
  ),
  counter("roost_registry_repaired_total", "States that a comparison brought.", ({ numbers }) => numbers().repaired),
  counter("roost_registry_evictions_total", "Leases that ran out.", ({ numbers }) => numbers().evictions),
  counterBy("roost_registry_requests_total", "Requests, by endpoint.", "endpoint", ({ requests }) => requests),
  counterBy("roost_registry_dns_answers_total", "DNS answers, by code.", "rcode", ({ dnsAnswers }) => dnsAnswers),
  counter("roost_registry_dns_dropped_total", "DNS messages without an answer.", ({ dnsDrops }) => dnsDrops),
  counter(
    "roost_registry_peer_gone_total",
    "Requests dropped because the caller had closed the connection.",
    ({ peersGone }) => peersGone,
  ),
];

const apiMetrics: readonly Metric<Metrics>[] = [
  counterBy("roost_api_answers_total", "Answers of the API for back ends, by code.", "code", ({ apiAnswers }) =>
    countsOf(apiAnswers),
  ),
];

/** Returns the metrics of a process and of all its services, those added later included. */
export function expositionOf(metrics: Metrics): Registry {
  const registry = new Registry();
  register(registry, processMetrics, undefined);
  register(registry, faultMetrics("roost_bugs_total"), metrics);
  register(registry, apiMetrics, metrics);
  if (metrics.limits !== undefined) register(registry, limitMetrics, metrics.limits);
  const { commit, push } = metrics.talkLatency;
  registry.registerMetric(
    new LatencyHistogram("roost_talk_commit_seconds", "A talk, from its arrival to its commit.", commit),
  );
  registry.registerMetric(
    new LatencyHistogram("roost_talk_push_seconds", "A talk, from its arrival to its push.", push),
  );
  register(registry, serviceMetrics.map(ofAllServices), metrics);
  return registry;
}

/** Returns the metrics of a registry node. */
export function registryExpositionOf(metrics: RegistryMetrics): Registry {
  const registry = new Registry();
  register(registry, processMetrics, undefined);
  register(registry, faultMetrics("roost_registry_bugs_total"), metrics);
  if (metrics.limits !== undefined) register(registry, limitMetrics, { limits: metrics.limits, role: "discovery" });
  register(registry, registryMetrics, metrics);
  return registry;
}

/** What goes wrong inside of a process of any role. */
function faultMetrics(
  bugsName: string,
): readonly Metric<{ readonly bugs: ContainedBugs; readonly linesLost: () => number }>[] {
  return [
    counter(
      "roost_log_lost_total",
      "Lines of standard error and standard output that could not be written.",
      ({ linesLost }) => linesLost(),
    ),
    counterBy(
      bugsName,
      "Bugs that ended one connection or failed one request; the log holds their stacks.",
      "kind",
      ({ bugs }) => bugs.counts(),
    ),
  ];
}

function tally(
  name: string,
  help: string,
  label: string,
  tallyOf: (service: ServiceMetrics) => Tally,
): Metric<ServiceMetrics> {
  return counterBy(name, help, label, (service) => countsOf(tallyOf(service)));
}

/** The lags that are known, by name; of several standbys of one name the longest. */
function lagsOf(
  lags: ReturnType<NonNullable<ServiceMetrics["storeLags"]>> = [],
  lagOf: (lag: (typeof lags)[number]) => number | undefined,
): Iterable<readonly [string, number]> {
  const longest = new Map<string, number>();
  for (const each of lags) {
    const lag = lagOf(each);
    if (lag !== undefined) longest.set(each.name, Math.max(lag, longest.get(each.name) ?? 0));
  }
  return longest;
}

function countsOf({ counts }: Tally): (readonly [string, number])[] {
  return Array.from(counts, ([value, { count }]) => [value, count] as const);
}

/** A service's metric for all services of a process, with the labels that tell them apart. */
function ofAllServices({ read, ...metric }: Metric<ServiceMetrics>): Metric<Metrics> {
  return {
    ...metric,
    labelNames: ["service_id", "service_name", ...metric.labelNames],
    read: async ({ services }) => {
      const samples: Sample[] = [];
      for (const service of services) {
        const identity = { service_id: service.serviceId, service_name: service.serviceName };
        for (const [labels, value] of await read(service)) samples.push([{ ...identity, ...labels }, value]);
      }
      return samples;
    },
  };
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
