// The registry's DNS.

import { atRegistry, count } from "./limit.ts";

export const dnsLimits = {
  dnsConnections: count(
    256,
    atRegistry,
    "connections of DNS over TCP",
    "of the address that has most, the one longest without a query is closed",
  ),
  dnsConnectionsPerAddress: count(
    32,
    atRegistry,
    "connections of DNS over TCP of one address (not loopback)",
    "its one longest without a query is closed",
  ),
  dnsAnswersPerSecond: count(
    500,
    atRegistry,
    "DNS answers a second over UDP to one network (/24 of IPv4, /56 of IPv6, not loopback)",
    "every second one is cut to ask again over TCP, the others are dropped",
    { max: 10_000_000 },
  ),
  dnsRecords: count(256, atRegistry, "records of one type in a DNS answer", "a random choice of this many", {
    max: 4_096,
  }),
} as const;
